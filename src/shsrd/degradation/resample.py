"""MATLAB's antialiased bicubic ``imresize``, the degradation D and interpolation U of the benchmarks.

``torch.nn.functional.interpolate`` with ``antialias=True`` has the same kernel (a = -0.5, stretched by the
scale when shrinking) but renormalises at the border where MATLAB mirrors; padding by mirrored pixels first
makes the two agree everywhere.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

Resize = Callable[[Tensor, int], Tensor]

SUPPORT = 2  # reach of the bicubic kernel, in pixels of the coarser grid
MAX_DENSE_SIZE = 1024  # pixels of the finer grid; beyond, a dense matrix costs more than it saves


def mirror(index: Tensor, size: int) -> Tensor:
    """Mirror indices outside ``0..size-1`` with the edge pixel repeated (…2 1 0 | 0 1 2…)."""
    period = index.remainder(2 * size)
    return torch.minimum(period, 2 * size - 1 - period)


def pad_symmetric(x: Tensor, margin: int) -> Tensor:
    """Pad ``(..., y, x)`` by ``margin`` mirrored pixels on each side; any margin, however small the image."""
    rows, columns = (mirror(torch.arange(-margin, size + margin, device=x.device), size) for size in x.shape[-2:])
    return x.index_select(-2, rows).index_select(-1, columns)


def _interpolate(x: Tensor, factor: float) -> Tensor:
    planes = x.reshape(1, -1, *x.shape[-2:])
    size = [round(side * factor) for side in x.shape[-2:]]
    out = functional.interpolate(planes, size=size, mode="bicubic", antialias=True, align_corners=False)
    return out.reshape(*x.shape[:-2], *size)


def bicubic_down(x: Tensor, scale: int) -> Tensor:
    """Antialiased bicubic shrinking.

    Args:
        x: ``(..., y, x)``, both sides multiples of ``scale``.
        scale: integer factor.

    Returns:
        ``(..., y / scale, x / scale)``, equal to MATLAB ``imresize(x, 1/scale)``.
    """
    if x.shape[-2] % scale or x.shape[-1] % scale:
        raise ValueError(f"sides {tuple(x.shape[-2:])} are no multiples of scale {scale}; crop first")
    return _separable(x, scale, _down) if max(x.shape[-2:]) <= MAX_DENSE_SIZE else _down(x, scale)


def bicubic_up(y: Tensor, scale: int) -> Tensor:
    """Bicubic enlargement of ``(..., y, x)`` by an integer factor, equal to MATLAB ``imresize(y, scale)``."""
    return _separable(y, scale, _up) if max(y.shape[-2:]) * scale <= MAX_DENSE_SIZE else _up(y, scale)


def bicubic_round_trip(y: Tensor, scale: int) -> Tensor:
    """``bicubic_down(bicubic_up(y))`` of ``(..., y, x)`` without ever making the large image."""
    if max(y.shape[-2:]) * scale > MAX_DENSE_SIZE:
        return bicubic_down(bicubic_up(y, scale), scale)
    with torch.autocast(y.device.type, enabled=False):
        along_y, along_x = (_round_trip(size, scale, y.dtype).to(y.device) for size in y.shape[-2:])
        return along_y @ (y @ along_x.T)


def _down(x: Tensor, scale: int) -> Tensor:
    small = _interpolate(pad_symmetric(x, SUPPORT * scale), 1 / scale)
    return small[..., SUPPORT:-SUPPORT, SUPPORT:-SUPPORT]


def _up(y: Tensor, scale: int) -> Tensor:
    margin = SUPPORT + 1
    large = _interpolate(pad_symmetric(y, margin), scale)
    cut = margin * scale
    return large[..., cut:-cut, cut:-cut]


def _separable(x: Tensor, scale: int, resize: Resize) -> Tensor:
    """The same resize as two matrix products, several times faster for tiles: no padded copy, borders in the matrix."""
    with torch.autocast(x.device.type, enabled=False):
        along_y, along_x = (_placed(size, scale, resize, x.dtype, x.device) for size in x.shape[-2:])
        smaller_first = along_x.shape[0] <= along_x.shape[1]
        return along_y @ (x @ along_x.T) if smaller_first else (along_y @ x) @ along_x.T


@lru_cache(maxsize=64)
def _matrix(size: int, scale: int, resize: Resize, dtype: torch.dtype) -> Tensor:
    """One axis of a resize as a matrix ``(out, size)``: its answers to unit vectors (constant along the other axis)."""
    units = torch.eye(size, dtype=dtype)[:, :, None].expand(size, size, scale)
    return resize(units, scale)[:, :, 0].T.contiguous()


@lru_cache(maxsize=64)
def _placed(size: int, scale: int, resize: Resize, dtype: torch.dtype, device: torch.device) -> Tensor:
    """``_matrix`` on a device, so that a GPU is not sent it again for every call."""
    return _matrix(size, scale, resize, dtype).to(device)


@lru_cache(maxsize=64)
def _round_trip(size: int, scale: int, dtype: torch.dtype) -> Tensor:
    """One axis of enlarging and shrinking again as a matrix ``(size, size)``."""
    up, down = _matrix(size, scale, _up, torch.float64), _matrix(size * scale, scale, _down, torch.float64)
    return (down @ up).to(dtype)
