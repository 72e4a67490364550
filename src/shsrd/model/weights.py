"""Weight files: safetensors with the config and the provenance in the header; nothing in them is ever executed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from shsrd.cube import InputError
from shsrd.model.config import NetworkConfig
from shsrd.model.network import Network

FORMAT = "shsrd-weights"
VERSION = 1


class WeightsError(InputError):
    """A weight file cannot be used; the message is one sentence: what is wrong and what to do."""


@dataclass(frozen=True)
class Model:
    """A network with where it comes from.

    Attributes:
        name: of the weights.
        network: with the weights loaded, float32.
        provenance: data, seeds, steps, budget, code version, validation figures.
        fingerprint: SHA-256 of the file, first 16 digits.
    """

    name: str
    network: Network
    provenance: Mapping[str, Any]
    fingerprint: str


def save_weights(path: Path, network: Network, provenance: Mapping[str, Any]) -> None:
    """Write a network as fp16 safetensors; the file appears only when complete."""
    tensors = {k: v.detach().to("cpu", torch.float16).contiguous() for k, v in network.state_dict().items()}
    header = {
        "format": FORMAT,
        "version": str(VERSION),
        "config": network.config.model_dump_json(),
        "provenance": json.dumps(provenance),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    save_file(tensors, partial, metadata=header)
    partial.chmod(0o644)  # safetensors makes files only their owner can read
    partial.replace(path)


def weights_content(network: Network) -> bytes:
    """A weight file's bytes with every digit of a network in memory, for another process of the same version."""
    tensors = {key: value.detach().to("cpu", torch.float32).contiguous() for key, value in network.state_dict().items()}
    header = {"format": FORMAT, "version": str(VERSION), "config": network.config.model_dump_json(), "provenance": "{}"}
    return save(tensors, header)


def load_weights(source: str | Path) -> Model:
    """Load weights by the name of a bundled model or by path.

    Raises:
        WeightsError: no such model, or a file that is corrupt, foreign or of an unknown version.
    """
    path = find_weights(source)
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
        network = _filled(Network(_config(path, header)), tensors)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error}); download or train it again") from None
    except RuntimeError:
        raise WeightsError(f"{path}: the tensors do not fit the config in its header; use another file") from None
    fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return Model(path.stem, network, _provenance(path, header), fingerprint)


def read_header(source: str | Path) -> dict[str, Any]:
    """Config and provenance of a weight file, without loading the tensors."""
    path = find_weights(source)
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a readable safetensors file ({error}); download or train it again") from None
    config = _config(path, header)
    return {"config": config.model_dump(), "provenance": _provenance(path, header)}


def bundled_models() -> list[str]:
    """Names of the weights that come with the package."""
    folder = files("shsrd.model") / "weights"
    if not folder.is_dir():
        return []
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".safetensors"))


def find_weights(source: str | Path) -> Path:
    """Path of bundled weights by name, or of a file."""
    if str(source) in bundled_models():
        return Path(str(files("shsrd.model") / "weights" / f"{source}.safetensors"))
    path = Path(source)
    if not path.is_file():
        known = ", ".join(bundled_models()) or "none bundled"
        raise WeightsError(f"no model {str(source)!r}: give a .safetensors file or one of: {known}")
    return path


def _config(path: Path, header: Mapping[str, str]) -> NetworkConfig:
    if header.get("format") != FORMAT:
        raise WeightsError(f"{path}: a safetensors file, but not shsrd weights; train or download some")
    if header.get("version") != str(VERSION):
        raise WeightsError(
            f"{path}: weights of version {header.get('version')}, this program reads {VERSION}; update shsrd"
        )
    try:
        return NetworkConfig.model_validate_json(header.get("config", ""))
    except ValidationError:
        raise WeightsError(f"{path}: the config in its header is not valid; download or train it again") from None


def _filled(network: Network, tensors: dict[str, Tensor]) -> Network:
    """The network with these tensors; files from before the scale head have one ``sigma_data`` for all pixels."""
    if tensors and not any(key.startswith("scale_head.") for key in tensors):
        config = network.config
        network.scale_head.restart(config.sigma_data)
        changed = {"sigma_data": 1.0, "spread": 1.0, "sample_spread": config.spread}
        network.config = config.model_copy(update=changed)
        tensors = tensors | {f"scale_head.{key}": value for key, value in network.scale_head.state_dict().items()}
    network.load_state_dict(tensors)
    return network


def _provenance(path: Path, header: Mapping[str, str]) -> dict[str, Any]:
    try:
        return dict(json.loads(header.get("provenance", "{}")))
    except (ValueError, TypeError):
        raise WeightsError(f"{path}: the provenance in its header is not valid; download or train it again") from None
