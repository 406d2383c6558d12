"""What trains the networks: pixel-wise cross entropy, over all pixels or the hard ones, and the class weights of the papers."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segbench.training.group import ALONE, Group

Reduction = Literal["mean", "sum"]


def cross_entropy(
    logits: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    pixel_weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    group: Group = ALONE,
) -> Tensor:
    """Pixel-wise cross entropy: the negative log-likelihood of the log-softmax.

    With l(x) the target of pixel x, and x running over the pixels that are not ignored::

        sum:   sum_x w(x) * -log softmax(logits(x))[l(x)]     where w(x) = weight[l(x)] + pixel_weight(x)
        mean:  the sum, divided by sum_x w(x)

    ``sum`` is what FCN's released solvers minimise (one image a batch, hence their learning rate of 1e-10); ``mean`` is everybody else's.

    :param logits: float[N, C, H, W].
    :param target: int64[N, H, W], class indices or ``ignore_index``.
    :param weight: float[C], by default ones.
    :param pixel_weight: float[N, H, W], added to the weight of the class, e.g. U-Net's border term; by default zeros.
    :param group: those that have other images of the batch; what all return adds up to the loss of the batch.
    :returns: a scalar; zero, with a gradient of zero, if every pixel is ignored (where the plain mean would be NaN).
    """
    counted = target != ignore_index
    if pixel_weight is None:
        total = F.nll_loss(F.log_softmax(logits, dim=1), target, weight=weight, ignore_index=ignore_index, reduction="sum")
        masses = counted if weight is None else weight[target.clamp(min=0)] * counted
    else:
        classes = torch.ones_like(pixel_weight) if weight is None else weight[target.clamp(min=0)]
        masses = (classes + pixel_weight) * counted
        total = (masses * F.nll_loss(F.log_softmax(logits, dim=1), target, ignore_index=ignore_index, reduction="none")).sum()
    return total if reduction == "sum" else total / group.sum(masses.sum().to(logits.dtype)).clamp(min=torch.finfo(logits.dtype).tiny)


@torch.no_grad()
def hard_pixels(
    logits: Tensor, target: Tensor, *, threshold: float, min_kept: int, ignore_index: int = -100, group: Group = ALONE
) -> Tensor:
    """The target with its easy pixels ignored: online hard example mining, as BiSeNet, DDRNet and PIDNet are trained.

    A pixel is hard if the network gives the truth a probability below ``threshold``. If fewer than ``min_kept`` pixels are, the
    ``min_kept`` with the lowest probabilities are kept, and all that equal the last of them; of fewer counted pixels, all. The probability
    decides alone: weights of classes scale what is kept, not what is chosen. No NaN is easy, so a network that diverges shows it.

    :param logits: float[N, C, H, W].
    :param target: int64[N, H, W], class indices or ``ignore_index``.
    :param group: those that have other images of the batch, as many each; ``min_kept`` is of the batch.
    :returns: int64[N, H, W].
    """
    counted = target != ignore_index
    losses = F.nll_loss(F.log_softmax(logits, dim=1), target, ignore_index=ignore_index, reduction="none")
    losses = losses.masked_fill(~counted, -torch.inf)
    own = min(min_kept, losses.numel())
    largest = group.gather(losses.flatten().topk(own, sorted=False).values)
    least = largest.topk(min(min_kept, largest.numel()), sorted=False).values.min() if own else losses.new_tensor(torch.inf)
    easy = (losses <= -math.log(threshold)) & (losses < least)
    return target.masked_fill(easy, ignore_index)


def enet_weights(pixels: NDArray[np.int64], c: float = 1.02) -> NDArray[np.float64]:
    """ENet's bounded weights ``1 / ln(c + p)`` (Paszke et al. 2016, section 5.2).

    :param pixels: int64[C], target pixels of each class over the training set; p is its share.
    """
    share = pixels / max(int(pixels.sum()), 1)
    return np.asarray(1.0 / np.log(c + share))


def median_frequency_weights(pixels_by_image: NDArray[np.int64], image_pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Median frequency balancing ``median(f) / f_c`` (Eigen & Fergus 2015, as used by SegNet).

    ``f_c`` is the share of class c in the images *that contain it*. A class that no image contains gets weight 0.

    :param pixels_by_image: int64[N, C], target pixels of each class in each image.
    :param image_pixels: int64[N], pixels of each image.
    """
    present = pixels_by_image > 0
    denominator = (present * image_pixels[:, None]).sum(axis=0)
    frequency = np.divide(pixels_by_image.sum(axis=0), denominator, out=np.full(present.shape[1], np.nan), where=denominator > 0)
    weights: NDArray[np.float64] = np.nan_to_num(np.nanmedian(frequency) / frequency, nan=0.0)
    return weights
