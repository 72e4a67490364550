"""Products and roots of pixels on any device.

On CPUs numpy computes them on views that cost nothing. Its results keep their last bit, torch's roots are rounded
otherwise.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def matrix_product(matrix: NDArray[np.float64], values: Tensor) -> Tensor:
    """Product ``M v`` in float32 on the device of ``values`` ``(n, pixels)``."""
    weights = matrix.astype(np.float32)
    if values.device.type == "cpu":
        return torch.from_numpy(weights @ values.numpy())
    return torch.from_numpy(weights).to(values.device) @ values


def square_root_(values: Tensor) -> Tensor:
    """Square roots of contiguous values, in place."""
    if values.device.type != "cpu":
        return values.sqrt_()
    np.sqrt(values.numpy(), out=values.numpy())
    return values


def root_sum_square(values: Tensor, column: NDArray[np.float64]) -> Tensor:
    """``sqrt(v^2 + c^2)`` of values ``(n, y, x)`` and a column ``(n,)``, in float32."""
    other = column[:, None, None].astype(np.float32)
    if values.device.type == "cpu":
        return torch.from_numpy(np.asarray(np.hypot(values.numpy(), other), np.float32))
    return torch.hypot(values, torch.from_numpy(other).to(values.device))
