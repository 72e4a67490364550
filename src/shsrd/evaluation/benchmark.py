"""Benchmarks: degrade, super-resolve and evaluate every scene of a list, with bicubic for comparison.

``benchmark_cave`` follows the CAVE protocol of the literature; ``benchmark_scenes`` takes any files.
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
    """Result of one scene of a benchmark.

    Attributes:
        comparison: scores of super-resolution and bicubic against the reference.
        report: of ``upscale``.
        seconds: wall time of super-resolution.
    """

    comparison: Comparison
    report: Report
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Scores (``ours``, ``bicubic``) and the conditions of the measurement."""
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
    """Simulated measurement of a benchmark, and the part of it that ``upscale`` is given.

    Attributes:
        sensor: name of the sensor whose point spread functions degrade the scene, by spectral range if it has
            wavelengths (``ObservationModel.of_sensor``); None for the kernel below.
        snr_db: signal-to-noise ratio of every band of the low resolution (``add_noise``, seed 0); None for no noise.
        corrected: ``upscale`` is given the sensor or width, and corrects for it; otherwise it assumes the bicubic
            kernel, whatever the metadata say.
        kernel: of the low resolution; None for ``gaussian`` with a sensor or a width, else ``bicubic``, as in the
            literature.
        fwhm: widths of the kernel along y and x in low-resolution pixels, in place of a sensor.
        photon_share: share of the noise variance that grows with the signal.
        stripe_offset: standard deviation of the column offsets, as a share of that of the noise.
        fwhm_error: relative error of the width that ``upscale`` is given (above 0: too large).
        snr_error_db: error of the signal-to-noise ratio that ``upscale`` is given, dB; None if it estimates the noise.
        estimated: ``upscale`` is given neither sensor nor width, and estimates the width from edges of the scene.
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
        """Observation model for a scale factor and the wavelengths ``(B,)`` of a scene.

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

    def observe(self, reference: Cube, scale: int) -> Cube:
        """Low resolution of a scene, in float32 without rounding."""
        return observe_cube(reference, self.observation(scale, reference.wavelength_nm)).replace(storage=Storage())

    def upscale_options(self, options: UpscaleOptions) -> UpscaleOptions:
        """Options of ``upscale`` with the sensor or width and the noise that it is given, including their errors.

        Args:
            options: all other options; a sensor or width in them takes precedence.

        Raises:
            SceneError: an error of the noise without noise, or of a width that ``upscale`` is not given.
        """
        known = self.observation(2).fwhm
        if not self.corrected or self.estimated or known is None:
            if self.fwhm_error or self.snr_error_db is not None:
                raise SceneError(
                    "--fwhm-error and --snr-error need a sensor or a width that shsrd is told; give --sensor or --fwhm"
                )
            if options.sensor is not None or options.fwhm is not None:
                return options
            return options.model_copy(update={"fwhm": "auto"} if self.estimated else {"kernel": "bicubic"})
        given: dict[str, Any] = {"sensor": self.sensor}
        if self.sensor is None or self.fwhm_error:
            along_y, along_x = (float(width) * (1 + self.fwhm_error) for width in np.mean(known, axis=0))
            given = {"sensor": None, "fwhm": (along_y, along_x)}
        if self.snr_error_db is not None:
            if self.snr_db is None:
                raise SceneError("--snr-error needs a noise; give --snr as well")
            given["snr"] = self.snr_db + self.snr_error_db
        return UpscaleOptions.model_validate(options.model_dump() | given)


BICUBIC_SIMULATION = Simulation()


