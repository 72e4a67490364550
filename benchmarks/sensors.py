"""What a sensor's blur and noise cost, and what it costs to be wrong about them: one Markdown table.

    python benchmarks/sensors.py --cave CAVE [--channels 6] [--sensors enmap prisma] [--snr none 40 30]
    python benchmarks/sensors.py --files one.hdr two.tif --model cave-x4-fast

Every scene is degraded as each sensor sees (a Gaussian of its published sharpness, or ``--kernel detector``: optics and
detector of the same sharpness), with and without noise, and super-resolved by shsrd that is told the sensor, not told
it, left to estimate the width from the scene, told a width 20 % too large or too small, and a noise 3 dB too weak or
too strong.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from shsrd.degradation import Kernel
from shsrd.evaluation import BenchmarkResult, Simulation, benchmark_cave, benchmark_scenes
from shsrd.upscaling import UpscaleOptions

Belief = Literal["told", "not told", "estimate", "width +20 %", "width -20 %", "snr +3 dB", "snr -3 dB"]
BELIEFS: tuple[Belief, ...] = ("told", "not told", "estimate", "width +20 %", "width -20 %", "snr +3 dB", "snr -3 dB")


@dataclass(frozen=True)
class Arguments:
    """Measure every row.

    Attributes:
        cave: folder of the CAVE archive: its four validation scenes by their protocol.
        files: scenes of your own, in place of CAVE.
        sensors: names of ``shsrd.degradation.SENSORS``.
        snr: signal-to-noise ratios in dB, and none.
        beliefs: what shsrd is told.
        kernel: gaussian, or detector.
        photon: share of the noise's variance that grows with the signal.
        stripes: of the noise's deviation.
        model: weights that have not seen the scenes.
        channels: bands that the network sees; fewer are faster.
    """

    cave: Path | None = None
    files: tuple[Path, ...] = ()
    sensors: tuple[str, ...] = ("enmap", "prisma")
    snr: tuple[str, ...] = ("none", "40", "30")
    beliefs: tuple[Belief, ...] = BELIEFS
    kernel: Kernel = "gaussian"
    photon: float = 0.0
    stripes: float = 0.0
    model: str = "cave-x4-fast-dev"
    channels: int | None = None


def main() -> None:
    """Print the table, a row as soon as it is known."""
    arguments = tyro.cli(Arguments, config=(tyro.conf.FlagCreatePairsOff,))
    if (arguments.cave is None) == (not arguments.files):
        raise SystemExit("give --cave or --files")
    print("| low resolution by | noise | shsrd is | bicubic | shsrd | gain | SAM of bicubic's |")
    print("|---|---|---|---|---|---:|---:|")
    for sensor in arguments.sensors:
        for snr in arguments.snr:
            for belief in arguments.beliefs:
                if not (snr == "none" and belief.startswith("snr")):
                    row(arguments, sensor, None if snr == "none" else float(snr), belief)


def row(arguments: Arguments, sensor: str, snr_db: float | None, belief: Belief) -> None:
    """Measure and print one row."""
    simulation = Simulation(
        sensor=sensor,
        snr_db=snr_db,
        corrected=belief != "not told",
        estimated=belief == "estimate",
        kernel=arguments.kernel,
        photon_share=arguments.photon,
        stripe_offset=arguments.stripes,
        fwhm_error={"width +20 %": 0.2, "width -20 %": -0.2}.get(belief, 0.0),
        snr_error_db={"snr +3 dB": 3.0, "snr -3 dB": -3.0}.get(belief),
    )
    result = judged(arguments, simulation)
    ours, bicubic = result.ours, result.bicubic
    noise = "none" if snr_db is None else f"{snr_db:g} dB"
    blocks = [f"{scores.mpsnr:.2f}, {scores.sam_deg:.2f}°, {scores.ergas:.2f}" for scores in (bicubic, ours)]
    gain = f"{ours.mpsnr - bicubic.mpsnr:+.2f} dB | {ours.sam_deg / bicubic.sam_deg:.2f}"
    print(f"| {sensor} | {noise} | {belief} | {blocks[0]} | {blocks[1]} | {gain} |")
    sys.stdout.flush()


def judged(arguments: Arguments, simulation: Simulation) -> BenchmarkResult:
    """Scores of all scenes."""
    options = UpscaleOptions(model=arguments.model, channels=arguments.channels, precision="fp32")
    if arguments.cave is not None:
        return benchmark_cave(arguments.cave, scale=4, split="val", options=options, simulation=simulation)
    return benchmark_scenes(arguments.files, scale=4, options=options, simulation=simulation)


if __name__ == "__main__":
    main()
