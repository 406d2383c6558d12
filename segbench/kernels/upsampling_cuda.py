"""Logits to class map and counts on CUDA: bilinear enlargement, argmax and counting in one Triton kernel.

A program owns a tile of the class map. It reads the logits around it, class by class, keeps the largest value and its class, and writes one
byte a pixel: 1-5 MB of logits in and 2 MB out for Cityscapes, where the full-size logits are 160 MB. No cell is dropped as on a CPU: a GPU
has the arithmetic to spare. Weights and order of operations are those of :mod:`segbench.kernels.bilinear`, with explicit fused
multiply-adds, so the integers are the same ones.

Pairs are counted while the tile is at hand: :mod:`segbench.kernels.counting_cuda`, whose remark on annotations holds here too.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import triton
import triton.language as tl
from torch import Tensor

from segbench.kernels.bilinear import Grid, bilinear_axis
from segbench.kernels.counting_cuda import LAUNCH, PAIRS_OF_A_TILE, count_tile, jit

ROWS, COLUMNS = 8, 128


@jit
def _mix(a, weight, b, next_weight):  # type: ignore[no-untyped-def]
    return tl.fma(a, weight, b * next_weight)


@jit
def _enlarge(  # type: ignore[no-untyped-def]
    logits,
    row_index,
    row_weight,
    column_index,
    column_weight,
    targets,
    classes,
    counts,
    count,
    size,
    logits_width,
    height,
    width,
    enlarging: tl.constexpr,
    counted: tl.constexpr,
    rows: tl.constexpr,
    columns: tl.constexpr,
    most: tl.constexpr,
):
    image = tl.program_id(2).to(tl.int64)
    y, x = tl.program_id(0) * rows + tl.arange(0, rows), tl.program_id(1) * columns + tl.arange(0, columns)
    in_y, in_x = y < height, x < width
    inside = in_y[:, None] & in_x[None, :]
    top = tl.load(row_index + y, mask=in_y, other=0)[:, None] * logits_width
    bottom = tl.load(row_index + height + y, mask=in_y, other=0)[:, None] * logits_width
    left = tl.load(column_index + x, mask=in_x, other=0)[None, :]
    right = tl.load(column_index + width + x, mask=in_x, other=0)[None, :]
    upper, lower = (tl.load(row_weight + y, mask=in_y, other=0)[:, None], tl.load(row_weight + height + y, mask=in_y, other=0)[:, None])
    before, after = (
        tl.load(column_weight + x, mask=in_x, other=0)[None, :],
        tl.load(column_weight + width + x, mask=in_x, other=0)[None, :],
    )
    best = tl.full((rows, columns), float("-inf"), tl.float32)
    found = tl.zeros((rows, columns), tl.int32)
    plane = logits + image * count * size
    for label in range(count):
        value = tl.load(plane + top + left).to(tl.float32)
        if enlarging:
            p = _mix(value, before, tl.load(plane + top + right).to(tl.float32), after)
            q = _mix(tl.load(plane + bottom + left).to(tl.float32), before, tl.load(plane + bottom + right).to(tl.float32), after)
            value = _mix(p, upper, q, lower)
        larger = ((value > best) | (value != value)) & (best == best)  # the first NaN is the largest
        best = tl.where(larger, value, best)
        found = tl.where(larger, label, found)
        plane += size
    pixels = image * height * width + y[:, None] * width + x[None, :]
    tl.store(classes + pixels, found.to(tl.uint8), mask=inside)
    if counted:
        pairs = tl.load(targets + pixels, mask=inside, other=0).to(tl.int32) * 256 + found
        count_tile(counts + image * 65536, tl.where(inside, pairs, -1), most)


def enlarge(
    logits: Tensor, enlarged: tuple[int, int], size: tuple[int, int], targets: Tensor | None = None, grid: Grid = "half_pixel"
) -> tuple[Tensor, Tensor | None]:
    """The class map uint8[N, H, W], and counts int64[N, 256, 256] where there are targets; see :mod:`segbench.kernels.upsampling`.

    :param logits: contiguous float32, bfloat16 or float16 [N, C, h, w].
    """
    images, count, logits_height, logits_width = logits.shape
    row_index, row_weight = _axis_on_device(logits_height, enlarged[0], size[0], grid, logits.device)
    column_index, column_weight = _axis_on_device(logits_width, enlarged[1], size[1], grid, logits.device)
    classes = torch.empty((images, *size), dtype=torch.uint8, device=logits.device)
    counts = None if targets is None else torch.zeros((images, 256, 256), dtype=torch.int64, device=logits.device)
    with torch.cuda.device_of(logits):  # Triton launches on the current device, whatever the tensors say
        _enlarge[triton.cdiv(size[0], ROWS), triton.cdiv(size[1], COLUMNS), images](
            logits, row_index, row_weight, column_index, column_weight,
            classes if targets is None else targets.contiguous(), classes, classes if counts is None else counts,
            count, logits_height * logits_width, logits_width, *size,
            enlarging=(logits_height, logits_width) != enlarged, counted=targets is not None,
            rows=ROWS, columns=COLUMNS, most=PAIRS_OF_A_TILE, **LAUNCH,
        )  # fmt: skip
    return classes, counts


@lru_cache(maxsize=64)
def _axis_on_device(length: int, enlarged: int, kept: int, grid: Grid, device: torch.device) -> tuple[Tensor, Tensor]:
    """int32[2, kept] pixels before and after each output pixel, float32[2, kept] their weights. Copied once: a copy makes the host wait."""
    axis = bilinear_axis(length, enlarged, kept, grid)
    index = torch.from_numpy(axis.before), torch.from_numpy(axis.after)
    weight = torch.from_numpy(axis.weight), torch.from_numpy(axis.next_weight)
    return torch.stack(index).to(device), torch.stack(weight).to(device)
