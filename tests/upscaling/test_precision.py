"""What a network runs in: the fastest that processor and weights allow, or what was asked for, or a clear refusal."""

import pytest
import torch

from shsrd.cube import SceneError
from shsrd.model import Model, Network, NetworkConfig, int8_supported, weights_content
from shsrd.upscaling import UpscaleOptions, options
from shsrd.upscaling.bench import Outfit
from shsrd.upscaling.options import choose_precision, running_precision
from shsrd.upscaling.plan import make_engine

CPU = torch.device("cpu")


@pytest.fixture
def network():
    made = Network(NetworkConfig(scale=4, width=8, blocks=3, denoiser_width=8, denoiser_blocks=1))
    made.encoder.limits.fill_(1.0)
    return made


@pytest.fixture
def processor(monkeypatch):
    """A processor with or without VNNI and bf16."""

    def pretend(*, vnni, bf16):
        monkeypatch.setattr(options, "int8_supported", lambda: vnni)
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": bf16})

    return pretend


@pytest.mark.parametrize(
    ("vnni", "bf16", "expected"),
    [(True, True, "int8"), (False, True, "bf16"), (True, False, "fp32"), (False, False, "fp32")],
)
def test_auto_is_the_fastest_there_is(processor, network, vnni, bf16, expected):
    processor(vnni=vnni, bf16=bf16)
    assert running_precision("auto", CPU, network) == expected


def test_training_never_runs_in_integers(processor):
    processor(vnni=True, bf16=True)
    assert choose_precision("auto", CPU) == "bf16"


def test_auto_leaves_integers_out_where_weights_are_not_prepared(processor, network):
    processor(vnni=True, bf16=True)
    network.encoder.limits[1] = 0
    assert running_precision("auto", CPU, network) == "bf16"


@pytest.mark.parametrize(("asked", "expected"), [("auto", "bf16"), ("int8", "int8")])
@pytest.mark.parametrize(
    ("uncertain", "shape"),
    [(True, (31, 128, 128)), (False, (31, 129, 20)), (False, None)],
    ids=["an uncertainty", "two cells", "several scenes"],
)
def test_integers_are_left_to_scenes_of_one_cell_unless_asked_for(
    processor, network, asked, expected, uncertain, shape
):
    if not int8_supported():
        pytest.skip("this CPU has no VNNI instructions")
    processor(vnni=True, bf16=True)
    model, plain = Model("made up", network, {}, ""), UpscaleOptions(device="cpu", precision=asked)
    assert make_engine(model, plain, (31, 128, 128)).precision == "int8"
    options = plain.model_copy(update={"uncertainty": uncertain})
    assert make_engine(model, options, shape).precision == expected


@pytest.mark.parametrize("name", ["bf16", "fp32"])
def test_what_was_asked_for_is_taken(processor, network, name):
    processor(vnni=True, bf16=True)
    assert running_precision(name, CPU, network) == name


def test_integers_that_are_not_to_be_had_are_refused(processor, network):
    processor(vnni=False, bf16=True)
    with pytest.raises(SceneError, match="VNNI"):
        running_precision("int8", CPU, network)
    processor(vnni=True, bf16=True)
    with pytest.raises(SceneError, match="VNNI"):
        running_precision("int8", torch.device("meta"), network)
    network.encoder.limits.zero_()
    with pytest.raises(SceneError, match="no limits"):
        running_precision("int8", CPU, network)


def test_a_worker_without_integers_refuses_a_job_in_them(processor, network):
    outfit = Outfit(weights_content(network), "cpu", "int8")
    if int8_supported():
        assert outfit.unpacked().engine.precision == "int8"
    processor(vnni=False, bf16=True)
    with pytest.raises(SceneError, match="VNNI"):
        outfit.unpacked()
