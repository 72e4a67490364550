"""What a network runs in: the fastest that the processor allows, or what was asked for, or a clear refusal."""

import pytest
import torch

from shsrd.cube import SceneError
from shsrd.model import Model, Network, NetworkConfig, int8_supported, serialize_weights
from shsrd.upscaling import UpscaleOptions, options
from shsrd.upscaling.jobs.worker import ModelPayload
from shsrd.upscaling.options import choose_precision, inference_precision
from shsrd.upscaling.plan import make_engine

CPU = torch.device("cpu")


@pytest.fixture
def network():
    return Network(NetworkConfig(scale=4, width=16, blocks=3, denoiser_width=8, denoiser_blocks=1))


@pytest.fixture
def processor(monkeypatch):
    """A processor with or without VNNI and bf16."""

    def pretend(*, vnni, bf16):
        monkeypatch.setattr(options, "int8_supported", lambda: vnni)
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": bf16})

    return pretend


@pytest.mark.parametrize(
    ("vnni", "bf16", "small", "large"),
    [
        (True, True, "int8", "bf16"),
        (False, True, "bf16", "bf16"),
        (True, False, "int8", "int8"),
        (False, False, "fp32", "fp32"),
    ],
)
def test_auto_is_the_fastest_whose_rounding_does_not_show(processor, vnni, bf16, small, large):
    processor(vnni=vnni, bf16=bf16)
    assert inference_precision("auto", CPU) == small
    assert inference_precision("auto", CPU, single_block=False) == large


def test_training_never_runs_in_integers(processor):
    processor(vnni=True, bf16=True)
    assert choose_precision("auto", CPU) == "bf16"


@pytest.mark.parametrize(("asked", "expected"), [("auto", "bf16"), ("int8", "int8")])
@pytest.mark.parametrize("shape", [(31, 129, 20), (31, 20, 129)])
def test_what_is_asked_for_goes_before_the_number_of_cells(processor, network, asked, expected, shape):
    processor(vnni=True, bf16=True)
    model, wanted = Model("made up", network, {}, ""), UpscaleOptions(device="cpu", precision=asked)
    assert make_engine(model, wanted, (31, 128, 128)).precision == "int8"
    assert make_engine(model, wanted, shape).precision == expected


@pytest.mark.parametrize("name", ["bf16", "fp32"])
def test_what_was_asked_for_is_taken(processor, name):
    processor(vnni=True, bf16=True)
    assert inference_precision(name, CPU) == name


def test_integers_that_are_not_to_be_had_are_refused(processor):
    processor(vnni=False, bf16=True)
    with pytest.raises(SceneError, match="VNNI"):
        inference_precision("int8", CPU)
    processor(vnni=True, bf16=True)
    with pytest.raises(SceneError, match="VNNI"):
        inference_precision("int8", torch.device("meta"))


def test_a_worker_computes_in_the_precision_of_the_scene(processor, network):
    worker_model = ModelPayload(serialize_weights(network), "cpu").load()
    assert worker_model.engine("fp32").precision == "fp32"
    if int8_supported():
        assert worker_model.engine("int8").precision == "int8"
    processor(vnni=False, bf16=True)
    with pytest.raises(SceneError, match="VNNI"):
        worker_model.engine("int8")
