"""The one error a person can cause."""


class SceneError(ValueError):
    """A file, option or scene cannot be used; the message is one sentence: what is wrong and what to do."""
