"""Mathematics of the diffusion: preconditioning, schedules, samplers, reproducible noise."""

from shsrd.diffusion.noise import pixel_noise
from shsrd.diffusion.precondition import Precondition, draw_sigma, loss_weight, precondition
from shsrd.diffusion.samplers import Denoise, dpmpp_2m, euler, heun
from shsrd.diffusion.schedules import karras, log_uniform

__all__ = [
    "Denoise",
    "Precondition",
    "dpmpp_2m",
    "draw_sigma",
    "euler",
    "heun",
    "karras",
    "log_uniform",
    "loss_weight",
    "pixel_noise",
    "precondition",
]
