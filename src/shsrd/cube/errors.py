"""The errors a person can cause; each message is one sentence: what is wrong and what to do."""


class InputError(ValueError):
    """Something given to the program cannot be used."""


class SceneError(InputError):
    """A scene, its file or an option of an operation on it cannot be used."""
