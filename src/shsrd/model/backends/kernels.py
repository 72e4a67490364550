"""Triton kernels of ``shsrd.model.backends.gpu``.

A program of the convolution multiplies a tile of pixels by the nine taps in turn. The tensor memory accelerator fetches
the shifted tiles, with zeros beyond the image (the padding), and drops what lies beyond it of a result.
"""

import triton
import triton.language as tl


@triton.jit
def convolve_kernel(
    x_desc,
    w_desc,
    out_desc,
    other_desc,
    bias_ptr,
    sums_ptr,
    tiles,
    tiles_y,
    tiles_x,
    WIDTH: tl.constexpr,
    CHANNELS: tl.constexpr,
    TILE_Y: tl.constexpr,
    TILE_X: tl.constexpr,
    STAGES: tl.constexpr,
    TURNED: tl.constexpr,
    RELU: tl.constexpr,
    ADD: tl.constexpr,
    MASK: tl.constexpr,
):
    """A 3x3 convolution of ``(n, y, x, WIDTH)``, then bias and ReLU, or a sum, or zeros where ``other`` has none.

    On the way back (``TURNED``), every program also sums up the gradient of a bias: what it adds, or what it masks.
    """
    sums = tl.zeros((WIDTH,), dtype=tl.float32)
    for tile in range(tl.program_id(0), tiles, tl.num_programs(0)):
        image = tile // (tiles_y * tiles_x)
        top = (tile // tiles_x) % tiles_y * TILE_Y
        left = tile % tiles_x * TILE_X
        acc = tl.zeros((TILE_Y * TILE_X, WIDTH), dtype=tl.float32)
        for k in tl.range(9 * (WIDTH // CHANNELS), num_stages=STAGES):
            tap = k // (WIDTH // CHANNELS)
            channel = k % (WIDTH // CHANNELS) * CHANNELS
            x = x_desc.load([image, top + tap // 3 - 1, left + tap % 3 - 1, channel]).reshape(TILE_Y * TILE_X, CHANNELS)
            if TURNED:
                w = w_desc.load([(8 - tap) * WIDTH, channel]).T
            else:
                w = w_desc.load([tap * WIDTH + channel, 0])
            acc = tl.dot(x, w, acc)
        if not TURNED:
            acc += tl.load(bias_ptr + tl.arange(0, WIDTH))[None, :]
        if RELU:
            acc = tl.maximum(acc, 0.0)
        if ADD:
            other = other_desc.load([image, top, left, 0]).reshape(TILE_Y * TILE_X, WIDTH).to(tl.float32)
            acc += other
            if TURNED:
                sums += tl.sum(other, axis=0)
        if MASK:
            acc = tl.where(other_desc.load([image, top, left, 0]).reshape(TILE_Y * TILE_X, WIDTH) > 0, acc, 0.0)
            sums += tl.sum(acc, axis=0)
        out_desc.store([image, top, left, 0], acc.to(out_desc.dtype).reshape(1, TILE_Y, TILE_X, WIDTH))
    if TURNED:
        tl.store(sums_ptr + tl.program_id(0) * WIDTH + tl.arange(0, WIDTH), sums)


@triton.jit
def affine_kernel(
    x_ptr,
    h_ptr,
    weight_ptr,
    bias_ptr,
    out_ptr,
    pixels,
    INPUTS: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):
    """``h + h * scale + shift`` of ``(pixels, WIDTH)``, both linear in ``x`` ``(pixels, INPUTS)``."""
    rows = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)[:, None]
    inputs, channels = tl.arange(0, INPUTS), tl.arange(0, WIDTH)[None, :]
    x = tl.load(x_ptr + rows * INPUTS + inputs[None, :], mask=rows < pixels, other=0.0)
    h = tl.load(h_ptr + rows * WIDTH + channels, mask=rows < pixels, other=0.0).to(tl.float32)
    weight = weight_ptr + inputs[:, None] * (2 * WIDTH) + channels
    scale = tl.dot(x, tl.load(weight)) + tl.load(bias_ptr + channels)
    shift = tl.dot(x, tl.load(weight + WIDTH)) + tl.load(bias_ptr + WIDTH + channels)
    out = (h + h * scale + shift).to(out_ptr.dtype.element_ty)
    tl.store(out_ptr + rows * WIDTH + channels, out, mask=rows < pixels)
