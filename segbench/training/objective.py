"""What a training step minimises: the loss of what a network returns in training mode, whatever heads it has."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from segbench.kernels.bilinear import Grid
from segbench.models.segmenter import AuxLogits, InputRule, TrainingOutput, logits_at
from segbench.training.batches import IGNORE, Batch
from segbench.training.border_losses import balanced_loss, focal_loss, semantic_edges
from segbench.training.group import ALONE, Group
from segbench.training.losses import cross_entropy, hard_pixels
from segbench.training.recipe import Recipe

DFN_WEIGHT = 0.1  # lambda of the paper's section 3.3
DFN_DILATION = 7  # pixels
PIDNET_WEIGHT = 20.0
PIDNET_SURE = 0.8  # above this probability of a border the logits' own loss counts a second time
PIDNET_DILATION = 3  # pixels: bands of 4, as in the reference


@dataclass(frozen=True)
class Objective:
    """What the recipe minimises: the cross entropy of the logits and, by its weight, of every auxiliary head; and the loss of the borders.

    Of a ``group`` it is this process's part: the losses of all add up to that of the batch.

    ``weight`` float[C] of the classes. The network sees its images padded by the ``rule``; its logits lie on the ``grid``.
    """

    recipe: Recipe = field(default_factory=Recipe)
    weight: Tensor | None = None
    rule: InputRule = field(default_factory=InputRule)
    grid: Grid = "half_pixel"
    group: Group = ALONE

    def __call__(self, output: Tensor | TrainingOutput, batch: Batch) -> Tensor:
        """The loss of what the network returns for a batch: a scalar."""
        if isinstance(output, Tensor):
            output = TrainingOutput(output)
        losses = [self._head_loss(AuxLogits(output.logits), batch, main=True)]
        losses += [head.weight * self._head_loss(head, batch) for head in output.aux]
        return torch.stack(losses + self._border_losses(output, batch)).sum()

    def _head_loss(self, head: AuxLogits, batch: Batch, *, main: bool = False) -> Tensor:
        logits, targets, pixel_weights = head.logits.float(), batch.targets, batch.pixel_weights
        if head.resize == "target":
            size = (logits.shape[2], logits.shape[3])
            targets = _nearest(targets, size).long()
            pixel_weights = None if pixel_weights is None else _nearest(pixel_weights, size)
        else:
            logits = logits_at(logits, self.rule, (targets.shape[1], targets.shape[2]), self.grid)
        if self.recipe.loss == "ohem" and (main or self.recipe.ohem_heads == "all"):
            kept = int(self.recipe.ohem_min_kept * targets.numel() * self.group.size)
            threshold = self.recipe.ohem_threshold
            targets = hard_pixels(logits, targets, threshold=threshold, min_kept=kept, ignore_index=IGNORE, group=self.group)
        how: dict[str, Any] = {"ignore_index": IGNORE, "reduction": self.recipe.reduction, "group": self.group}
        return cross_entropy(logits, targets, weight=self.weight, pixel_weight=pixel_weights, **how)

    def _border_losses(self, output: TrainingOutput, batch: Batch) -> list[Tensor]:
        size = (batch.targets.shape[1], batch.targets.shape[2])
        maps = [logits_at(border.float(), self.rule, size, self.grid)[:, 0] for border in output.borders]
        if not maps:
            return []
        if output.border_loss == "focal":
            edges = semantic_edges(batch.targets, DFN_DILATION, ignore_index=IGNORE)
            return [DFN_WEIGHT * focal_loss(border, edges, ignore_index=IGNORE, group=self.group) for border in maps]
        edges = semantic_edges(batch.targets, PIDNET_DILATION, ignore_index=IGNORE)
        balanced = [PIDNET_WEIGHT * balanced_loss(border, edges, ignore_index=IGNORE, group=self.group) for border in maps]
        sure = [replace(batch, targets=batch.targets.masked_fill(border.sigmoid() <= PIDNET_SURE, IGNORE)) for border in maps]
        return balanced + [self._head_loss(AuxLogits(output.logits), there, main=True) for there in sure]


def _nearest(planes: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(planes[:, None].float(), size=size, mode="nearest-exact")[:, 0]
