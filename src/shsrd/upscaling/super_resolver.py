"""``SuperResolver``: weights loaded once, applied to any number of scenes in memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from shsrd.model import Model, load_weights
from shsrd.upscaling.options import UpscaleOptions, choose_device
from shsrd.upscaling.plan import select_model
from shsrd.upscaling.upscale import Progress, UpscaleResult, upscale

if TYPE_CHECKING:
    from shsrd.upscaling.upscale import Scene


@dataclass(frozen=True, eq=False)
class SuperResolver:
    """A model with its options, called with a scene.

    ::

        sr = shsrd.SuperResolver.from_pretrained("cave-x4", device="auto")
        sharper = sr(x, wavelengths=wavelengths_nm)  # x: Cube, DataArray, numpy array or torch tensor (band, y, x)
        sharper.result, sharper.std  # in the type of x
        sharper.report

    Attributes:
        model: the weights.
        options: used for every scene, unless a call says otherwise.
    """

    model: Model
    options: UpscaleOptions

    @classmethod
    def from_pretrained(
        cls, name: str | os.PathLike[str] | None = None, *, scale: int = 4, device: str = "auto", **options: Any
    ) -> SuperResolver:
        """Load bundled weights or those of a file.

        Args:
            name: of bundled weights (``shsrd models``), or the path of a weight file; None is the default of the scale.
            scale: factor, where no name says it.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.
            options: fields of :class:`UpscaleOptions`; ``uncertainty`` is on unless switched off or sampled once.

        Raises:
            shsrd.SceneError: a device that is not there, or options that do not fit each other.
            shsrd.model.WeightsError: the weights cannot be used.
            pydantic.ValidationError: an option that does not exist, or a value out of range.
        """
        mean = not options.get("steps") or options.get("samples", 1) > 1
        settings = {"uncertainty": mean, **options, "device": device}
        chosen = UpscaleOptions(**settings, model=None if name is None else os.fspath(name))
        choose_device(device)
        return cls(_load(chosen, scale), chosen)

    @property
    def scale(self) -> int:
        """Super-resolution factor."""
        return self.model.network.config.scale

    def __call__(
        self,
        scene: Scene,
        *,
        wavelengths: ArrayLike | None = None,
        axes: str | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> UpscaleResult:
        """Super-resolve a scene.

        Args:
            scene: see :func:`shsrd.upscale`.
            wavelengths: ``(B,)`` band centres in nanometres of an array or tensor.
            axes: order of the axes of an array.
            progress: called after every tile with the tiles done and all tiles.
            options: fields of :class:`UpscaleOptions` for this scene alone.

        Raises:
            shsrd.SceneError: see :func:`shsrd.upscale`.
        """
        chosen = UpscaleOptions(**{**self.options.model_dump(), **options})
        return upscale(
            scene,
            self.scale,
            axes=axes,
            wavelengths=wavelengths,
            options=chosen,
            model=self.model,
            progress=progress,
        )


def _load(options: UpscaleOptions, scale: int) -> Model:
    """Weights of a name, whatever their scale; else the default of ``scale``."""
    if options.model is None:
        return select_model(options, scale)
    model = load_weights(options.model)
    return select_model(options, model.network.config.scale, model)
