"""What a training step minimises: the loss of what a network returns in training mode, whatever heads it has."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from segbench.augmentation import IGNORE
from segbench.border_losses import balanced_loss, focal_loss, semantic_edges
from segbench.losses import cross_entropy
from segbench.models.base import AuxLogits, InputRule, TrainingOutput, logits_at

DFN_WEIGHT = 0.1  # lambda of the paper's section 3.3
DFN_DILATION = 7  # pixels
PIDNET_WEIGHT = 20.0
PIDNET_SURE = 0.8  # above this probability of a border the logits' own loss counts a second time
PIDNET_DILATION = 3  # pixels: bands of 4, as in the reference


def objective(output: Tensor | TrainingOutput, targets: Tensor, weight: Tensor | None, rule: InputRule) -> Tensor:
    """Cross entropy of the logits and, by its weight, of every auxiliary head; and the loss of the borders.

    :param targets: int64[N, H, W], class indices or :data:`IGNORE`.
    :param weight: float[C] of the classes.
    """
    if isinstance(output, Tensor):
        output = TrainingOutput(output)
    heads = (AuxLogits(output.logits), *output.aux)
    losses = [head.weight * _head_loss(head, targets, weight, rule) for head in heads]
    return torch.stack([*losses, *_border_losses(output, targets, weight, rule)]).sum()


def _head_loss(head: AuxLogits, targets: Tensor, weight: Tensor | None, rule: InputRule) -> Tensor:
    if head.resize == "target":
        size = head.logits.shape[-2:]
        targets = F.interpolate(targets[:, None].float(), size=size, mode="nearest-exact")[:, 0].long()
        return cross_entropy(head.logits.float(), targets, weight=weight, ignore_index=IGNORE)
    logits = logits_at(head.logits.float(), rule, (targets.shape[1], targets.shape[2]))
    return cross_entropy(logits, targets, weight=weight, ignore_index=IGNORE)


def _border_losses(output: TrainingOutput, targets: Tensor, weight: Tensor | None, rule: InputRule) -> list[Tensor]:
    if not output.borders:
        return []
    size = (targets.shape[1], targets.shape[2])
    maps = [logits_at(border.float(), rule, size)[:, 0] for border in output.borders]
    if output.border_loss == "focal":
        edges = semantic_edges(targets, DFN_DILATION, ignore_index=IGNORE)
        return [DFN_WEIGHT * focal_loss(border, edges, ignore_index=IGNORE) for border in maps]
    edges = semantic_edges(targets, PIDNET_DILATION, ignore_index=IGNORE)
    balanced = [PIDNET_WEIGHT * balanced_loss(border, edges, ignore_index=IGNORE) for border in maps]
    sure = [targets.masked_fill(border.sigmoid() <= PIDNET_SURE, IGNORE) for border in maps]
    return balanced + [_head_loss(AuxLogits(output.logits), there, weight, rule) for there in sure]
