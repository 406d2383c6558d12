"""What a network returns, brought to the one thing that is evaluated: scores, a floating-point plane for each class.

Networks return tensors, tuples, dictionaries, the ``ModelOutput`` of transformers, or classes that are decided already. One of several
outputs is taken only where it is certain which: it was chosen by its name, it is called as main outputs are (:data:`MAIN`), or no other one
is large enough to say something of every pixel. All else is refused, with what was found and the way out; nothing is guessed.

The checks here look at types and shapes alone: a host that reads a number would wait for the device. Whether scores are finite is told by
:func:`largest_magnitude` beside them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch
from torch import Tensor

from segbench.errors import NetworkError

MAIN = ("logits", "out", "output")
"""What main outputs are called: by transformers, by torchvision, by many exporters."""

COMPUTED = (torch.float32, torch.float16, torch.bfloat16)
"""Precisions of scores that class maps are made of as they are; others are brought to the first."""


@dataclass(frozen=True)
class Wanted:
    """What is looked for in an output. ``title``: what messages call the network. ``scores``: how many there must be for each pixel.

    :param output: the name of the output that was chosen; of a list its place, from 0; parts of parts are joined by dots.
    :param choose: how one is chosen, with ``{}`` in place of its name.
    :param one_score: what helps where there is one score for two classes.
    """

    title: str
    scores: int
    output: str | None = None
    choose: str = "Segmenter(..., output={!r})"
    one_score: str = "return torch.cat([-scores, scores], 1) for scores that are positive where the second class is"


def scores_in(returned: Any, wanted: Wanted, images: Tensor) -> Tensor:
    """The scores [N, C, h, w] in what a network returned for images [N, ...], on their device, of one of :data:`COMPUTED`.

    :raises NetworkError: there are none, or it is not certain which they are.
    """
    name, found = _main(returned, wanted)
    if problem := _problem(found, wanted, images):
        raise NetworkError(f"{wanted.title} gives {f'as {name!r} ' if name else ''}{describe(found)}{problem}")
    scores: Tensor = found if found.dtype in COMPUTED else found.float()
    return scores


def parts_of(returned: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every part of what a network returned, with its name; parts of parts are joined by dots, and what is ``None`` is left out."""
    if isinstance(returned, Mapping):
        items: Any = returned.items()
    elif isinstance(returned, tuple) and hasattr(returned, "_fields"):
        items = zip(returned._fields, returned, strict=True)
    elif isinstance(returned, tuple | list):
        items = enumerate(returned)
    elif is_dataclass(returned) and not isinstance(returned, type):
        items = ((field.name, getattr(returned, field.name)) for field in fields(returned))
    else:
        if returned is not None:
            yield name, returned
        return
    for key, value in items:
        yield from parts_of(value, f"{name}.{key}" if name else str(key))


def describe(found: Any) -> str:
    """What something is, in few words: ``float32[1, 19, 64, 128]``."""
    if isinstance(found, Tensor):
        return f"{str(found.dtype).removeprefix('torch.')}{list(found.shape)}"
    return "nothing" if found is None else f"a {type(found).__name__}"


def largest_magnitude(values: Tensor) -> Tensor:
    """float32[]: the largest absolute value on the tensor's device, NaN if one is NaN; the host does not wait for it.

    One number that is finite if, and only if, all are.
    """
    if not values.numel():
        return values.new_zeros((), dtype=torch.float32)
    low, high = torch.aminmax(values.detach())
    return torch.maximum(high.float(), -low.float())


def refuse_infinite(largest: float, title: str, image: str, hint: str = "") -> None:
    """Check what :func:`largest_magnitude` gave.

    :raises NetworkError: it is NaN or infinite, so a class would win by accident.
    """
    if not math.isfinite(largest):
        kind = "NaN" if math.isnan(largest) else "infinite"
        way_out = hint or "look for a division by zero, a logarithm of zero, or weights of a training that diverged"
        raise NetworkError(f"{title} gives scores that are {kind} for {image}, so nothing is scored: {way_out}")


