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
from safetensors import SafetensorError, deserialize
from safetensors.torch import load, save, save_file
from torch import Tensor

from shsrd.cube import InputError
from shsrd.model.config import NetworkConfig
from shsrd.model.missing_weights import missing_weights
from shsrd.model.network import Network
from shsrd.model.residual_std import StdHead
from shsrd.model.tensor_files import replacing

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

    @property
    def scenes(self) -> frozenset[str]:
        """Names of the hyperspectral scenes that the weights say they were trained on."""
        stages = _list(self.provenance.get("stages"))
        found = [_list(stage.get("scenes")) for stage in stages if isinstance(stage, dict)]
        return frozenset(name for names in found for name in names if isinstance(name, str))


def _list(value: object) -> list[Any]:
    """A list out of a file that may hold anything."""
    return value if isinstance(value, list) else []


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
    with replacing(path) as partial:
        save_file(tensors, partial, metadata=header)


def serialize_weights(network: Network) -> bytes:
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
    data, header = _read(path)
    config = _config(path, header)
    provenance = _provenance(path, header)
    tensors = {key: value.float() for key, value in load(data).items()}
    if not all(torch.isfinite(value).all() for value in tensors.values()):
        raise WeightsError(f"{path}: some weights are not finite; download or train it again")
    network = _filled(_fitting(path, config, tensors), tensors)
    return Model(path.stem, network, provenance, hashlib.sha256(data).hexdigest()[:16])


def read_header(source: str | Path) -> dict[str, Any]:
    """Config and provenance of a weight file, without loading the tensors."""
    path = find_weights(source)
    _, header = _read(path)
    config = _config(path, header)
    return {"config": config.model_dump(), "provenance": _provenance(path, header)}


def _read(path: Path) -> tuple[bytes, Mapping[str, str]]:
    """All bytes of a weight file that is whole, and the texts in its header.

    Read, not mapped: a map of a file that shrinks meanwhile kills the process.
    """
    try:
        data = path.read_bytes()
        deserialize(data)  # type: ignore[no-untyped-call]  # checks every size and place against the file
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path}: not a readable safetensors file ({reason}); download or train it again") from None
    return data, header


def bundled_models() -> list[str]:
    """Names of the weights that come with the package."""
    folder = files("shsrd.model") / "weights"
    if not folder.is_dir():
        return []
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".safetensors"))


def find_weights(source: str | Path) -> Path:
    """Path of bundled weights by name, or of a file.

    Raises:
        WeightsError: neither; the message says what there is instead.
    """
    if str(source) in bundled_models():
        return Path(str(files("shsrd.model") / "weights" / f"{source}.safetensors"))
    path = Path(source)
    if not path.is_file():
        raise WeightsError(missing_weights(source, bundled_models()))
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


def _fitting(path: Path, config: NetworkConfig, tensors: Mapping[str, Tensor]) -> Network:
    """A network without memory into which the tensors fit: a config of a few bytes may ask for any size.

    Its blocks are counted before it is built, because even that takes time for each.
    """
    fault = f"{path}: the tensors do not fit the config in its header; use another file"
    if config.blocks + config.denoiser_blocks > len(tensors):
        raise WeightsError(fault)
    try:
        with torch.device("meta"):
            network = Network(config)
    except (RuntimeError, TypeError, ZeroDivisionError):
        raise WeightsError(fault) from None
    wanted = {key: value.shape for key, value in network.state_dict().items()}
    found = {key: value.shape for key, value in tensors.items()}
    older = (
        {}
        if any(_is_std_head_key(key) for key in found)
        else {k: shape for k, shape in wanted.items() if _is_std_head_key(k)}
    )
    if not found or older | found != wanted:
        raise WeightsError(fault)
    return network


def _is_std_head_key(key: str) -> bool:
    return key.startswith("scale_head.")


def _filled(network: Network, tensors: dict[str, Tensor]) -> Network:
    """The network made of these tensors; files from before the scale head have one ``sigma_data`` for all pixels."""
    if not any(_is_std_head_key(key) for key in tensors):
        config = network.config
        head = StdHead(config)
        head.restart(config.sigma_data)
        changed = {"sigma_data": 1.0, "spread": 1.0, "sample_spread": config.spread}
        network.config = config.model_copy(update=changed)
        tensors = tensors | {f"scale_head.{key}": value for key, value in head.state_dict().items()}
    network.load_state_dict(tensors, assign=True)
    return network


def _provenance(path: Path, header: Mapping[str, str]) -> dict[str, Any]:
    try:
        return dict(json.loads(header.get("provenance", "{}")))
    except (ValueError, TypeError, RecursionError):
        raise WeightsError(f"{path}: the provenance in its header is not valid; download or train it again") from None
