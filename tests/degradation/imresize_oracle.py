"""MATLAB's ``imresize`` from its definition: contributions, antialiasing, mirrored indices; slow, float64."""

import math

import numpy as np


def cubic(t):
    t = abs(t)
    if t <= 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    if t <= 2:
        return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return 0.0


def resize_vector(values, out_length, factor):
    n = len(values)
    shrink = min(factor, 1.0)
    width = 4 / shrink
    mirrored = [*range(n), *range(n - 1, -1, -1)]
    out = np.zeros(out_length)
    for k in range(out_length):
        centre = (k + 1) / factor + 0.5 * (1 - 1 / factor)  # one-based, as in MATLAB
        left = math.floor(centre - width / 2)
        positions = range(left, left + math.ceil(width) + 2)
        weights = [shrink * cubic(shrink * (centre - p)) for p in positions]
        total = sum(weights)
        out[k] = sum(w / total * values[mirrored[(p - 1) % (2 * n)]] for w, p in zip(weights, positions, strict=True))
    return out


def imresize(image, factor):
    rows, columns = (round(side * factor) for side in image.shape)
    tall = np.stack([resize_vector(column, rows, factor) for column in image.T.astype(float)], axis=1)
    return np.stack([resize_vector(row, columns, factor) for row in tall])
