"""What is counted of a network's confidence in one pass over its logits; :mod:`segbench.kernels.confidence_bins` says which numbers.

The probabilities are the softmax, at the image's size, of the enlarged logits: those of which the class map is the argmax. A network whose
scores are probabilities has them divided by their sum.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from segbench.kernels.bilinear import Grid
from segbench.kernels.by_rows import count_by_rows
from segbench.kernels.confidence_bins import (
    BINS,
    FINE,
    FINE_OCTAVES,
    FINE_PARTS,
    OCTAVES,
    OF_BINS,
    OF_CLASSES,
    OF_STEPS,
    PARTS,
    STEPS,
    length,
)
from segbench.kernels.upsampling import Size, enlarged_logits


def count_confidence(
    logits: Tensor,
    enlarged: Size,
    maps: tuple[Tensor, Tensor],
    table: Tensor,
    grid: Grid = "half_pixel",
    *,
    probabilities: bool = False,
    temperature: float = 1.0,
) -> Tensor:
    """float64[S] on the logits' device, of all images together.

    :param logits: float[N, C, h, w] of any floating type, of which the class maps were made.
    :param enlarged: the (height, width) to which they are interpolated.
    :param maps: class maps and targets, uint8[N, H, W] of the same size, not larger than ``enlarged``.
    :param table: int32[256]: the class index of each target byte; C or more is not evaluated.
    :param probabilities: whether the logits are probabilities.
    :param temperature: what logits are divided by before the softmax; probabilities have none.
    """
    classes, targets = maps
    indices = table[targets.int()]
    if logits.device.type != "cpu":
        return count_with_torch(logits, enlarged, (classes, indices), grid, probabilities=probabilities, temperature=temperature)
    from segbench.kernels.confidence_rows import count_confidence_rows  # numba: only where it is asked for

    planes, preds, wanted = logits.detach().float().contiguous().numpy(), classes.contiguous().numpy(), indices.contiguous().numpy()
    number = length(planes.shape[1])
    total = np.zeros(number)
    for image, pred, target in zip(planes, preds, wanted, strict=True):
        arguments = (pred, target, probabilities, 1 / temperature)
        total += count_by_rows(count_confidence_rows, image, arguments, (enlarged, target.shape), grid, lambda: np.zeros(number))
    return torch.from_numpy(total)


def count_with_torch(
    logits: Tensor,
    enlarged: Size,
    maps: tuple[Tensor, Tensor],
    grid: Grid = "half_pixel",
    *,
    probabilities: bool = False,
    temperature: float = 1.0,
) -> Tensor:
    """The same on any device, with full-size probabilities, and nothing that makes the host wait; ``maps`` hold target indices int32.

    Sums of probabilities are rounded in the order in which a GPU's threads come to them; whole numbers are exact.
    """
    classes, indices = maps
    number = logits.shape[1]
    scores = enlarged_logits(logits.detach().float(), enlarged, (classes.shape[1], classes.shape[2]), grid)
    if probabilities:
        scores = scores.clamp(min=0)
        p = scores / scores.sum(1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
        logs = p.clamp(min=2.0**-23).log()
    else:
        logs = (scores / temperature).log_softmax(1)
        p = logs.exp()
    used = (indices < number).double()
    target, pred = indices.clamp(max=number - 1).long()[:, None], classes.long()[:, None]
    hit = (target == pred)[:, 0].double() * used
    confidence, of_target = p.gather(1, pred)[:, 0], p.gather(1, target)[:, 0].double()
    rest = p.scatter(1, pred, 0.0).sum(1)
    result = p.new_zeros(length(number), dtype=torch.float64)
    result[0] = used.sum()
    result[1] = -(logs.gather(1, target)[:, 0].double() * used).sum()
    result[2] = ((p.double().square().sum(1) - 2 * of_target + 1) * used).sum()

    def add(places: Tensor, values: Tensor) -> None:
        result.index_add_(0, places.reshape(-1), values.double().reshape(-1))

    bins = OF_BINS + 3 * _bins(confidence)
    for offset, values in enumerate((used, hit, confidence * used)):
        add(bins + offset, values)
    steps = OF_STEPS + 2 * _steps(rest)
    add(steps, used)
    add(steps + 1, used - hit)
    own = OF_CLASSES + 2 * BINS * torch.arange(number, device=p.device)[None, :, None, None] + 2 * _bins(p)
    add(own, p.double() * used[:, None])
    add(own.gather(1, target)[:, 0] + 1, used)
    return result


def _steps(q: Tensor) -> Tensor:
    bits = q.view(torch.int32)
    octave = 126 - (bits >> 23)
    plain = (OCTAVES - 1 - octave) * PARTS + ((bits >> 19) & 15)
    fine = FINE + (FINE_OCTAVES - 1 - octave) * FINE_PARTS + ((bits >> 17) & 63)
    return plain.where(octave >= FINE_OCTAVES, fine).where(octave < OCTAVES, 0).where(octave >= 0, STEPS - 1).long()


def _bins(p: Tensor) -> Tensor:
    return (p * BINS).long().clamp(0, BINS - 1)
