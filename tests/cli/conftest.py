"""Commands run in this process on small scenes, with a small network of random weights."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from shsrd.cli.main import main
from shsrd.cube import Storage
from shsrd.datasets import synthetic_scene
from shsrd.io import save_cube
from shsrd.model import Network, NetworkConfig, save_weights

VISIBLE = np.linspace(420.0, 980.0, 7)


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def shsrd(capsys):
    """Run a command line."""

    def run(*arguments):
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as left:
            code = left.code
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return run


def fingerprints(folder):
    """Every file below a folder with its bytes."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def refuses(shsrd, tmp_path):
    """Run a command that must end with code 2, one sentence holding some words, and every file as it was."""

    def run(arguments, *words):
        before = fingerprints(tmp_path)
        done = shsrd(*arguments)
        assert done.code == 2, done.err
        assert done.out == ""
        assert "Traceback" not in done.err
        assert done.err.startswith("shsrd: ")
        assert len(done.err.strip().splitlines()) == 1, done.err
        for word in words:
            assert str(word) in done.err
        assert fingerprints(tmp_path) == before
        return done.err

    return run


@pytest.fixture(scope="session")
def scene():
    """A 7-band synthetic scene of 16 x 20 pixels stored as int16 reflectance."""
    return synthetic_scene(rows=16, columns=20, wavelength_nm=VISIBLE, seed=3)


@pytest.fixture(scope="session")
def float_scene(scene):
    return scene.replace(storage=Storage())


@pytest.fixture
def source(tmp_path, scene):
    """The scene as an ENVI file."""
    save_cube(scene, tmp_path / "scene.img")
    return tmp_path / "scene.img"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Weights of a small network that adds some random detail everywhere."""
    config = NetworkConfig(
        scale=4, width=8, blocks=1, inject_every=1, guide_width=4, denoiser_width=8, denoiser_blocks=1, basis="pca"
    )
    torch.manual_seed(0)
    network = Network(config)
    with torch.no_grad():
        for head in (network.encoder.head, network.denoiser.head, network.encoder.injection.sites[0]):
            head.weight.normal_(std=0.02)
    path = tmp_path_factory.mktemp("weights") / "tiny-x4.safetensors"
    save_weights(path, network, {"stages": []})
    return path


@pytest.fixture
def scenes(tmp_path, scene):
    """Three scenes: an ENVI pair, a GeoTIFF and one without a place."""
    folder = tmp_path / "scenes"
    folder.mkdir()
    save_cube(scene, folder / "a.img")
    save_cube(scene.replace(pixels=scene.pixels + 0.01), folder / "b.tif")
    save_cube(scene.replace(crs=None, transform=None, pixels=scene.pixels + 0.02), folder / "c.npz")
    return folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def upscale_all(shsrd, scenes, out, tiny):
    """``upscale-all`` of the folder; gives exit code, the JSON and what was said."""

    def run(*options, sources=None, code=0):
        done = shsrd("upscale-all", *(sources or [scenes]), out, "--model", tiny, "--json", *options)
        assert done.code == code, done.err
        return json.loads(done.out), done.err

    return run
