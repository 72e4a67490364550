"""The two stages: from a config to trained weights with their provenance."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

import shsrd
from shsrd.model import Network, NetworkConfig, load_weights, save_weights
from shsrd.training.calibration import Calibration, calibrate
from shsrd.training.checkpoint import BEST, CHECKPOINT, LAST, Progress, read_progress
from shsrd.training.config import TrainConfig, TrainingError, current_keys
from shsrd.training.data.mixture import MixtureSource, Source
from shsrd.training.data.pack import scene_names
from shsrd.training.data.photo_cubes import PhotoCubeSource
from shsrd.training.data.photos import PhotoSource
from shsrd.training.data.scenes import SceneSource
from shsrd.training.initialise import initialise_network
from shsrd.training.loop import PausedError, Run, train
from shsrd.training.validation import Validate, photo_validator, scene_validator
from shsrd.training.weight_averaging import (
    StateDict,
    load_ema_weights,
    mixed,
    select_weight_average,
    weight_average_name,
)
from shsrd.upscaling.inference import Precision
from shsrd.upscaling.options import choose_device, choose_precision

POSTPROCESS_S = 40.0  # what mixing or calibration may take, at least, before a run that can be paused begins with it


def run_training(config: TrainConfig, *, pause: Callable[[float], bool] | None = None) -> Path:
    """Train as the config says, or go on where an interrupted run stopped.

    Args:
        config: all settings.
        pause: stops the run when it says so, see ``Run``; the averaged weights so far are in ``out/last.safetensors``.

    Returns:
        The best weights on the validation set, or the last ones without it (EMA, fp16), ``out/best.safetensors``.

    Raises:
        TrainingError: missing data, settings that do not fit each other, or a run folder that holds a run of other
            settings.
        PausedError: the run was stopped by ``pause``.
    """
    _check(config)
    config = config.model_copy(update={"precision": _precision(config)})
    start = None if config.start_from is None else load_weights(config.start_from)
    if config.stage == "transfer" and start is None:
        raise TrainingError("a transfer starts from pre-trained weights; set start_from, for example natural-x4")
    network = initialise_network(config, start)
    check_run_folder(config, network.config)
    validate = None if config.validation is None else _validator(config, config.validation, network.config)
    source = _source(config, network.config)
    run = Run(config, network, source, validate, partial(write_resolved_config, config, network.config), pause)
    target = config.out / BEST
    history = [] if start is None else list(start.provenance.get("stages", []))

    def save_best(best: Network, progress: Progress, figures: dict[str, float]) -> None:
        stages = [*history, _provenance(config, progress, figures)]
        save_weights(target, best, {"version": shsrd.__version__, "stages": stages})

    try:
        progress = train(run, save_best)
    except PausedError:
        _save_paused(config, network, history)
        raise
    if config.stage == "transfer" and pause is not None and pause(POSTPROCESS_S):
        _save_paused(config, network, history)
        raise PausedError
    if config.stage == "transfer" and config.objective == "mean":
        _mix(target, config, run, progress, history)
    if config.stage == "transfer" and config.objective == "diffusion":
        _calibrate(target, config)
    return target


def _save_paused(config: TrainConfig, network: Network, history: list[dict[str, Any]]) -> None:
    """Write the averaged weights of a paused run's checkpoint, if it has one."""
    if (config.out / CHECKPOINT).exists():
        stage = _provenance(config, read_progress(config.out), {}) | {"unfinished": True}
        network.load_state_dict(load_ema_weights(config.out))
        save_weights(config.out / LAST, network, {"version": shsrd.__version__, "stages": [*history, stage]})


def _check(config: TrainConfig) -> None:
    """Refuse settings that ask for a judge where there is none, or for lessons that nothing could learn from."""
    if config.validation is None and config.patience:
        raise TrainingError("patience stops a run by its validation figures; set validation, or patience to 0")
    if config.calibration is not None and config.validation is not None:
        raise TrainingError("calibration is measured on validation scenes; leave out one of validation, calibration")
    uses_replay = config.stage == "transfer" and config.replay is not None and config.replay_share > 0
    plain = config.photos.cubes < 1  # some of the photos come without spectral information
    if uses_replay and plain and config.objective == "mean" and config.trainable == "injection":
        raise TrainingError("photos teach an injection nothing, and it alone may change; leave out rehearsal")


def _mix(target: Path, config: TrainConfig, run: Run, progress: Progress, history: list[dict[str, Any]]) -> None:
    """Replace the best weights by an average of start, best and last ones: as asked, or the best one if better."""
    assert config.start_from is not None  # a transfer has a start
    best = load_weights(target)
    if "mix" in best.provenance["stages"][-1]:  # a finished run, started once more
        return
    network = initialise_network(config, load_weights(config.start_from))
    found = _mixed(network, config, run, _copy(best.network))
    if found is not None:
        name, figures = found
        stages = [*history, _provenance(config, progress, figures) | {"mix": name}]
        save_weights(target, network, {"version": shsrd.__version__, "stages": stages})


def _mixed(network: Network, config: TrainConfig, run: Run, best: StateDict) -> tuple[str, dict[str, float]] | None:
    """Load a mix into the network, which holds the start; its name and figures, or None where nothing is gained."""
    start, last = _copy(network), load_ema_weights(config.out)
    if config.mix_share is not None:
        network.load_state_dict(mixed(start, last, config.mix_share))
        return weight_average_name("start", config.mix_share), {} if run.validate is None else run.validate(network)
    if not config.mix or run.validate is None:
        return None
    return select_weight_average(network, {"start": start, "best": best}, last, run.validate)


