"""Counting pairs on CUDA, by a Triton kernel; bit-identical to :mod:`segbench.kernels.counting`, and the host does not wait.

A tile of a map holds few different pairs. They are counted one after the other: take the largest pair that is left, count it, add the
number to its cell with one atomic operation, strike it out. Maps of noise hold many: after :data:`PAIRS_OF_A_TILE` of them every pixel
that is left adds itself. The atomics are relaxed: with Triton's default order each would empty the cache.

Arguments of the functions under ``@jit`` have no annotations but ``tl.constexpr``: Triton's compiler refuses others, its interpreter
does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

PAIRS_OF_A_TILE = 16
TILE = 2048
# Of Triton: without fusion a product is rounded before it is added, but where a kernel says `fma`.
LAUNCH = {"num_warps": 4, "enable_fp_fusion": False}

jit: Callable[[Callable[..., Any]], Any] = triton.jit


@jit
def count_tile(cells, pairs, most: tl.constexpr):  # type: ignore[no-untyped-def]
    """Add the pairs int32[rows, columns] of a tile, negative ones aside, to int64[65536] counts."""
    pair = tl.max(tl.max(pairs, 1), 0)
    left = most
    while (pair >= 0) & (left > 0):
        here = pairs == pair
        tl.atomic_add(cells + pair, tl.sum(tl.sum(here.to(tl.int32), 1), 0).to(tl.int64), sem="relaxed")
        pairs = tl.where(here, -1, pairs)
        pair = tl.max(tl.max(pairs, 1), 0)
        left -= 1
    if pair >= 0:
        tl.atomic_add(cells + pairs, tl.full(pairs.shape, 1, tl.int64), mask=pairs >= 0, sem="relaxed")


@jit
def _count(targets, preds, counts, size, tile: tl.constexpr, most: tl.constexpr):  # type: ignore[no-untyped-def]
    image = tl.program_id(1).to(tl.int64)
    pixel = tl.program_id(0) * tile + tl.arange(0, tile)[None, :]
    inside = pixel < size
    target = tl.load(targets + image * size + pixel, mask=inside, other=0).to(tl.int32)
    pred = tl.load(preds + image * size + pixel, mask=inside, other=0).to(tl.int32)
    count_tile(counts + image * 65536, tl.where(inside, target * 256 + pred, -1), most)


def count_pairs(targets: Tensor, preds: Tensor) -> Tensor:
    """int64[N, 256, 256]: how many pixels of each image have target byte ``row`` and predicted byte ``column``.

    :param targets: uint8[N, H, W] on a CUDA device, of less than 2^31 pixels each.
    :param preds: uint8[N, H, W] there.
    """
    counts = torch.zeros((len(targets), 256, 256), dtype=torch.int64, device=targets.device)
    if targets.numel():
        size = targets[0].numel()
        with torch.cuda.device_of(targets):  # Triton launches on the current device, whatever tensors say
            _count[triton.cdiv(size, TILE), len(targets)](
                targets.contiguous(), preds.contiguous(), counts, size, tile=TILE, most=PAIRS_OF_A_TILE, **LAUNCH
            )
    return counts