@dataclass(frozen=True)
class BenchmarkResult:
    """Scores of every scene of a benchmark.

    Attributes:
        benchmark: ``cave`` or ``scenes``.
        split: of a published set, or None.
        scale: super-resolution factor.
        evaluations: results by scene name.
        model: name and fingerprint of the weights.
        simulation: simulated measurement.
        trained_on: names of scenes that the weights were trained on; their scores do not generalise.
    """

    benchmark: Literal["cave", "scenes"]
    split: SplitName | None
    scale: int
    evaluations: Mapping[str, SceneEvaluation]
    model: str
    simulation: Simulation = BICUBIC_SIMULATION
    trained_on: tuple[str, ...] = ()

    @property
    def scenes(self) -> dict[str, Comparison]:
        """Comparison by scene name."""
        return {name: scene.comparison for name, scene in self.evaluations.items()}

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time of super-resolution by scene name."""
        return {name: scene.seconds for name, scene in self.evaluations.items()}

    @property
    def ours(self) -> Scores:
        """Mean scores of super-resolution over scenes."""
        return average([scene.ours for scene in self.scenes.values()])

    @property
    def bicubic(self) -> Scores:
        """Mean scores of bicubic over scenes."""
        return average([scene.bicubic for scene in self.scenes.values()])

    def as_json(self) -> dict[str, Any]:
        """Scores (``ours``, ``bicubic``) as ``mean`` and by scene, and published results of CAVE."""
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
            "scenes": {name: scene.as_json() for name, scene in self.evaluations.items()},
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
    """Degrade, super-resolve and evaluate every scene of a split; pixel values are stored counts / 65535, range 1.

    Estimates are clipped at zero (``non_negative``), since counts are not negative. The low resolution and bicubic are
    not clipped, as in the literature.

    Args:
        root: folder of the CAVE archive.
        scale: super-resolution factor.
        split: ``val`` (4 scenes of the training half), ``test`` (the 12 of the literature) or ``train``.
        options: of ``upscale``.
        simulation: simulated measurement.
        done: called after every scene.
    """
    folders = cave_scenes(root, SPLITS[split])  # type: ignore[arg-type]
    model = load_weights(options.model or f"cave-x{scale}")
    options = options.model_copy(update={"non_negative": True})
    evaluator = _SceneEvaluator(simulation, scale, options, model, data_range=1.0)
    evaluations = evaluator.all({folder.name: folder for folder in folders}, open_cube, done)
    return evaluator.result("cave", split, evaluations)


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
    """Degrade, super-resolve and evaluate any scenes, each of which is its own reference; nothing is rounded.

    Rows and columns beyond the last multiple of the scale are cropped at the lower right. The range of PSNR and SSIM is
    that of ``compare``: 1 for reflectance, else the maximum of the scene.

    Args:
        files: scene files or CAVE folders, all opened once before anything is computed.
        scale: super-resolution factor.
        options: of ``upscale``.
        opening: further arguments of ``open_cube`` (``variable``, ``axes`` ...).
        simulation: simulated measurement.
        checked: called with every file and its scene before anything is computed.
        done: called after every scene.

    Raises:
        SceneError: no files, a file that cannot be read or is too small, or an unknown sensor; the message names it.
    """
    if not files:
        raise SceneError("no scene to judge; name at least one file")
    simulation.upscale_options(options)  # refuses unknown sensors
    simulation.observation(scale)

    def open_scene(path: Path) -> Cube:
        return open_cube(path, **(opening or {}))

    for path in files:
        scene = open_scene(path)
        _check_scene(scene, scale)
        if checked is not None:
            checked(path, scene)
        del scene  # one at a time in memory
    evaluator = _SceneEvaluator(simulation, scale, options, load_weights(options.model or f"cave-x{scale}"))
    return evaluator.result("scenes", None, evaluator.all(_names(files), open_scene, done))


@dataclass(frozen=True)
class _SceneEvaluator:
    """Settings of a benchmark that hold for all its scenes."""

    simulation: Simulation
    scale: int
    options: UpscaleOptions
    model: Model
    data_range: float | None = None

    def all(
        self, sources: Mapping[str, Path], opened: Callable[[Path], Cube], done: SceneCallback | None
    ) -> dict[str, SceneEvaluation]:
        evaluations = {}
        for name, path in sources.items():
            evaluations[name] = self.one(opened(path))
            if done is not None:
                done(name, evaluations[name].comparison)
        return evaluations

    def one(self, reference: Cube) -> SceneEvaluation:
        scale, simulation = self.scale, self.simulation
        low = simulation.observe(reference, scale)
        start = time.perf_counter()
        result = upscale(low, scale, options=simulation.upscale_options(self.options), model=self.model)
        spent = time.perf_counter() - start
        observation = simulation.observation(scale, reference.wavelength_nm)
        comparison = compare(
            result.cube, reference, scale, data_range=self.data_range, degradation=observation, measured=low
        )
        return SceneEvaluation(comparison, result.report, spent)

    def result(
        self, benchmark: Literal["cave", "scenes"], split: SplitName | None, evaluations: dict[str, SceneEvaluation]
    ) -> BenchmarkResult:
        model = self.model
        known = tuple(name for name in evaluations if Path(name).stem in model.scenes)
        name = f"{model.name} ({model.fingerprint})"
        return BenchmarkResult(benchmark, split, self.scale, evaluations, name, self.simulation, known)


def _check_scene(cube: Cube, scale: int) -> None:
    _, rows, columns = cube.shape
    if not 2 <= scale <= min(rows, columns):
        raise SceneError(f"{cube.source}: scale {scale} does not fit {rows} x {columns} pixels; leave the scene out")
    if not (cube.good_bands & varying_bands(cube.pixels)).any():
        raise SceneError(f"{cube.source}: no good band has two different valid pixels; leave the scene out")


def _names(files: Sequence[Path]) -> dict[str, Path]:
    """Files by name without suffix, or by path if two have the same name; repeated files are listed once."""
    distinct = list(dict.fromkeys(files))
    often = Counter(path.stem for path in distinct)
    return {path.stem if often[path.stem] == 1 else str(path): path for path in distinct}


def _published_results(scale: int) -> list[dict[str, Any]]:
    return [
        {"method": row.method, "mpsnr": row.mpsnr, "mssim": row.mssim, "sam_deg": row.sam_deg, "ergas": row.ergas}
        for row in printed("cave", scale)
    ]
