"""The NLL of all pixels under several temperatures, in one pass over the logits (:mod:`segbench.kernels.tempered_rows`)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from segbench.kernels.bilinear import Grid
from segbench.kernels.by_rows import count_by_rows
from segbench.kernels.upsampling import Size, enlarged_logits


def count_tempered(logits: Tensor, enlarged: Size, indices: Tensor, inverses: Tensor, grid: Grid = "half_pixel") -> Tensor:
    """float64[1 + 3 G] on the logits' device, of all images together: evaluated pixels, then NLL and its two derivatives by each inverse.

    :param logits: float[N, C, h, w] of any floating type.
    :param enlarged: the (height, width) to which they are interpolated.
    :param indices: int32[N, H, W] target class indices, not larger than ``enlarged``; what is C or more is not evaluated.
    :param inverses: float32[G], what logits are multiplied by: inverse temperatures.
    """
    if logits.device.type != "cpu":
        return count_with_torch(logits, enlarged, indices, inverses, grid)
    from segbench.kernels.tempered_rows import count_tempered_rows  # numba: only where it is asked for

    planes, wanted, by = logits.detach().float().contiguous().numpy(), indices.int().contiguous().numpy(), inverses.float().numpy()
    number = 1 + 3 * len(by)
    total = np.zeros(number)
    for image, target in zip(planes, wanted, strict=True):
        total += count_by_rows(count_tempered_rows, image, (target, by), (enlarged, target.shape), grid, lambda: np.zeros(number))
    return torch.from_numpy(total)


def count_with_torch(logits: Tensor, enlarged: Size, indices: Tensor, inverses: Tensor, grid: Grid = "half_pixel") -> Tensor:
    """The same on any device, with full-size logits."""
    scores = enlarged_logits(logits.detach().float(), enlarged, (indices.shape[1], indices.shape[2]), grid)
    scores = scores - scores.amax(1, keepdim=True)
    used = (indices < scores.shape[1]).double()
    of_target = scores.gather(1, indices.clamp(max=scores.shape[1] - 1).long()[:, None])[:, 0].double()
    found = [used.sum()]
    for inverse in inverses.unbind():
        logs = (scores * inverse).log_softmax(1)
        p = logs.exp()
        mean, square = (p * scores).sum(1).double(), (p * scores.square()).sum(1).double()
        nll = -logs.gather(1, indices.clamp(max=scores.shape[1] - 1).long()[:, None])[:, 0].double()
        found += [(each * used).sum() for each in (nll, mean - of_target, (square - mean.square()).clamp(min=0))]
    return torch.stack(found)
