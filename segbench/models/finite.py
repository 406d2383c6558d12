"""Refuses networks whose tensors hold NaN or infinite numbers: one such weight decides every pixel, or spoils a class in silence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from segbench.errors import NetworkError
from segbench.models.segmenter import Segmenter

SHOWN = 5
WAY_OUT = "a training that diverged? take its last good state, or weights that were not rounded to half precision"

Named = tuple[str, Tensor, bool]
"""A tensor with its name, and whether it may hold minus infinity, as masks of attention do."""


def refuse_infinite_weights(segmenter: Segmenter) -> None:
    """Check the parameters and buffers of a segmenter's network; those of a meta device hold nothing.

    :raises NetworkError: naming those that are NaN or infinite.
    """
    network = segmenter.network
    tensors: list[Named] = [(name, parameter, False) for name, parameter in network.named_parameters()]
    tensors += [(name, buffer, buffer.ndim > 1) for name, buffer in network.named_buffers()]
    if problems := infinite(tensors):
        raise NetworkError(f"model {segmenter.name!r} has {said(problems)}")


def infinite(tensors: Iterable[Named]) -> list[str]:
    """The names of the tensors that hold NaN or infinite numbers, with what they hold. The host waits for a device once."""
    looked_at = [(name, bounds, masks) for name, tensor, masks in tensors if (bounds := _bounds(tensor)) is not None]
    if not looked_at:
        return []
    device = looked_at[0][1].device
    values = torch.stack([bounds.to(device) for _, bounds, _ in looked_at]).tolist()
    return list(_problems((name, *bounds, masks) for (name, _, masks), bounds in zip(looked_at, values, strict=True)))


def said(problems: list[str]) -> str:
    """``3 tensors that are NaN or infinite: ...``, and the way out."""
    more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return f"{len(problems)} tensors with NaN or infinite numbers: {', '.join(problems[:SHOWN])}{more}; {WAY_OUT}"


def _problems(rows: Iterable[tuple[str, float, float, bool]]) -> Iterator[str]:
    for name, low, high, masks in rows:
        if math.isnan(low):
            yield f"{name} (NaN)"
        elif high == math.inf or (low == -math.inf and not masks):
            yield f"{name} (infinite)"


def _bounds(tensor: Tensor) -> Tensor | None:
    """float64[2] on its device: the smallest and the largest number; ``None`` of what cannot be anything else than finite."""
    tensor = tensor.detach()
    if tensor.is_meta or tensor.is_quantized or tensor.layout != torch.strided or not tensor.numel():
        return None
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    if not tensor.is_floating_point():
        return None
    if tensor.element_size() == 1:  # of a byte: torch has no arithmetic for them
        tensor = tensor.float()
    return torch.stack(torch.aminmax(tensor)).double()


def refuse_unit_normalisation(segmenter: Segmenter) -> None:
    """Check that mean and std are not those of values 0..1, as torchvision writes them, while images are bytes.

    A repository of `hf:` says itself what it feeds, whatever that is.

    :raises NetworkError: they are; with the numbers to write.
    """
    mean, std = segmenter.normalize.mean, segmenter.normalize.std
    if max(std) < 1 and max(map(abs, mean)) <= 1 and not segmenter.name.startswith("hf:"):
        found = f"model {segmenter.name!r}: mean {list(mean)} and std {list(std)}"
        mean, std = (tuple(round(255 * value, 4) for value in values) for values in (mean, std))
        raise NetworkError(f"{found} are of values 0..1, and images are bytes 0..255: write Normalize(mean={mean}, std={std})")
