import hashlib
import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from shsrd.model import WeightsError, bundled_models, load_weights, read_header, save_weights

PROVENANCE = {"stages": [{"stage": "pretrain", "seed": 3, "figures": {"gain_db": 1.25}}], "version": "0.1.0"}


@pytest.fixture
def saved(tmp_path, config, make_network):
    network = make_network(config, injection=True)
    path = tmp_path / "folder" / "tiny.safetensors"
    save_weights(path, network, PROVENANCE)
    return path, network


def rewritten(path, *, tensors=None, **header):
    """The same file with other tensors or header entries; None drops an entry."""
    with safe_open(path, "pt") as file:
        metadata = {**file.metadata(), **header}
    metadata = {key: value for key, value in metadata.items() if value is not None}
    other = path.with_name("other.safetensors")
    save_file(load_file(path) if tensors is None else tensors, other, metadata=metadata)
    return other


def refused(source, *, match=".", load=load_weights):
    with pytest.raises(WeightsError, match=match) as caught:
        load(source)
    message = str(caught.value)
    assert Path(source).name in message
    assert "\n" not in message
    assert ". " not in message.replace(str(source), "")  # one sentence
    assert len(message) < 400 + len(str(source))


def test_round_trip_in_half_precision(saved):
    path, network = saved
    model = load_weights(path)
    expected = {key: value.half().float() for key, value in network.state_dict().items()}
    loaded = model.network.state_dict()
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[key], expected[key]) for key in expected)
    assert all(value.dtype == torch.float32 for value in loaded.values())
    assert any(not torch.equal(loaded[key], value) for key, value in network.state_dict().items())
    assert {t.dtype for t in load_file(path).values()} == {torch.float16}


def test_config_provenance_and_fingerprint_travel(saved, config):
    path, _ = saved
    model = load_weights(str(path))
    assert model.name == "tiny"
    assert model.network.config == config
    assert model.provenance == PROVENANCE
    assert model.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    assert read_header(path) == {"config": config.model_dump(), "provenance": PROVENANCE}


def test_saving_twice_gives_the_same_network_and_no_litter(saved):
    path, _ = saved
    first = load_weights(path).network
    save_weights(path, first, PROVENANCE)
    again = load_weights(path).network.state_dict()
    assert all(torch.equal(value, again[key]) for key, value in first.state_dict().items())
    assert [p.name for p in path.parent.iterdir()] == ["tiny.safetensors"]


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    path, network = saved
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("shsrd.model.weights.save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        save_weights(path, network, {})
    assert path.read_bytes() == before


@pytest.mark.parametrize("kept", [0, 4, 8, 100, 0.5, -1])
@pytest.mark.parametrize("load", [load_weights, read_header], ids=lambda f: f.__name__)
def test_truncated_files_are_refused(saved, kept, load):
    path, _ = saved
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept) if isinstance(kept, float) else kept])
    refused(path, match="not a readable safetensors file", load=load)


@pytest.mark.parametrize("content", [b"\x00" * 500, b"\xff" * 500, b"hello world, I am text\n" * 40, b"{}"])
@pytest.mark.parametrize("load", [load_weights, read_header], ids=lambda f: f.__name__)
def test_other_bytes_are_refused(tmp_path, content, load):
    path = tmp_path / "odd.safetensors"
    path.write_bytes(content)
    refused(path, load=load)


def test_foreign_safetensors_are_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    refused(path, match="not shsrd weights")
    save_file({"weight": torch.zeros(3)}, path, metadata={"format": "pt"})
    refused(path, match="not shsrd weights")


@pytest.mark.parametrize("version", ["0", "2", "", None])
def test_other_versions_are_refused(saved, version):
    refused(rewritten(saved[0], version=version), match="version")


@pytest.mark.parametrize("text", [None, "", "{}{", "[]", json.dumps({"width": "wide"}), json.dumps({"depth": 3})])
@pytest.mark.parametrize("load", [load_weights, read_header], ids=lambda f: f.__name__)
def test_broken_configs_are_refused(saved, text, load):
    refused(rewritten(saved[0], config=text), match="config", load=load)