def _main(returned: Any, wanted: Wanted) -> tuple[str, Any]:
    """The part that is evaluated, whatever it is, and its name."""
    parts = dict(parts_of(returned))
    if wanted.output is not None:
        return _chosen(parts, wanted)
    if len(parts) <= 1:
        return next(iter(parts.items()), ("", None))
    if len(called := [name for name in MAIN if name in parts]) == 1:
        return called[0], parts[called[0]]
    planes = [name for name, part in parts.items() if _has_planes(part, wanted.scores)]
    if len(planes) == 1 and all(_is_small(part, parts[planes[0]]) for name, part in parts.items() if name != planes[0]):
        return planes[0], parts[planes[0]]
    ways = " or ".join(wanted.choose.format(name) for name in planes or parts)
    raise NetworkError(
        f"{wanted.title} gives {len(parts)} outputs, {_listed(parts)}; which of them holds the scores of its classes is not said: {ways}"
    )


def _chosen(parts: Mapping[str, Any], wanted: Wanted) -> tuple[str, Any]:
    below = [name for name in parts if name == wanted.output or name.startswith(f"{wanted.output}.")]
    if len(below) == 1:
        return below[0], parts[below[0]]
    if set(parts) <= {""}:
        raise NetworkError(f"{wanted.title} gives {_listed(parts)} alone, without a name, so no output {wanted.output!r} can be chosen")
    problem = f"gives {len(below)} outputs called {wanted.output!r}" if below else f"gives no output {wanted.output!r}"
    raise NetworkError(f"{wanted.title} {problem}; there are {_listed(parts)}: {wanted.choose.format((below or list(parts))[0])}")


def _listed(parts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {describe(part)}".strip() for name, part in parts.items()) or "nothing"


def _has_planes(part: Any, scores: int) -> bool:
    return isinstance(part, Tensor) and part.is_floating_point() and part.ndim == 4 and part.shape[1] == scores


def _is_small(part: Any, plane: Tensor) -> bool:
    """Whether it holds fewer numbers than the plane has pixels, as losses and scores of whole images do: it is no map of classes."""
    pixels = len(plane) * plane.shape[2] * plane.shape[3]
    return part.numel() < pixels if isinstance(part, Tensor) else isinstance(part, str | int | float)


def _problem(found: Any, wanted: Wanted, images: Tensor) -> str:
    """Why something cannot be evaluated, and the way out; nothing where it can."""
    scores = wanted.scores
    needed = f"{scores} floating-point scores for each pixel, [{len(images)}, {scores}, h, w]"
    if not isinstance(found, Tensor):
        return f"; it must give a tensor of {needed}"
    if found.dtype in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64) and _is_map(found, images):
        return (
            f", which looks like classes that are decided already; give {needed}, before the argmax. "
            "Maps can be scored as files: segbench score PREDS GTS"
        )
    if not found.is_floating_point():
        return f"; it must give {needed}"
    if found.ndim == 4 and found.shape[1] == 1 and scores == 2:
        return f", one score for two classes, so the first would win everywhere: {wanted.one_score}"
    if found.ndim == 3:
        return f"; it must give {needed}: keep the dimension of the batch, and give scores before the argmax"
    if found.ndim != 4:
        return f"; it must give {needed}"
    if found.shape[1] != scores:
        last = found.shape[3] == scores
        return f"; it must give {needed}: " + ("permute(0, 3, 1, 2)" if last else f"are these {scores} classes, in their order, its own?")
    if len(found) != len(images) or not found.numel():
        return f" for {len(images)} images; it must give {needed}"
    if found.device != images.device:
        return f" on {found.device}; its images are on {images.device}"
    return ""


def _is_map(found: Tensor, images: Tensor) -> bool:
    return found.ndim in (2, 3) or (found.ndim == 4 and 1 in (found.shape[1], found.shape[3]))
