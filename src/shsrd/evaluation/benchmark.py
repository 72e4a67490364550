"""Benchmarks: every scene of a list is degraded, super-resolved and judged, bicubic beside it.

``benchmark_cave`` is the CAVE protocol of the literature, to the letter; ``benchmark_scenes`` takes any files.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shsrd.cube import Cube, SceneError, Storage, varying_bands
from shsrd.datasets import cave_scenes, printed
from shsrd.degradation import Kernel, NoiseModel, ObservationModel, observe_cube
from shsrd.evaluation.compare import Comparison, compare
from shsrd.io import open_cube
from shsrd.metrics import Scores, average
from shsrd.model import Model, load_weights
from shsrd.upscaling import Report, UpscaleOptions, upscale

SPLITS = {"val": "validation", "test": "test", "train": "train"}
SplitName = Literal["val", "test", "train"]
SceneCallback = Callable[[str, Comparison], None]


@dataclass(frozen=True)
class SceneEvaluation:
    """One scene of a benchmark.

    Attributes:
        comparison: ours and bicubic against the truth.
        report: of ``upscale``.
        seconds: wall time of super-resolution.
    """

    comparison: Comparison
    report: Report
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """``ours``, ``bicubic`` and how they came about."""
        return {
            "ours": self.comparison.ours.as_json(),
            "bicubic": self.comparison.bicubic.as_json(),
            "data_range": self.comparison.data_range,
            "bands": self.comparison.bands,
            "bands_excluded": self.comparison.excluded_bands_json(),
            "notes": list(self.comparison.notes),
            "self_check_gain_db": self.report.self_check_gain_db,
            "bands_attenuated": self.report.bands_attenuated,
            "seconds": round(self.seconds, 2),
        }


@dataclass(frozen=True)
class Simulation:
    """How the low resolution of a benchmark is made, and what the super-resolution is told of it.

    Attributes:
        sensor: degrade as this sensor sees, by spectral range where the scene has wavelengths
            (``ObservationModel.of_sensor``); None is the kernel below.
        snr_db: noise in every band of the low resolution (``add_noise``, seed 0); None adds none.
        corrected: ``upscale`` is told the sensor or width, and corrects for it; otherwise it takes the bicubic
            kernel's, whatever the metadata say.
        kernel: of the low resolution; None is ``gaussian`` with a sensor or a width, else ``bicubic``, as in the
            literature.
        fwhm: widths of the kernel along y and x in low-resolution pixels, in place of a sensor.
        photon_share: share of the noise's variance that grows with the signal.
        stripe_offset: deviation of the columns' offsets, as a share of the noise's.
        fwhm_error: share by which the width that ``upscale`` is told is too large (below 0: too small).
        snr_error_db: ``upscale`` is told the signal-to-noise ratio, so much too large; None leaves the noise for it to
            estimate.
        estimated: ``upscale`` is told neither sensor nor width, and estimates the width from the scene's edges.
    """

    sensor: str | None = None
    snr_db: float | None = None
    corrected: bool = True
    kernel: Kernel | None = None
    fwhm: tuple[float, float] | None = None
    photon_share: float = 0.0
    stripe_offset: float = 0.0
    fwhm_error: float = 0.0
    snr_error_db: float | None = None
    estimated: bool = False

    def observation(self, scale: int, wavelength_nm: NDArray[np.float64] | None = None) -> ObservationModel:
        """Kernel, widths and noise for a scale factor and the wavelengths of a scene.

        Raises:
            SceneError: no such sensor, or a sensor and a width.
        """
        noise = None
        if self.snr_db is not None:
            shares = {"photon_share": self.photon_share, "stripe_offset": self.stripe_offset}
            noise = NoiseModel(snr_db=self.snr_db, **shares)
        if self.sensor is not None and self.fwhm is not None:
            raise SceneError(f"sensor {self.sensor} has its own width; leave out the width, or the sensor")
        if self.sensor is not None:
            kernel = self.kernel or "gaussian"
            return ObservationModel.of_sensor(
                self.sensor, scale=scale, wavelength_nm=wavelength_nm, kernel=kernel, noise=noise
            )
        kernel = self.kernel or ("bicubic" if self.fwhm is None else "gaussian")
        widths = (self.fwhm or (1.0, 1.0),) if kernel in ("gaussian", "detector") else None
        return ObservationModel(kernel=kernel, scale=scale, fwhm=widths, noise=noise)

    def measured(self, reference: Cube, scale: int) -> Cube:
        """The low resolution of a scene; pixels stay float32, nothing is rounded."""
        return observe_cube(reference, self.observation(scale, reference.wavelength_nm)).replace(storage=Storage())

    def told(self, options: UpscaleOptions) -> UpscaleOptions:
        """Options of ``upscale`` with sensor or width and noise in them, as far and as wrong as it is told.

        Raises:
            SceneError: a wrong noise of a scene without noise, or for a kernel that cannot be told.
        """
        known = self.observation(2).fwhm
        if not self.corrected or self.estimated or known is None:
            if self.fwhm_error or self.snr_error_db is not None:
                raise SceneError(
                    "--fwhm-error and --snr-error need a sensor or a width that shsrd is told; give --sensor or --fwhm"
                )
            if options.sensor is not None or options.fwhm is not None:
                return options  # somebody's own words
            return options.model_copy(update={"fwhm": "auto"} if self.estimated else {"kernel": "bicubic"})
        told: dict[str, Any] = {"sensor": self.sensor}
        if self.sensor is None or self.fwhm_error:
            along_y, along_x = (float(width) * (1 + self.fwhm_error) for width in np.mean(known, axis=0))
            told = {"sensor": None, "fwhm": (along_y, along_x)}
        if self.snr_error_db is not None:
            if self.snr_db is None:
                raise SceneError("--snr-error needs a noise; give --snr as well")
            told["snr"] = self.snr_db + self.snr_error_db
        return UpscaleOptions.model_validate(options.model_dump() | told)


BICUBIC_SIMULATION = Simulation()


@dataclass(frozen=True)
class BenchmarkResult:
    """Scores of every scene of a benchmark.

    Attributes:
        benchmark: ``cave`` or ``scenes``.
        split: which scenes of a published set, or None.
        scale: factor.
        judged: what was found, by scene name.
        model: name and fingerprint of the weights.
        simulation: how the low resolution was made.
        trained_on: which of the scenes the weights were trained on, by name; their scores say nothing of others.
    """

    benchmark: Literal["cave", "scenes"]
    split: SplitName | None
    scale: int
    judged: Mapping[str, SceneEvaluation]
    model: str
    simulation: Simulation = BICUBIC_SIMULATION
    trained_on: tuple[str, ...] = ()

    @property
    def scenes(self) -> dict[str, Comparison]:
        """Comparison by scene name."""
        return {name: scene.comparison for name, scene in self.judged.items()}

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time of super-resolution by scene name."""
        return {name: scene.seconds for name, scene in self.judged.items()}

    @property
    def ours(self) -> Scores:
        """Mean over scenes."""
        return average([scene.ours for scene in self.scenes.values()])

    @property
    def bicubic(self) -> Scores:
        """Mean over scenes, of bicubic."""
        return average([scene.bicubic for scene in self.scenes.values()])

    def as_json(self) -> dict[str, Any]:
        """``mean`` over scenes and ``scenes`` one by one, each with ``ours`` and ``bicubic``; printed rows of CAVE."""
        found: dict[str, Any] = {"benchmark": self.benchmark}
        if self.split is not None:
            found["split"] = self.split
        if self.simulation != BICUBIC_SIMULATION:
            found |= {key: value for key, value in asdict(self.simulation).items() if value is not None}
        found |= {
            "scale": self.scale,
            "model": self.model,
            "trained_on": list(self.trained_on),
            "mean": {"ours": self.ours.as_json(), "bicubic": self.bicubic.as_json()},
            "scenes": {name: scene.as_json() for name, scene in self.judged.items()},
        }
        if self.benchmark == "cave":
            found["published_results"] = _published_results(self.scale)
        return found


