"""How strange a network finds each pixel, counted in one pass over its logits; :mod:`segbench.kernels.anomaly_bins` says in which bins.

The logits are those of which the class map is the argmax: enlarged to the image's size.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from segbench.kernels.anomaly_bins import BINS, CUT, HALF, LENGTH, LOWEST, LOWEST_SIGNED
from segbench.kernels.bilinear import Grid
from segbench.kernels.by_rows import count_by_rows
from segbench.kernels.upsampling import Size, enlarged_logits


def count_anomalies(
    logits: Tensor, enlarged: Size, roles: Tensor, grid: Grid = "half_pixel", *, probabilities: bool = False, temperature: float = 1.0
) -> Tensor:
    """int64[LENGTH] on the logits' device, of all images together: the pixels of each score, role and bin.

    :param logits: float[N, C, h, w] of any floating type, of which the class maps were made.
    :param enlarged: the (height, width) to which they are interpolated.
    :param roles: uint8[N, H, W], not larger than ``enlarged``: 0 known, 1 anomaly, 2 left out.
    :param probabilities: whether the logits are probabilities; these have no ``max_logit`` and no ``energy``, whose bins stay empty.
    :param temperature: what logits are divided by before the softmax.
    """
    if logits.device.type != "cpu":
        return count_with_torch(logits, enlarged, roles, grid, probabilities=probabilities, temperature=temperature)
    from segbench.kernels.anomaly_rows import count_anomaly_rows  # numba: only where it is asked for

    planes, marks = logits.detach().float().contiguous().numpy(), roles.contiguous().numpy()
    total, sizes = np.zeros(LENGTH, np.int64), (enlarged, marks.shape[1:])
    rows = -(-marks.shape[1] // torch.get_num_threads())  # a piece for each thread, as each takes 4 MB; whole numbers add up in any way
    for image, own in zip(planes, marks, strict=True):
        arguments = (own, probabilities, temperature)
        total += count_by_rows(count_anomaly_rows, image, arguments, sizes, grid, lambda: np.zeros(LENGTH, np.int64), rows)
    return torch.from_numpy(total)


def count_with_torch(
    logits: Tensor, enlarged: Size, roles: Tensor, grid: Grid = "half_pixel", *, probabilities: bool = False, temperature: float = 1.0
) -> Tensor:
    """The same on any device, with full-size logits, and nothing that makes the host wait."""
    scores = enlarged_logits(logits.detach().float(), enlarged, (roles.shape[1], roles.shape[2]), grid)
    largest, best = scores.max(1, keepdim=True)
    if probabilities:
        ratio = (scores.clamp(min=0) / largest.clamp(min=torch.finfo(torch.float32).tiny)).scatter(1, best, 0.0)
        spread = -torch.xlogy(ratio, ratio).sum(1)
        none = largest[:, 0] <= 0
        rest = ratio.sum(1)
    else:
        difference = (scores - largest) / temperature
        ratio = difference.exp().scatter(1, best, 0.0)
        spread = -(ratio * difference).sum(1)
        rest = ratio.sum(1)
    logarithm = rest.double().log1p()
    unsure, entropy = rest.double() / (1 + rest), logarithm + spread / (1 + rest)
    top, most = 1 - 1 / scores.shape[1], math.log(scores.shape[1])
    if probabilities:
        unsure, entropy = unsure.masked_fill(none, top), entropy.masked_fill(none, most)
    counts = scores.new_zeros(LENGTH + 1, dtype=torch.int64)
    found = {0: _bins(unsure, top), 2: _bins(entropy, most)}
    if not probabilities:
        highest = largest[:, 0]
        found |= {1: _signed_bins(0 - highest), 3: _signed_bins(0 - (highest.double() + temperature * logarithm).float())}
    for score, bins in found.items():
        places = (2 * score + roles.long()) * BINS + bins
        places = places.masked_fill(roles > 1, LENGTH).reshape(-1)
        counts.index_add_(0, places, torch.ones_like(places))
    return counts[:LENGTH]


def _bins(values: Tensor, top: float) -> Tensor:
    left = top - values
    odds = (values / left).where(left > 0, 1e6 * values).float()
    return ((odds.contiguous().view(torch.int32) >> CUT) - LOWEST).clamp(0, BINS - 1).long()


def _signed_bins(values: Tensor) -> Tensor:
    bits = values.contiguous().view(torch.int32)
    magnitude = (((bits & 0x7FFFFFFF) >> CUT) - LOWEST_SIGNED).clamp(0, HALF - 1)
    return (HALF - 1 - magnitude).where(bits < 0, HALF + magnitude).long()
