"""Protocols of public data sets: sizes, normalisation, splits, addresses."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

NOT_AT_HAND = "tables are printed for it, but no run of this project has used it"


@dataclass(frozen=True)
class Window:
    """A rectangle of an image: rows ``top`` to ``bottom``, columns ``left`` to ``right``, ends excluded."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True)
class Protocol:
    """One data set as the printed tables use it.

    Attributes:
        name: key in ``PROTOCOLS``.
        title: name in prose.
        bands: number of bands.
        normalise: what pixel values are divided by: the scene's own maximum, or a fixed number.
        test: which part is tested on, in words where it is not a window.
        train: which part trains.
        source: where the owner publishes it.
        crop: part of the published image that is used, or None for all of it.
        test_windows: test tiles inside the crop, where the protocol fixes them.
        note: traps and standing.
    """

    name: str
    title: str
    bands: int
    normalise: float | Literal["max"]
    test: str
    train: str
    source: str
    crop: Window | None = None
    test_windows: tuple[Window, ...] = ()
    note: str = ""


_CAVE = Protocol(
    name="cave",
    title="CAVE multispectral images",
    bands=31,
    normalise=65535.0,
    test="last 12 of 32 scenes by name, 512x512",
    train="first 20 scenes by name; 4 of them validate",
    source="https://www.cs.columbia.edu/CAVE/databases/multispectral/",
    note="no border crop; watercolors_ms is 8-bit RGBA in the public archive: one channel, divided by 255",
)
_CHIKUSEI = Protocol(
    name="chikusei",
    title="Chikusei, airborne VNIR (Headwall)",
    bands=128,
    normalise="max",
    test="rows 0 to 511 of the crop as four 512x512 tiles",
    train="the rest of the crop",
    source="https://naotoyokoya.com/Download.html",
    crop=Window(106, 2410, 143, 2191),
    test_windows=tuple(Window(0, 512, left, left + 512) for left in range(0, 2048, 512)),
    note=f"published image 2517x2335; {NOT_AT_HAND}",
)
_PAVIA_CENTRE = Protocol(
    name="pavia_centre",
    title="Pavia Centre (ROSIS)",
    bands=102,
    normalise=8000.0,
    test="a part of the scene kept from training, as in SSPSR",
    train="the rest",
    source="https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes",
    note=NOT_AT_HAND,
)
_HARVARD = Protocol(
    name="harvard",
    title="Harvard real-world hyperspectral images",
    bands=31,
    normalise="max",
    test="scenes kept from training, as in SSPSR",
    train="the rest of 50 scenes",
    source="http://vision.seas.harvard.edu/hyperspec/",
    note=NOT_AT_HAND,
)
_HOUSTON = Protocol(
    name="houston2018",
    title="Houston 2018 (IEEE GRSS data fusion contest)",
    bands=48,
    normalise="max",
    test="eight 256x256 tiles from the top of the scene",
    train="the rest",
    source="https://hyperspectral.ee.uh.edu/?page_id=1075",
    note=f"division by the maximum is our choice; {NOT_AT_HAND}",
)

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {protocol.name: protocol for protocol in (_CAVE, _CHIKUSEI, _PAVIA_CENTRE, _HARVARD, _HOUSTON)}
)