def benchmark_cave(
    root: Path,
    *,
    scale: int,
    split: SplitName,
    options: UpscaleOptions,
    simulation: Simulation = BICUBIC_SIMULATION,
    done: SceneCallback | None = None,
) -> BenchmarkResult:
    """Degrade, super-resolve and judge every scene of a split; pixel values are stored counts / 65535, range 1.

    Counts are never negative, so neither are estimates (``non_negative``). The low resolution may be, as bicubic
    shrinking makes it, and bicubic itself is left as the literature has it.

    Args:
        root: folder of the CAVE archive.
        scale: factor.
        split: ``val`` (4 scenes of the training half), ``test`` (the 12 of the literature) or ``train``.
        options: of ``upscale``.
        simulation: how the low resolution is made.
        done: called after every scene.
    """
    folders = cave_scenes(root, SPLITS[split])  # type: ignore[arg-type]
    model = load_weights(options.model or f"cave-x{scale}")
    options = options.model_copy(update={"non_negative": True})
    judge = _SceneEvaluator(simulation, scale, options, model, data_range=1.0)
    judged = judge.all({folder.name: folder for folder in folders}, open_cube, done)
    return BenchmarkResult("cave", split, scale, judged, _named(model), simulation, _seen(judged, model))


def benchmark_scenes(
    files: Sequence[Path],
    *,
    scale: int,
    options: UpscaleOptions,
    opening: Mapping[str, Any] | None = None,
    simulation: Simulation = BICUBIC_SIMULATION,
    checked: Callable[[Path, Cube], None] | None = None,
    done: SceneCallback | None = None,
) -> BenchmarkResult:
    """Degrade, super-resolve and judge any scenes, each taken as the truth; nothing is rounded between.

    Rows and columns beyond the last multiple of the scale are cropped at the lower right. The range of PSNR and SSIM is
    the scene's own, as in ``compare``: 1 for reflectance, else its maximum.

    Args:
        files: scene files or CAVE folders, all opened once before anything is computed.
        scale: factor.
        options: of ``upscale``.
        opening: further arguments of ``open_cube`` (``variable``, ``axes`` ...).
        simulation: how the low resolution is made.
        checked: called with every file and its scene before anything is computed.
        done: called after every scene.

    Raises:
        SceneError: no files, or one that cannot be read or is too small, or no such sensor; the message names it.
    """
    if not files:
        raise SceneError("no scene to judge; name at least one file")
    simulation.told(options)  # a sensor that nobody knows is refused first
    simulation.observation(scale)

    def opened(path: Path) -> Cube:
        return open_cube(path, **(opening or {}))

    for path in files:
        scene = opened(path)
        _check(scene, scale)
        if checked is not None:
            checked(path, scene)
        del scene  # one at a time in memory
    model = load_weights(options.model or f"cave-x{scale}")
    judged = _SceneEvaluator(simulation, scale, options, model).all(_names(files), opened, done)
    return BenchmarkResult("scenes", None, scale, judged, _named(model), simulation, _seen(judged, model))


