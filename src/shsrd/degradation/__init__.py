"""The only place that knows how a low-resolution cube is made."""

from shsrd.degradation.resample import bicubic_down, bicubic_up, pad_symmetric

__all__ = ["bicubic_down", "bicubic_up", "pad_symmetric"]
