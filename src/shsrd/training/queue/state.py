"""A run folder as one piece of bytes that another machine goes on with, cut into parts that may travel.

Exact: everything of the checkpoint, the averages only where they differ from the weights. Compact, for networks whose
exact state is too large: averages as differences in bf16, moments of the optimiser in bf16 (the run goes on, but not to
the same bits).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save, save_file
from torch import Tensor

from shsrd.model.tensor_files import replacing
from shsrd.training.checkpoint import BEST, CHECKPOINT
from shsrd.training.config import TrainingError

TEXTS = ("config.json", "log.jsonl")
PART = 16 * 2**20  # bytes of a part
_AVERAGE, _RAW, _DIFFERENCE, _OPTIMIZER = "average.module.", "raw.", "difference.", "optimizer."


def pack_state(run: Path, *, compact: bool = False) -> bytes:
    """All that a run folder needs to go on: checkpoint, best weights, settings and log.

    Args:
        run: folder that holds a checkpoint.
        compact: see above.
    """
    with safe_open(run / CHECKPOINT, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        texts = {"progress": file.metadata()["progress"]}
    kept = {}
    for key, value in tensors.items():
        raw = tensors.get(_RAW + key.removeprefix(_AVERAGE)) if key.startswith(_AVERAGE) else None
        if raw is not None and torch.equal(raw, value):
            continue
        if compact and raw is not None:
            kept[_DIFFERENCE + key.removeprefix(_AVERAGE)] = (value - raw).bfloat16()
        else:
            small = compact and key.startswith(_OPTIMIZER) and value.numel() > 1
            kept[key] = value.bfloat16() if small else value
    if (run / BEST).exists():
        kept[BEST] = torch.frombuffer(bytearray((run / BEST).read_bytes()), dtype=torch.uint8)
    texts |= {name: (run / name).read_text() for name in TEXTS if (run / name).exists()}
    return save(kept, texts)


def unpack_state(content: bytes, run: Path) -> None:
    """Make the run folder again.

    Raises:
        TrainingError: the bytes are damaged.
    """
    try:
        kept = load(content)
        length = int.from_bytes(content[:8], "little")
        texts = json.loads(content[8 : 8 + length])["__metadata__"]
        progress = texts["progress"]
    except (SafetensorError, ValueError, KeyError) as error:
        raise TrainingError(f"{run}: the state that was carried is damaged ({error}); copy it again") from None
    run.mkdir(parents=True, exist_ok=True)
    best = kept.pop(BEST, None)
    if best is not None:
        with replacing(run / BEST) as partial:
            partial.write_bytes(best.numpy().tobytes())
    for name in TEXTS:
        if name in texts:
            (run / name).write_text(texts[name])
    with replacing(run / CHECKPOINT) as partial:
        save_file(_whole(kept), partial, metadata={"progress": progress})


def _whole(kept: dict[str, Tensor]) -> dict[str, Tensor]:
    """A checkpoint's tensors: averages that were left out are the weights."""
    tensors = {}
    for key, value in kept.items():
        if key.startswith(_DIFFERENCE):
            name = key.removeprefix(_DIFFERENCE)
            tensors[_AVERAGE + name] = kept[_RAW + name] + value.float()
        else:
            tensors[key] = value.float() if key.startswith(_OPTIMIZER) and value.is_floating_point() else value
    for key in [key for key in kept if key.startswith(_RAW)]:
        tensors.setdefault(_AVERAGE + key.removeprefix(_RAW), kept[key].clone())
    return tensors
