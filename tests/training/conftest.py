import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from scipy.ndimage import gaussian_filter

from shsrd.cube import Cube
from shsrd.model import Network, NetworkConfig, save_weights
from shsrd.training import TrainConfig
from shsrd.training.data.pack import PHOTO_PACK, pack_scene


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """One thread, little validation, and no TensorBoard: importing it takes longer than the runs here."""
    torch.set_num_threads(1)
    monkeypatch.setattr("shsrd.training.validation.SCENE_BATCHES", 1)
    monkeypatch.setattr("shsrd.training.calibration.STEPS", 2)
    monkeypatch.setattr("shsrd.training.calibration.SAMPLES", 2)
    monkeypatch.setattr("shsrd.training.monitor._tensorboard", lambda folder: None)


def smooth(rng, *shape, sigma=2.0):
    field = gaussian_filter(rng.normal(size=shape), (0, sigma, sigma))
    return (field - field.min()) / (field.max() - field.min())


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory):
    """Three colour photos of smooth random fields."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    sizes = {"a.png": (64, 80), "b.png": (50, 48), "c.png": (96, 60)}
    save_file({n: (255 * smooth(rng, 3, *size)).astype(np.uint8) for n, size in sizes.items()}, folder / PHOTO_PACK)
    return folder


@pytest.fixture(scope="session")
def make_scene():
    """A scene of three smooth materials with a little noise, as a cube."""

    def make(bands=10, rows=64, columns=72, *, seed=0):
        rng = np.random.default_rng(seed)
        abundance = smooth(rng, 3, rows, columns)
        spectra = np.cumsum(rng.uniform(0, 1, (bands, 3)), axis=0) / bands
        pixels = np.einsum("bk,kyx->byx", spectra, abundance) + 0.002 * rng.normal(size=(bands, rows, columns))
        return Cube(np.maximum(pixels, 0).astype(np.float32), wavelength_nm=np.linspace(420, 900, bands))

    return make


@pytest.fixture(scope="session")
def scene_folder(tmp_path_factory, make_scene):
    """Two packed scenes, just large enough for the patches that judge a denoiser."""
    folder = tmp_path_factory.mktemp("scenes")
    for seed in range(2):
        pack_scene(f"scene-{seed}", make_scene(rows=98, columns=104, seed=seed), folder)
    return folder


@pytest.fixture
def network_config():
    return NetworkConfig(scale=2, width=16, blocks=2, denoiser_width=16, denoiser_blocks=1, guide_width=8)


@pytest.fixture
def stage_one(tmp_path, network_config):
    """Weights of a random network, as a first stage would have left them."""
    torch.manual_seed(5)
    network = Network(network_config)
    with torch.no_grad():
        for head in (network.encoder.head, network.denoiser.head):
            head.weight.normal_(std=0.02)
    path = tmp_path / "stage-one.safetensors"
    save_weights(path, network, {"stages": [{"stage": "pretrain", "seed": 5}]})
    return path


@pytest.fixture
def settings(tmp_path, photo_folder, scene_folder, stage_one, network_config):
    """The settings of a tiny run of either stage."""

    def make(stage, **changes):
        folder = photo_folder if stage == "pretrain" else scene_folder
        own = {} if stage == "pretrain" else {"start_from": stage_one}
        values = {
            "train": folder,
            "validation": folder,
            "out": tmp_path / "run",
            "network": network_config,
            "batch": 4,
            "patch": 8,
            "warmup": 2,
            "lr": 1e-3,
            "ema": 0.7,
            "precision": "fp32",
            "validate_every": 3,
            "checkpoint_every": 3,
        }
        return TrainConfig(stage=stage, **{**values, **own, **changes})

    return make
