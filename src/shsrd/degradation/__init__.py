"""The only place that knows how a low-resolution cube is made."""

from shsrd.degradation.consistency import (
    back_project,
    back_projection_reach,
    back_projection_update,
    consistency_rmse,
    degrade_upsampled,
)
from shsrd.degradation.correction import corrected, residual_noise
from shsrd.degradation.degradation import Degradation, Kernel, add_noise, degrade, degrade_cube
from shsrd.degradation.kernels import FWHM_PER_SIGMA, area_down, gaussian_down, gaussian_planes_down
from shsrd.degradation.noise import NoiseModel
from shsrd.degradation.noise_limited import NoisyMeasurement
from shsrd.degradation.observation import ObservationModel, blurred, noisy, observe, observe_cube
from shsrd.degradation.random_observation import ObservationRanges, random_observation
from shsrd.degradation.resample import bicubic_down, bicubic_round_trip, bicubic_up, pad_symmetric
from shsrd.degradation.ringing import limit_ringing, max_overshoot, overshoot
from shsrd.degradation.sensors import SENSORS, Sensor, SpectralRange, gaussian_fwhm, gaussian_mtf, get_sensor

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
    "area_down",
    "back_project",
    "back_projection_reach",
    "back_projection_update",
    "bicubic_down",
    "bicubic_round_trip",
    "bicubic_up",
    "blurred",
    "consistency_rmse",
    "corrected",
    "degrade",
    "degrade_cube",
    "degrade_upsampled",
    "gaussian_down",
    "gaussian_fwhm",
    "gaussian_mtf",
    "gaussian_planes_down",
    "get_sensor",
    "limit_ringing",
    "max_overshoot",
    "noisy",
    "observe",
    "observe_cube",
    "overshoot",
    "pad_symmetric",
    "random_observation",
    "residual_noise",
]
