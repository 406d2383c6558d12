"""Toy models that each lack one property of the contract, next to nothing else being wrong with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.segmenter import AuxLogits, Paper, Segmenter, TrainingOutput
from tests.tiny import LABELS, tiny

CLASSES = len(LABELS.classes)


class Toy(nn.Module):
    """Two convolutions at the image's size; what subclasses do wrong comes between or behind them."""

    def __init__(self, planes: int = CLASSES, padding: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=padding)
        self.score = nn.Conv2d(4, planes, 1)

    def between(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Any:
        return self.score(self.between(F.relu(self.first(x))))


class Dictionary(Toy):
    def forward(self, x: Tensor) -> Any:
        return {"out": super().forward(x)}


class Infinite(Toy):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x) / 0


class Halving(Toy):
    """Its way up meets its way down only where the sides are even."""

    def between(self, x: Tensor) -> Tensor:
        return x + F.interpolate(F.avg_pool2d(x, 2, ceil_mode=True), scale_factor=2.0)


class Moody(Toy):
    """Normalised over the batch, whatever the mode."""

    def between(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, None, None, training=True)


class Blind(Toy):
    def between(self, x: Tensor) -> Tensor:
        return torch.ones_like(x)


class Unsteady(Toy):
    def between(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.5, training=True)


class Folding(Toy):
    """Evaluation folds a factor into the weights, and training does not take it out again."""

    def train(self, mode: bool = True) -> Folding:
        if not mode:
            self.score.weight.data *= 2
        return super().train(mode)


class Sticky(Toy):
    """A dropout that is never told that it is evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout()

    def train(self, mode: bool = True) -> Sticky:
        super().train(mode)
        self.dropout.train()
        return self


class Frozen(Toy):
    def train(self, mode: bool = True) -> Frozen:
        return super().train(False)


class Undeclared(Toy):
    """What it calls a head of training is where its logits come from."""

    training_only = ("score",)


class Idle(Toy):
    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Conv2d(4, 4, 1)


class Cut(Toy):
    def between(self, x: Tensor) -> Tensor:
        return x.detach()


class Uphill(Toy):
    """The right values, and gradients of the wrong sign."""

    def forward(self, x: Tensor) -> Any:
        logits = super().forward(x)
        return 2 * logits.detach() - logits


class UnlearntHead(Toy):
    """Its auxiliary head is cut off from the loss."""

    training_only = ("head",)

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, CLASSES, 1)

    def forward(self, x: Tensor) -> Any:
        logits = super().forward(x)
        return TrainingOutput(logits, (AuxLogits(self.head(x).detach()),)) if self.training else logits


class Forgetful(Toy):
    """It computes with a random tensor that is not in its state dict."""

    def __init__(self, planes: int) -> None:
        super().__init__(planes)
        self.noise = torch.rand(4, 1, 1)

    def between(self, x: Tensor) -> Tensor:
        return x * self.noise


def forgetful(labels: LabelSpace) -> Segmenter:
    return Segmenter("tests/broken_models.py:forgetful", Forgetful(len(labels.classes)), labels, Paper("Toy", "nobody", 2026, ""))


def having(network: nn.Module, **facts: Any) -> Segmenter:
    """The tiny model with another network, or other facts."""
    return replace(tiny(LABELS), network=network, **facts)
