"""What transformers' networks give, as one plane of scores for each class."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.models.adapters.base import refuse_size

# Queries whose masks are enlarged at once: all hundred at full size would not fit.
CHUNK = 10


def _require_size(x: Tensor, size: tuple[int, int] | None, title: str) -> None:
    if size is not None and tuple(x.shape[-2:]) != size:
        refuse_size(title, size)


class PixelScores(nn.Module):
    """A network that scores pixels (SegFormer, UPerNet, DPT, BEiT ...). ``size``: the only (height, width) that it takes."""

    def __init__(self, network: nn.Module, title: str, size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.network, self.title, self.only_size = network, title, size

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, C, h, w] of float32[N, 3, H, W].

        :raises ProtocolError: the network takes another size only.
        """
        _require_size(x, self.only_size, self.title)
        return self.network(pixel_values=x.contiguous()).logits  # type: ignore[no-any-return]


class MaskScores(nn.Module):
    """A network that scores masks (MaskFormer, Mask2Former, OneFormer, EoMT). ``size``: the only (height, width) that it takes.

    A pixel's score of a class is the sum over queries of class probability times mask probability, masks enlarged to the image before the
    sigmoid, as the papers' own code has it. Such scores are probabilities: they are enlarged and averaged as they are.
    """

    def __init__(self, network: nn.Module, title: str, size: tuple[int, int] | None = None, tokens: Tensor | None = None) -> None:
        super().__init__()
        self.network, self.title, self.only_size = network, title, size
        self.tokens: Tensor | None
        self.register_buffer("tokens", tokens, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Scores [N, C, H, W] of float32[N, 3, H, W].

        :raises ProtocolError: the network takes another size only.
        """
        _require_size(x, self.only_size, self.title)
        task: dict[str, Any] = {} if self.tokens is None else {"task_inputs": self.tokens.expand(len(x), -1)}
        found = self.network(pixel_values=x.contiguous(), **task)
        return mask_scores(found.class_queries_logits, found.masks_queries_logits, (x.shape[-2], x.shape[-1]))


def mask_scores(classes: Tensor, masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Scores float32[N, C, *size] of class logits [N, Q, C + 1], whose last class is "nothing", and mask logits [N, Q, h, w]."""
    weights = classes.float().softmax(-1)[..., :-1]
    total = weights.new_zeros((len(weights), weights.shape[2], *size))
    for first in range(0, masks.shape[1], CHUNK):
        some = F.interpolate(masks[:, first : first + CHUNK].float(), size=size, mode="bilinear", align_corners=False).sigmoid_()
        total += torch.einsum("nqc,nqhw->nchw", weights[:, first : first + CHUNK], some)
    return total


def task_tokens(tokenizer: Any, length: int) -> Tensor:
    """What OneFormer is told: int64[1, length], padded with zeros."""
    words = tokenizer(["the task is semantic"], padding="max_length", max_length=length, truncation=True)
    return torch.tensor(words["input_ids"]) * torch.tensor(words["attention_mask"])
