"""Losses of networks that also learn where classes meet: DFN's focal loss, PIDNet's balanced one, and the borders they learn."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from segbench.training.group import ALONE, Group


def semantic_edges(target: Tensor, dilation: int, *, ignore_index: int = -100) -> Tensor:
    """Where two classes meet: 1 on the pixels within ``dilation // 2`` (a square) of an edge, 0 elsewhere, ignored where the target is.

    A pixel is an edge if one of its four neighbours is of another class, so a straight edge is a band of ``dilation + 1`` pixels with the
    edge in its middle, and a mirrored target gives mirrored edges. Where a class meets void nothing is known, and nothing is an edge.

    :param target: int64[N, H, W], class indices or ``ignore_index``.
    :param dilation: side of the square in pixels, odd.
    :returns: int64[N, H, W] of 0, 1 and ``ignore_index``.
    """
    counted = target != ignore_index
    edge = torch.zeros_like(counted)
    for axis, length in ((1, target.shape[1]), (2, target.shape[2])):
        first, second = (target.narrow(axis, start, length - 1) for start in (0, 1))
        differ = (first != second) & (first != ignore_index) & (second != ignore_index)
        for start in (0, 1):
            edge.narrow(axis, start, length - 1).logical_or_(differ)
    near = F.max_pool2d(edge[:, None].float(), dilation, stride=1, padding=dilation // 2)[:, 0]
    return near.long().masked_fill_(~counted, ignore_index)


def focal_loss(logits: Tensor, edges: Tensor, *, gamma: float = 2.0, ignore_index: int = -100, group: Group = ALONE) -> Tensor:
    """``-(1 - p) ** gamma * log p`` where p is the probability of the truth, averaged over the pixels that count (DFN, section 3.2).

    Zero for a perfect map of borders, rising with every wrong pixel; written in logits, so it is finite for any of them.

    :param logits: float[N, H, W] of the borders.
    :param edges: int64[N, H, W] of 0, 1 and ``ignore_index``.
    :param group: those that have other images of the batch; what all return adds up to the loss of the batch.
    :returns: a scalar; zero, with a gradient of zero, if every pixel is ignored.
    """
    counted = edges != ignore_index
    truth = torch.where(edges == 1, logits, -logits)  # the logit of the truth: p = sigmoid(truth)
    losses = torch.exp(-gamma * F.softplus(truth)) * F.softplus(-truth)
    return (losses * counted).sum() / group.sum(counted.sum()).clamp(min=1)


def balanced_loss(logits: Tensor, edges: Tensor, *, ignore_index: int = -100, group: Group = ALONE) -> Tensor:
    """Binary cross entropy in which edges weigh as much as all the rest: each side by the share of the other (PIDNet).

    The shares are those of the batch, and the mean is over the pixels that count, whatever their weight, as in PIDNet's code.

    :param logits: float[N, H, W] of the borders.
    :param edges: int64[N, H, W] of 0, 1 and ``ignore_index``.
    :param group: those that have other images of the batch; what all return adds up to the loss of the batch.
    :returns: a scalar; zero, with a gradient of zero, if every pixel is ignored or all are on one side.
    """
    counted = edges != ignore_index
    edge = edges == 1
    pixels = group.sum(counted.sum()).clamp(min=1)
    share = group.sum(edge.sum()) / pixels
    weight = torch.where(edge, 1 - share, share) * counted
    return F.binary_cross_entropy_with_logits(logits, edge.to(logits.dtype), weight, reduction="sum") / pixels
