"""What a mutation works on: the files of one case in a folder of their own, and a place that must never be opened."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostile.damage import INTEGERS, NUMBERS, TEXTS


@dataclass(frozen=True)
class Target:
    """Files to spoil.

    Attributes:
        folder: holds the files of the case.
        opens: what will be opened, in the folder.
        bait: a folder outside with readable scenes; opening anything in it is a failure.
        dice: of this case.
    """

    folder: Path
    opens: Path
    bait: Path
    dice: random.Random

    def files(self, *endings: str) -> list[Path]:
        """All files, in a fixed order, with one of these endings (any, where none is given)."""
        found = sorted(p for p in self.folder.rglob("*") if p.is_file())
        return [p for p in found if not endings or p.name.lower().endswith(endings)]

    def word(self) -> str:
        """A text that no honest file has, paths among them."""
        return self.dice.choice((*TEXTS, *NUMBERS, *(str(self.bait / name) for name in BAITS)))

    def number(self) -> int | float:
        """A number that no honest file has."""
        return self.dice.choice((*INTEGERS, -1, -(2**31), 1e308, float("nan"), float("inf"), 0.5))

    def value(self) -> Any:
        """Anything JSON can say."""
        deep: list[Any] = []
        for _ in range(200):
            deep = [deep]
        some = (None, True, [], {}, [1, 2], {"id": "pickle"}, deep, [2**40] * 3, [-1] * 3, [0, 0, 0], "NaN")
        return self.dice.choice((*some, self.word(), self.number()))

    def spoiled(self, tree: Any) -> Any:
        """A JSON tree with one place changed, dropped or added."""
        if isinstance(tree, dict) and tree and self.dice.random() < 0.85:
            key = self.dice.choice(sorted(tree))
            if isinstance(tree[key], (dict, list)) and self.dice.random() < 0.5:
                return tree | {key: self.spoiled(tree[key])}
            if self.dice.random() < 0.2:
                return {k: v for k, v in tree.items() if k != key}
            return tree | {key: self.value()}
        if isinstance(tree, list) and tree and self.dice.random() < 0.85:
            place = self.dice.randrange(len(tree))
            return [*tree[:place], self.spoiled(tree[place]), *tree[place + 1 :]]
        return self.value()

    def json(self, tree: Any) -> str:
        """As text, now and then with a key twice."""
        text = json.dumps(tree)
        if isinstance(tree, dict) and tree and self.dice.random() < 0.1:
            key = json.dumps(self.dice.choice(sorted(tree)))
            text = text[:-1] + f", {key}: {json.dumps(self.value())}}}"
        return text


BAITS = ("secret.h5", "secret.tif", "secret.raw", "secret.txt", "secret.png")


def lay_bait(folder: Path) -> None:
    """Readable files of several kinds."""
    import h5py
    import numpy as np
    import rasterio

    with h5py.File(folder / "secret.h5", "w") as file:
        file["data"] = np.ones((5, 6, 7), np.int16)
    with rasterio.open(
        folder / "secret.tif", "w", driver="GTiff", count=5, height=6, width=7, dtype="int16"
    ) as dataset:
        dataset.write(np.ones((5, 6, 7), np.int16))
    for name in ("secret.raw", "secret.txt", "secret.png"):
        (folder / name).write_bytes(b'GEOGCS["secret"]' * 50)
