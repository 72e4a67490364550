import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shsrd.diffusion import pixel_noise
from shsrd.diffusion.noise import _mix

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def splitmix64(x):
    """Finaliser of Steele, Lea and Flood 2014, in Python's unbounded integers."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def independent_noise(seed, row, column, channel):
    state = splitmix64((seed + GOLDEN) & MASK)
    state = splitmix64(state ^ (channel & MASK))
    state = splitmix64((state + row * GOLDEN) & MASK)
    state = splitmix64((state + column * GOLDEN) & MASK)
    first = float(np.float32((state >> 40) + 0.5)) * 2.0**-24
    second = float(np.float32((state & 0xFFFFFF) + 0.5)) * 2.0**-24
    return math.sqrt(-2 * math.log(first)) * math.cos(2 * math.pi * second)


def block(seed, rows, columns, channels):
    return pixel_noise(seed, torch.tensor(rows), torch.tensor(columns), torch.tensor(channels))


def square(seed, side=400, channels=(0, 1)):
    return pixel_noise(seed, torch.arange(side), torch.arange(side), torch.tensor(channels)).double()


def test_mixing_gives_the_published_sequence():
    """First outputs of splitmix64 with seed 1234567, as every published implementation has them."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    states = [signed((1234567 + k * GOLDEN) & MASK) for k in range(1, 5)]
    mixed = _mix(torch.tensor(states))
    assert [value & MASK for value in mixed.tolist()] == published


@given(st.integers(0, MASK))
def test_mixing_equals_an_independent_implementation(value):
    assert _mix(torch.tensor(signed(value))).item() & MASK == splitmix64(value)


@settings(max_examples=50)
@given(st.integers(0, 2**62), st.integers(-5000, 2**20), st.integers(-5000, 2**20), st.integers(0, 500))
def test_noise_equals_an_independent_implementation(seed, row, column, channel):
    ours = block(seed, [row], [column], [channel]).item()
    assert ours == pytest.approx(independent_noise(seed, row, column, channel), abs=1e-5)


@settings(max_examples=50)
@given(
    st.integers(0, 2**62),
    st.lists(st.integers(-300, 10**6), min_size=1, max_size=5),
    st.lists(st.integers(-300, 10**6), min_size=1, max_size=5),
    st.lists(st.integers(0, 300), min_size=1, max_size=3),
    st.data(),
)
def test_a_pixel_has_its_value_in_whatever_block(seed, rows, columns, channels, data):
    whole = block(seed, rows, columns, channels)
    y, x, c = (data.draw(st.integers(0, len(numbers) - 1)) for numbers in (rows, columns, channels))
    alone = block(seed, [rows[y]], [columns[x]], [channels[c]])
    assert alone.item() == whole[c, y, x].item()


def test_it_is_standard_normal():
    noise = square(3).flatten()
    n = len(noise)
    assert abs(noise.mean().item()) < 4 / math.sqrt(n)
    assert noise.var().item() == pytest.approx(1, abs=4 * math.sqrt(2 / n))
    assert stats.skew(noise.numpy()) == pytest.approx(0, abs=4 * math.sqrt(6 / n))
    assert stats.kurtosis(noise.numpy(), fisher=False) == pytest.approx(3, abs=4 * math.sqrt(24 / n))
    assert stats.kstest(noise.numpy(), "norm").pvalue > 1e-3
    assert 4 < noise.abs().max() < 7
    assert torch.isfinite(noise).all()


def correlation(a, b):
    return torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1].abs().item()


def test_neighbours_channels_and_seeds_are_independent():
    noise, other = square(3), square(4)
    a = noise[0]
    pairs = {
        "rows": (a[1:], a[:-1]),
        "columns": (a[:, 1:], a[:, :-1]),
        "diagonal": (a[1:, 1:], a[:-1, :-1]),
        "antidiagonal": (a[1:, :-1], a[:-1, 1:]),
        "transposed": (torch.triu(a, 1), torch.triu(a.T, 1)),
        "channels": (noise[0], noise[1]),
        "seeds": (noise[0], other[0]),
        "seed against channel": (noise[1], other[0]),
        "squares of neighbours": (a[1:].square(), a[:-1].square()),
        "squares of channels": (noise[0].square(), noise[1].square()),
    }
    found = {name: correlation(*pair) for name, pair in pairs.items()}
    limit = 4.5 / math.sqrt(a.numel() / 2)
    assert {name: value for name, value in found.items() if value > limit} == {}


def test_its_spectrum_is_white():
    power = torch.fft.fft2(square(7, side=256)[0]).abs().square() / 256**2
    rings = power.reshape(16, 16, 16, 16).mean(dim=(1, 3))
    assert (rings - 1).abs().max() < 5 / 16  # each of the 256 means has standard deviation 1/16