@dataclass(frozen=True)
class _SceneEvaluator:
    """What is the same for all scenes of a benchmark."""

    simulation: Simulation
    scale: int
    options: UpscaleOptions
    model: Model
    data_range: float | None = None

    def all(
        self, sources: Mapping[str, Path], opened: Callable[[Path], Cube], done: SceneCallback | None
    ) -> dict[str, SceneEvaluation]:
        judged = {}
        for name, path in sources.items():
            judged[name] = self.one(opened(path))
            if done is not None:
                done(name, judged[name].comparison)
        return judged

    def one(self, reference: Cube) -> SceneEvaluation:
        scale, simulation = self.scale, self.simulation
        low = simulation.measured(reference, scale)
        start = time.perf_counter()
        result = upscale(low, scale, options=simulation.told(self.options), model=self.model)
        spent = time.perf_counter() - start
        seen = simulation.observation(scale, reference.wavelength_nm)
        comparison = compare(result.cube, reference, scale, data_range=self.data_range, degradation=seen, measured=low)
        return SceneEvaluation(comparison, result.report, spent)


def _check(cube: Cube, scale: int) -> None:
    _, rows, columns = cube.shape
    if not 2 <= scale <= min(rows, columns):
        raise SceneError(f"{cube.source}: scale {scale} does not fit {rows} x {columns} pixels; leave the scene out")
    if not (cube.good_bands & varying_bands(cube.pixels)).any():
        raise SceneError(f"{cube.source}: no good band has two different valid pixels; leave the scene out")


def _names(files: Sequence[Path]) -> dict[str, Path]:
    """Files by their name without suffix, or by their whole path where two have the same; a file given twice is one."""
    distinct = list(dict.fromkeys(files))
    often = Counter(path.stem for path in distinct)
    return {path.stem if often[path.stem] == 1 else str(path): path for path in distinct}


def _seen(judged: Mapping[str, SceneEvaluation], model: Model) -> tuple[str, ...]:
    return tuple(name for name in judged if Path(name).stem in model.scenes)


def _named(model: Model) -> str:
    return f"{model.name} ({model.fingerprint})"


def _published_results(scale: int) -> list[dict[str, Any]]:
    return [
        {"method": row.method, "mpsnr": row.mpsnr, "mssim": row.mssim, "sam_deg": row.sam_deg, "ergas": row.ergas}
        for row in printed("cave", scale)
    ]