def _name(weights: Path) -> str:
    """Name of a run (its best weights are all called ``best``), or of a weight file."""
    return weights.parent.name if weights.name == BEST else weights.stem


def _copy(network: Network) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def _calibrate(target: Path, config: TrainConfig) -> None:
    """Write what validation scenes say of the uncertainty into the best weights: this run's, or those of others."""
    best = load_weights(target)
    if config.validation is not None:
        found = calibrate(best.network, config.validation, _precision(config))
    elif config.calibration is not None:
        found = Calibration.of(load_weights(config.calibration).network.config)
    else:
        return
    best.network.config = found.applied(best.network.config)
    save_weights(target, best.network, best.provenance)


def _precision(config: TrainConfig) -> Precision:
    """The precision of a run; ``auto`` is what this machine computes in."""
    return choose_precision(config.precision, choose_device("auto"))


def _source(config: TrainConfig, network: NetworkConfig) -> Source:
    """Source of batches: photos on the GPU (unless stage 1 has workers), scenes on the CPU."""
    device = _training_device()
    if config.stage == "pretrain":
        return _photos(config.train, config, network, "cpu" if config.workers else device)
    scenes = SceneSource(config.train, config.scenes, scale=network.scale, patch=config.patch, guides=network.guides)
    if config.workers:
        scenes.prepare(config.workers)
    if config.replay is None:
        return scenes
    photos = _photos(config.replay, config, network, device)
    return MixtureSource(scenes, photos, config.replay_share, apart=device.type != "cpu")


def _photos(folder: Path, config: TrainConfig, network: NetworkConfig, device: torch.device | str) -> Source:
    photos = PhotoSource(folder, config.photos, scale=network.scale, patch=config.patch, device=device)
    return (
        MixtureSource(photos, PhotoCubeSource(photos, network.guides), config.photos.cubes)
        if config.photos.cubes
        else photos
    )


def _training_device() -> torch.device:
    """The device of this process, one of several where ``torchrun`` started it."""
    device = choose_device("auto")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if device.type == "cuda" else device


def _validator(config: TrainConfig, folder: Path, network: NetworkConfig) -> Validate:
    precision, objective = _precision(config), config.objective
    if config.stage == "pretrain":
        return photo_validator(folder, network=network, objective=objective, precision=precision)
    sensors = config.scenes.sensors > 0
    return scene_validator(folder, network=network, objective=objective, precision=precision, sensors=sensors)


def check_run_folder(config: TrainConfig, network: NetworkConfig) -> None:
    """Refuse a run folder that holds a run of other settings; one that ended before its first checkpoint holds none."""
    path = config.out / "config.json"
    if not path.exists() or not any((config.out / name).exists() for name in (CHECKPOINT, BEST)):
        return
    try:
        before = current_keys(json.loads(path.read_text()))
        before |= {"network": NetworkConfig.model_validate(before.get("network", {})).model_dump(mode="json")}
    except (OSError, ValueError):
        raise TrainingError(f"{path}: not readable; choose another out folder, or delete this one") from None
    resolved = _resolved(config, network)
    drawn_on_cpu = {"workers"} if config.stage == "transfer" else set()  # photos of stage 1 may be drawn on a GPU
    fixed = resolved.keys() - _MUTABLE_KEYS - drawn_on_cpu
    changed = sorted(key for key in fixed if before.get(key, _default(key)) != resolved[key])
    if changed:
        raise TrainingError(
            f"{config.out} holds a run with other {', '.join(changed)}; choose another out folder, or delete this one"
        )


def write_resolved_config(config: TrainConfig, network: NetworkConfig) -> None:
    """Write the settings beside the results."""
    config.out.mkdir(parents=True, exist_ok=True)
    (config.out / "config.json").write_text(json.dumps(_resolved(config, network), indent=2) + "\n")


def _resolved(config: TrainConfig, network: NetworkConfig) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(config.model_dump_json())
    return settings | {"network": network.model_dump(mode="json")}


def _default(key: str) -> object:
    """Value of a setting in runs that are older than the setting."""
    return TrainConfig.model_fields[key].default


_MUTABLE_KEYS = {"time_limit", "patience", "checkpoint_every", "out", "precision"}


def _provenance(config: TrainConfig, progress: Progress, figures: Mapping[str, float]) -> dict[str, Any]:
    """Provenance of weights; folder names only, no paths of the machine."""
    return {
        "stage": config.stage,
        "objective": config.objective,
        "train": config.train.name,
        "scenes": scene_names(config.train) if config.stage == "transfer" else [],
        "validation": None if config.validation is None else config.validation.name,
        "start_from": None if config.start_from is None else _name(config.start_from),
        "replay": None if config.replay is None else config.replay.name,
        "trainable": config.trainable,
        "restart_injection": config.restart_injection,
        "acquisition": config.acquisition,
        "sensors": config.scenes.sensors,
        "scale_context": config.scale_context,
        "noise_samples": config.noise_samples,
        "seed": config.seed,
        "step": progress.step,
        "minutes": round(progress.seconds / 60, 1),
        "batch": config.batch,
        "patch": config.patch,
        "optimizer": config.optimizer,
        "body_rate": config.body_rate,
        "scale_rate": config.scale_rate,
        "lr": config.lr,
        "charbonnier_eps": config.charbonnier_eps,
        "figures": {key: round(value, 4) for key, value in figures.items()},
    }
