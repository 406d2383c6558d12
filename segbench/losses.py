"""What trains the networks: pixel-wise cross entropy and the class weights of the papers."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Tensor, target: Tensor, *, weight: Tensor | None = None, ignore_index: int = -100) -> Tensor:
    """Pixel-wise cross entropy: the negative log-likelihood of the log-softmax, averaged over the pixels that count.

    ``loss = sum_x w[l(x)] * -log softmax(logits(x))[l(x)] / sum_x w[l(x)]`` over pixels x whose target l(x) is not ignored.

    :param logits: float[N, C, H, W].
    :param target: int64[N, H, W], class indices or ``ignore_index``.
    :param weight: float[C], by default ones.
    :returns: a scalar; zero, with a gradient of zero, if every pixel is ignored (where the plain mean would be NaN).
    """
    log_likelihood = F.log_softmax(logits, dim=1)
    total = F.nll_loss(log_likelihood, target, weight=weight, ignore_index=ignore_index, reduction="sum")
    counted = target != ignore_index
    mass = counted.sum().to(logits.dtype) if weight is None else (weight[target.clamp(min=0)] * counted).sum()
    return total / mass.clamp(min=torch.finfo(logits.dtype).tiny)


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
    return np.nan_to_num(np.nanmedian(frequency) / frequency, nan=0.0)
