"""Error messages: the sentence and the exit code of errors that the input can cause."""

from __future__ import annotations

from pydantic import ValidationError

OPTIONS = {"fwhm_pixels": "fwhm"}  # fields whose option has another name
EXTRAS = {  # which extra brings a package that a plain installation lacks
    "lightning_fabric": "train",
    "lightning": "train",
    "tensorboard": "train",
    "threadpoolctl": "train",
    "distributed": "cluster",
    "dask": "cluster",
}


def missing_extra(error: BaseException) -> str | None:
    """The extra that would bring the package that could not be imported; None for any other error."""
    name = error.name if isinstance(error, ModuleNotFoundError) else None
    return None if name is None else EXTRAS.get(name.partition(".")[0])


def out_of_memory(error: Exception) -> bool:
    """Return True for torch's out-of-memory errors, which are RuntimeErrors on CPU and GPU."""
    signs = ("out of memory", "allocate memory")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def expected(error: Exception) -> bool:
    """Return True for errors that the input can cause; any other is a bug."""
    from shsrd.cube import InputError

    known = isinstance(error, InputError | ValidationError | OSError | MemoryError)
    return known or out_of_memory(error) or missing_extra(error) is not None


def sentence(error: Exception) -> str:
    """One line for a person: what is wrong and what to do."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        named = [
            part for part in first["loc"] if isinstance(part, str) and "[" not in part
        ]  # pydantic's own: tuple[...]
        option = ".".join(OPTIONS.get(part, part) for part in named).replace("_", "-")
        return f"--{option}: {first['msg'].lower()} (given: {first.get('input')!r})"
    extra = missing_extra(error)
    if extra is not None:
        return f'this needs packages that are not installed; install them with: pip install "shsrd[{extra}]"'
    if isinstance(error, MemoryError) or out_of_memory(error):
        return "not enough memory for this scene; choose a smaller --tile or --block, or use a machine with more"
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {(error.strerror or 'cannot be used').lower()}; check the path and the rights"
    return " ".join(str(error).split())