@pytest.mark.parametrize("text", ["{", "not json", ""])
@pytest.mark.parametrize("load", [load_weights, read_header], ids=lambda f: f.__name__)
def test_broken_provenance_is_refused(saved, text, load):
    refused(rewritten(saved[0], provenance=text), match="provenance", load=load)


@pytest.mark.parametrize("stages", [None, 5, {"scenes": ["a"]}, [5, None, {"scenes": 7}, {"scenes": [1, None]}, {}]])
def test_scenes_are_looked_for_in_whatever_stands_there(saved, stages):
    assert load_weights(rewritten(saved[0], provenance=json.dumps({"stages": stages}))).scenes == frozenset()


def change_shape(tensors):
    tensors["encoder.stem.weight"] = torch.zeros(4, 3, 3, 3)


def drop_one(tensors):
    del tensors["encoder.stem.bias"]


def add_one(tensors):
    tensors["encoder.extra"] = torch.zeros(3)


@pytest.mark.parametrize("spoil", [change_shape, drop_one, add_one, dict.clear], ids=lambda f: f.__name__)
def test_tensors_that_do_not_fit_are_refused(saved, spoil):
    tensors = load_file(saved[0])
    spoil(tensors)
    refused(rewritten(saved[0], tensors=tensors), match="do not fit")


def test_a_config_of_other_widths_is_refused(saved, config):
    other = config.model_copy(update={"width": 24})
    refused(rewritten(saved[0], config=other.model_dump_json()), match="do not fit")


class Trap:
    """Unpickling this would create a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_pickles_are_refused_and_never_run(tmp_path, saved):
    trapped = tmp_path / "sprung"
    for name, write in {
        "torch.safetensors": lambda p: torch.save(saved[1].state_dict(), p),
        "trap.pt": lambda p: torch.save(Trap(trapped), p),
        "plain.pkl": lambda p: p.write_bytes(pickle.dumps(Trap(trapped))),
    }.items():
        write(tmp_path / name)
        refused(tmp_path / name, match="not a readable safetensors file")
    assert not trapped.exists()
    pickle.loads((tmp_path / "plain.pkl").read_bytes())
    assert trapped.exists()  # the trap does work


def test_unknown_names_say_what_is_known(tmp_path):
    for source in ("no-such-model", str(tmp_path)):
        with pytest.raises(WeightsError, match=r"no model .*: give a \.safetensors file or one of: "):
            load_weights(source)


def test_a_path_that_is_not_there_says_what_is(tmp_path):
    """Asked for as a file, it is not called a model of an unknown name."""
    wanted = tmp_path / "runs" / "mine" / "best.safetensors"
    with pytest.raises(WeightsError, match=rf"{wanted}: no such file; give another file or one of: "):
        load_weights(wanted)
    other = tmp_path / "runs" / "other" / "best.safetensors"
    other.parent.mkdir(parents=True)
    other.touch()
    with pytest.raises(WeightsError, match=f"no such file; there are {other}"):
        load_weights(wanted)
    with pytest.raises(WeightsError, match=f"is a folder; give the file: {other}"):
        load_weights(other.parent)


@pytest.mark.parametrize(("validation", "words"), [("data/val", "after 200 steps"), (None, "at its end only")])
def test_a_training_without_weights_says_so(tmp_path, validation, words):
    settings = {"stage": "transfer", "steps": 4000, "validate_every": 200, "validation": validation}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "checkpoint.safetensors").touch()
    for source in (tmp_path, tmp_path / "best.safetensors"):
        with pytest.raises(WeightsError, match=rf"no weights yet .*{words}.*`shsrd transfer`"):
            load_weights(source)


def test_bundled_names_are_loadable():
    names = bundled_models()
    if not names:
        pytest.skip("no bundled weights yet")
    for name in names:
        model = load_weights(name)
        assert model.name == name
        assert model.provenance.get("stages")
        assert all(torch.isfinite(p).all() for p in model.network.parameters())
