"""Weight files that ask for more than they hold; every case once took memory, time, or another error."""

import json
import time

import pytest
from hostile.verdict import fault_of_message
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from shsrd.model import Network, NetworkConfig, WeightsError, load_weights, read_header, save_weights

CONFIG = NetworkConfig(scale=2, width=8, blocks=2, denoiser_width=8, denoiser_blocks=1, guide_width=4)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "a.safetensors"
    save_weights(path, Network(CONFIG), {"version": "0.1.0"})
    return path


def rewrite(path, *, tensors=None, **header):
    with safe_open(path, "pt") as file:
        marks = file.metadata() | header
    save_file(tensors or load_file(path), path, metadata=marks)


def refused(path, load=load_weights):
    began = time.perf_counter()
    with pytest.raises(WeightsError) as caught:
        load(path)
    assert time.perf_counter() - began < 5
    assert fault_of_message(str(caught.value), path) is None
    return str(caught.value)


@pytest.mark.parametrize("name", ["width", "blocks", "denoiser_width", "denoiser_blocks", "guide_width", "scale_width",
                                  "map_channels", "descriptor_features"])  # fmt: skip
@pytest.mark.parametrize("number", [30_000, 10**9, 2**62])
def test_a_config_that_asks_for_everything(name, number, saved):
    rewrite(saved, config=json.dumps(CONFIG.model_dump() | {name: number}))
    assert "do not fit" in refused(saved)


@pytest.mark.parametrize("load", [load_weights, read_header])
@pytest.mark.parametrize("key", ["config", "provenance"])
def test_texts_nested_without_end(key, load, saved):
    rewrite(saved, **{key: "[" * 200_000})
    assert key in refused(saved, load)


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_settings_that_are_not_finite(number, saved):
    rewrite(saved, config=CONFIG.model_dump_json().replace('"spread":1.0', f'"spread":{number}'))
    assert "config" in refused(saved)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(number, saved):
    tensors = load_file(saved)
    tensors["encoder.stem.bias"][0] = number
    rewrite(saved, tensors=tensors)
    assert "not finite" in refused(saved)
