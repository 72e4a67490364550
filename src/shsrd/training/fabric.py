"""Lightning Fabric, from whichever of its two packages is installed."""

from shsrd.training.config import TrainingError

try:
    from lightning_fabric import Fabric
except ImportError:
    try:
        from lightning.fabric import Fabric  # type: ignore[no-redef]
    except ImportError:
        raise TrainingError("training needs Lightning Fabric; pip install 'shsrd[train]'") from None

__all__ = ["Fabric"]
