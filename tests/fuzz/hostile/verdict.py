"""Open one spoiled scene or weight file in every way, and say what was not as promised."""

from __future__ import annotations

import math
import pickle
import traceback
from pathlib import Path

from shsrd.cube import SceneError, Source
from shsrd.io import describe, open_source

_LONGEST = 1500  # characters of a message, without the path
_WHOLE = 2**22  # numbers up to which a scene is read whole
_FORBIDDEN = ("MemoryError", "Unable to allocate", "Cannot allocate", "allocate memory", "RecursionError", "Traceback")


def try_scene(path: Path, variable: str | None) -> str:
    """``opened`` or ``refused``, else the fault."""
    try:
        source = open_source(path, variable=variable)
        try:
            _read(source)
            again = pickle.loads(pickle.dumps(source))
            _corner(again)
            again.close()
        finally:
            source.close()
    except SceneError as error:
        return fault_of_message(str(error), path) or "refused"
    except Exception:
        return traceback.format_exc(limit=-6)
    return "opened"


def _read(source: Source) -> None:
    bands, rows, columns = source.metadata.shape
    _corner(source)
    if math.prod((bands, rows, columns)) <= _WHOLE:
        describe(source)
        source.read(slice(rows // 2, rows), slice(columns // 2, columns))
    elif bands <= _WHOLE:
        source.read(slice(rows - 1, rows), slice(columns - 1, columns))


def _corner(source: Source) -> None:
    if source.metadata.shape[0] <= _WHOLE:
        pixels = source.read(slice(0, 1), slice(0, 1))
        assert pixels.shape == (source.metadata.shape[0], 1, 1)


def try_weights(path: Path) -> str:
    """As :func:`try_scene`."""
    from shsrd.model import WeightsError, load_weights, read_header

    outcomes = []
    for load in (read_header, load_weights):
        try:
            load(path)
            outcomes.append("opened")
        except WeightsError as error:
            outcomes.append(fault_of_message(str(error), path) or "refused")
        except Exception:
            return traceback.format_exc(limit=-6)
    return next((o for o in outcomes if o not in ("opened", "refused")), outcomes[-1])


def fault_of_message(message: str, path: Path) -> str | None:
    """What is wrong with a message that should be one plain sentence with a file and a remedy, or None."""
    folder = path if path.is_dir() else path.parent
    plain = message.replace(str(folder), "")
    if not message.isprintable():
        return f"message with control characters: {message[:300]!r}"
    if len(plain) > _LONGEST:
        return f"message of {len(plain)} characters: {message[:300]!r}"
    if str(folder) not in message:
        return f"message without the file: {message[:300]!r}"
    found = [word for word in _FORBIDDEN if word in message]
    return f"message tells of {found[0]}: {message[:300]!r}" if found else None
