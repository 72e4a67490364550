"""Errors a user can cause; each message is one sentence: the fault and the remedy."""

_HEAD, _TAIL = (
    800,
    300,
)  # characters of a message that is longer than both: the fault is in front, the remedy at the end


class InputError(ValueError):
    """Something given to the program cannot be used.

    Messages quote names and texts from files, so they are shortened, and no control character of a file reaches a
    terminal.
    """

    def __init__(self, message: str) -> None:
        plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)
        super().__init__(plain if len(plain) <= _HEAD + _TAIL else f"{plain[:_HEAD]} ... {plain[5 - _TAIL :]}")


class SceneError(InputError):
    """A scene, its file or an option of an operation on it cannot be used."""
