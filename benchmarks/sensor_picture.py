"""The picture of docs/sensors.md: a synthetic scene as two sensors see it, and what is made of it.

    python benchmarks/sensor_picture.py docs/images/sensors.png

Columns: bicubic enlargement, super-resolution that is not told the sensor, the same told, truth. Rows: EnMAP's
published width without noise, PRISMA's with a signal-to-noise ratio of 30 dB. One stretch for all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from matplotlib.figure import Figure

from shsrd import UpscaleOptions, synthetic_scene, upscale
from shsrd.cube import Cube, Storage
from shsrd.degradation import NoiseModel, ObservationModel, bicubic_up, observe_cube
from shsrd.metrics import mpsnr, sam_deg
from shsrd.model import load_weights
from shsrd.report.colour import rgb, stretch_of

SCALE = 4
SENSORS = {"enmap": None, "prisma": 30.0}  # signal-to-noise ratio in dB
CROP = (slice(60, 156), slice(90, 186))  # of the high resolution


def versions(truth: Cube, sensor: str, snr_db: float | None) -> dict[str, Cube]:
    """A scene as a sensor sees it, enlarged in three ways, and itself."""
    import torch

    noise = None if snr_db is None else NoiseModel(snr_db=snr_db)
    model = ObservationModel.of_sensor(sensor, scale=SCALE, wavelength_nm=truth.wavelength_nm, noise=noise)
    low = observe_cube(truth, model).replace(storage=Storage())
    weights = load_weights("cave-x4-fast")
    plain, told = (
        upscale(low, SCALE, options=options, model=weights).cube
        for options in (UpscaleOptions(kernel="bicubic"), UpscaleOptions(sensor=sensor))
    )
    bicubic = truth.replace(pixels=bicubic_up(torch.from_numpy(low.pixels), SCALE).numpy())
    return {"bicubic": bicubic, "sensor not told": plain, f"--sensor {sensor}": told, "truth": truth}


def caption(name: str, cube: Cube, truth: Cube) -> str:
    """Name and figures over the whole scene."""
    if cube is truth:
        return name
    data_range = float(truth.pixels.max())
    psnr = mpsnr(cube.pixels, truth.pixels, data_range=data_range)
    return f"{name}\n{psnr:.1f} dB, {sam_deg(cube.pixels, truth.pixels):.1f} deg"


def main(path: Annotated[Path, tyro.conf.Positional]) -> None:
    """Draw the picture.

    Args:
        path: file to write.
    """
    truth = synthetic_scene(rows=256, columns=256, wavelength_nm=np.linspace(420, 900, 25), seed=4)
    stretch = stretch_of(truth)
    figure = Figure(figsize=(9.2, 5.4), layout="constrained", dpi=110)
    axes = figure.subplots(len(SENSORS), 4)
    for row, (sensor, snr_db) in zip(axes, SENSORS.items(), strict=True):
        for axis, (name, cube) in zip(row, versions(truth, sensor, snr_db).items(), strict=True):
            axis.imshow(rgb(cube, stretch)[CROP], interpolation="nearest")
            axis.set_title(caption(name, cube, truth), fontsize=9)
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel(f"{sensor}, {'no noise' if snr_db is None else f'SNR {snr_db:g} dB'}", fontsize=9)
    figure.savefig(path)


if __name__ == "__main__":
    tyro.cli(main)
