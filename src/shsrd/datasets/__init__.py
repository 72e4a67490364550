"""Public data sets, their splits and published results; and a synthetic scene."""

from shsrd.datasets.cave import CAVE_SCENES, cave_names, cave_scenes
from shsrd.datasets.protocols import PROTOCOLS, Protocol, Window
from shsrd.datasets.published_results import PUBLISHED_RESULTS, PublishedResult, printed
from shsrd.datasets.synthetic.scene import synthetic_scene

__all__ = [
    "CAVE_SCENES",
    "PROTOCOLS",
    "PUBLISHED_RESULTS",
    "Protocol",
    "PublishedResult",
    "Window",
    "cave_names",
    "cave_scenes",
    "printed",
    "synthetic_scene",
]
