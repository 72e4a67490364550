import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shsrd.diffusion import log_uniform, sigmas_karras

both = pytest.mark.parametrize("schedule", [sigmas_karras, log_uniform], ids=lambda f: f.__name__)
levels = given(st.integers(2, 60), st.floats(0.1, 100), st.floats(1e-4, 0.09))


@both
@levels
def test_levels_decrease_from_sigma_max_to_zero(schedule, steps, high, low):
    sigmas = schedule(steps, sigma_max=high, sigma_min=low)
    assert sigmas.shape == (steps + 1,)
    assert sigmas[0].item() == pytest.approx(high, rel=1e-9)
    assert sigmas[-2].item() == pytest.approx(low, rel=1e-9)
    assert sigmas[-1] == 0
    assert (sigmas.diff() < 0).all()


@both
def test_one_step(schedule):
    assert schedule(1, sigma_max=3.0, sigma_min=0.1).tolist() == pytest.approx([3.0, 0.0])


@levels
def test_log_uniform_is_even_in_the_logarithm(steps, high, low):
    steps_taken = log_uniform(steps, sigma_max=high, sigma_min=low)[:-1].log().diff()
    torch.testing.assert_close(steps_taken, steps_taken[:1].expand_as(steps_taken), rtol=1e-6, atol=1e-9)


@levels
def test_karras_is_even_in_its_root(steps, high, low):
    steps_taken = (sigmas_karras(steps, sigma_max=high, sigma_min=low)[:-1] ** (1 / 7)).diff()
    torch.testing.assert_close(steps_taken, steps_taken[:1].expand_as(steps_taken), rtol=1e-6, atol=1e-9)
