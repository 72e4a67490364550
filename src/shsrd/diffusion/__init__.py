"""Mathematics of the diffusion: preconditioning, schedules, samplers, reproducible noise."""

from shsrd.diffusion.noise import pixel_noise
from shsrd.diffusion.precondition import Precondition, loss_weight, precondition, sample_sigma
from shsrd.diffusion.samplers import Denoise, dpmpp_2m, euler, heun
from shsrd.diffusion.schedules import log_uniform, sigmas_karras

__all__ = [
    "Denoise",
    "Precondition",
    "dpmpp_2m",
    "euler",
    "heun",
    "log_uniform",
    "loss_weight",
    "pixel_noise",
    "precondition",
    "sample_sigma",
    "sigmas_karras",
]
