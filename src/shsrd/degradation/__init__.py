"""The only place that knows how a low-resolution cube is made."""

from shsrd.degradation.consistency import (
    back_project,
    back_projection_reach,
    consistency_rmse,
    interpolated_again,
    low_correction,
)
from shsrd.degradation.correction import corrected, noise_left
from shsrd.degradation.degradation import Degradation, Kernel, add_noise, degrade, degrade_cube
from shsrd.degradation.kernels import FWHM_PER_SIGMA, area_down, gaussian_down, gaussian_planes_down
from shsrd.degradation.noise import NoiseModel
from shsrd.degradation.noise_limited import NoisyMeasurement
from shsrd.degradation.observation import ObservationModel, blurred, noisy, observe_cube, observed
from shsrd.degradation.random_observation import ObservationRanges, random_observation
from shsrd.degradation.resample import bicubic_down, bicubic_round_trip, bicubic_up, pad_symmetric
from shsrd.degradation.ringing import allowed_overshoot, overshoot, plausible_sensor
from shsrd.degradation.sensors import SENSORS, Sensor, SpectralRange, gaussian_fwhm, gaussian_mtf, sensor_named

__all__ = [
    "FWHM_PER_SIGMA",
    "SENSORS",
    "Degradation",
    "Kernel",
    "NoiseModel",
    "NoisyMeasurement",
    "ObservationModel",
    "ObservationRanges",
    "Sensor",
    "SpectralRange",
    "add_noise",
    "allowed_overshoot",
    "area_down",
    "back_project",
    "back_projection_reach",
    "bicubic_down",
    "bicubic_round_trip",
    "bicubic_up",
    "blurred",
    "consistency_rmse",
    "corrected",
    "degrade",
    "degrade_cube",
    "gaussian_down",
    "gaussian_fwhm",
    "gaussian_mtf",
    "gaussian_planes_down",
    "interpolated_again",
    "low_correction",
    "noise_left",
    "noisy",
    "observe_cube",
    "observed",
    "overshoot",
    "pad_symmetric",
    "plausible_sensor",
    "random_observation",
    "sensor_named",
]
