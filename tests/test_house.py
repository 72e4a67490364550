"""House rules: words of public names, lengths of functions and docstrings, files in a folder."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import pytest

_SOURCE = Path(__file__).resolve().parents[1] / "src" / "shsrd"

# Words of an earlier dialect, and what the field calls the thing. A public name holds none of them.
REFUSED = {
    "agreement": "consistency_error",
    "asked": "requested, options",
    "bag": "mat_npz_writer",
    "bench": "worker",
    "crew": "worker_pool",
    "deviation": "std",
    "draws": "random_ops, samples",
    "either": "mixture",
    "equipment": "worker_model",
    "examination": "outlier_scan",
    "facts": "metadata",
    "forecast": "resource_estimate",
    "here": "local",
    "hired": "connected",
    "kit": "payload",
    "knee": "charbonnier_eps",
    "literature": "published_results",
    "napc": "mnf",
    "outfit": "payload",
    "phantom": "synthetic_scene",
    "refusal": "error",
    "rehearsal": "replay",
    "remark": "log, note",
    "remarks": "notes",
    "room": "package, space",
    "seen": "input_bands, observed",
    "spool": "tile_cache",
    "spoken": "text",
    "survey": "scan",
    "suspicion": "outliers",
    "told": "requested, declared",
    "unseen": "null_space_component",
    "wishes": "options",
}
_QUESTION = re.compile(r"(What|Who|Whose|Where|How|Whether|When|Which)\b")


class Definition(NamedTuple):
    """A function, class or module of the package, with its place in a file."""

    where: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module
    public: bool

    @property
    def docstring(self) -> str | None:
        return ast.get_docstring(self.node)

    @property
    def is_function(self) -> bool:
        return isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef)

    @property
    def lines(self) -> int:
        return self.node.end_lineno - self.node.lineno + 1


def _inside(node: ast.AST, where: str, public: bool) -> Iterator[Definition]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            is_public = public and not child.name.startswith("_")
            found = Definition(f"{where}: {child.name}", child, is_public)
            yield found
            yield from _inside(child, where, is_public and not found.is_function)
        else:
            yield from _inside(child, where, public)


def _definitions() -> list[Definition]:
    found = []
    for path in sorted(_SOURCE.rglob("*.py")):
        where = path.relative_to(_SOURCE).as_posix()
        module = ast.parse(path.read_text(encoding="utf-8"))
        found += [Definition(where, module, True), *_inside(module, where, True)]
    return found


DEFINITIONS = _definitions()
FUNCTIONS = [d for d in DEFINITIONS if d.is_function]


def _names(definition: Definition) -> Iterator[str]:
    """Name of a definition, its parameters, and the attributes that a class declares."""
    node = definition.node
    if isinstance(node, ast.Module):
        yield Path(definition.where).stem
        yield from _assigned(node)
        return
    yield node.name
    if isinstance(node, ast.ClassDef):
        yield from _assigned(node)
    else:
        yield from (a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs))


def _assigned(node: ast.Module | ast.ClassDef) -> Iterator[str]:
    for child in node.body:
        targets = getattr(child, "targets", [getattr(child, "target", None)])
        yield from (t.id for t in targets if isinstance(t, ast.Name) and not t.id.startswith("_"))


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)}


def test_words_are_told_apart():
    assert _words("StdHead") == {"std", "head"}
    assert _words("as_PCABasis2") == {"as", "pca", "basis2"}


def test_public_names_are_terms_of_the_field():
    offences = [
        f"{d.where}: {name} ({word}: say {REFUSED[word]})"
        for d in DEFINITIONS
        if d.public
        for name in _names(d)
        for word in _words(name) & REFUSED.keys()
    ]
    assert not offences, "\n".join(offences)


def test_functions_are_short():
    lengths = sorted(d.lines for d in FUNCTIONS)
    assert median(lengths) <= 8
    assert quantiles(lengths, n=10)[-1] <= 22
    assert not [d.where for d in FUNCTIONS if d.lines > 60]


def test_public_functions_have_docstrings():
    public = [d for d in FUNCTIONS if d.public and not d.node.name.startswith("__")]
    without = [d.where for d in public if d.docstring is None]
    assert len(without) <= 0.02 * len(public), without


def test_docstrings_begin_with_a_verb_or_a_noun():
    assert not [d.where for d in DEFINITIONS if d.docstring and _QUESTION.match(d.docstring)]


@pytest.mark.parametrize("folder", sorted({p.parent for p in _SOURCE.rglob("*.py")}), ids=lambda p: p.name)
def test_no_folder_needs_scrolling(folder):
    assert len(list(folder.glob("*.py"))) <= 31 - 6 * ("io" in folder.parts)
