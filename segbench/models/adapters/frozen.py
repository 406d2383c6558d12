"""Networks that an exporter froze: what ONNX, TorchScript and torch.export files have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from segbench.errors import NetworkError, ProtocolError, SegbenchError, WeightsError
from segbench.models.adapters.base import refuse_size, sha256_of_files
from segbench.models.adapters.description import ANY_SIZE, Description, sidecar
from segbench.models.outputs import Wanted, scores_in
from segbench.models.segmenter import InputRule, Runtime, Segmenter


@dataclass(frozen=True)
class Side:
    """Lengths of a side that a file takes: ``step * k + remainder``, from ``low`` to ``high``."""

    low: int = 1
    high: int | None = None
    step: int = 1
    remainder: int = 0

    @classmethod
    def only(cls, length: int) -> Side:
        """One length."""
        return cls(length, length)

    @property
    def is_fixed(self) -> bool:
        """Whether it is one length."""
        return self.low == self.high

    def takes(self, length: int) -> bool:
        """Whether it is one of the lengths."""
        return self.low <= length and (self.high is None or length <= self.high) and (length - self.remainder) % self.step == 0

    def __str__(self) -> str:
        if self.is_fixed:
            return str(self.low)
        steps = f" in steps of {self.step}" if self.step > 1 else ""
        return (f"{self.low} to {self.high}" if self.high is not None else f"{self.low} and more") + steps


@dataclass(frozen=True)
class Accepts:
    """What a file says of the tensors that it takes: height, width, images at once, precision."""

    height: Side = Side()
    width: Side = Side()
    batch: int = 1
    dtype: torch.dtype = torch.float32

    @property
    def size(self) -> tuple[int, int] | None:
        """The only (height, width); ``None`` if there are several."""
        return (self.height.low, self.width.low) if self.height.is_fixed and self.width.is_fixed else None

    def takes(self, size: Sequence[int]) -> bool:
        """Whether a (height, width) is taken."""
        return self.height.takes(size[0]) and self.width.takes(size[1])

    def rule(self) -> InputRule:
        """How images are mirrored outwards to fit; any size where a side is fixed, for there it does not help."""
        sides = [side for side in (self.height, self.width) if not side.is_fixed]
        step = math.lcm(*(side.step for side in sides)) if sides else 1
        remainders = {side.remainder % step for side in sides}
        if len(sides) < 2 or len(remainders) > 1:
            return ANY_SIZE
        return InputRule(step, remainders.pop(), max(side.low for side in sides))


class Frozen(nn.Module):
    """Evaluation only, in the arithmetic that was exported, as many images at a time as the file takes, by default one.

    ``only_size``: (height, width) of images that fit without being padded, if the network takes tensors of one size only. ``files``: all
    that hold the network.
    """

    def __init__(self, files: Sequence[Path], description: Description, accepts: Accepts) -> None:
        super().__init__()
        size, self.context = accepts.size, description.input_rule.context
        self.files, self.description, self.accepts = tuple(files), description, accepts
        self.title = files[0].name
        self.only_size = None if size is None else (size[0] - 2 * self.context, size[1] - 2 * self.context)
        scores = len(description.labels.classes) if description.threshold is None else 1
        beside = sidecar(files[0]).name
        self.wanted = Wanted(
            self.title,
            scores,
            description.output,
            choose=f"`output: {{}}` in {beside}",
            one_score=f"write `threshold: 0` into {beside}, or 0.5 for probabilities: the second class is where the score is larger",
        )
        self.training = False
        # The device of a module without parameters.
        self.anchor: Tensor
        self.register_buffer("anchor", torch.empty(0), persistent=False)

    def compute(self, images: Tensor) -> Any:
        """What the file gives for images [batch, 3, H, W] of the precision that it takes, on the module's device."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, C, h, w] of float32[N, 3, H, W].

        :raises ProtocolError: the size or the precision is not the exported one.
        :raises NetworkError: what comes out is no plane of scores for each class, or the file cannot be run on such images.
        """
        if not self.accepts.takes(x.shape[-2:]):
            self._refuse_size()
        if torch.is_autocast_enabled(x.device.type):
            raise ProtocolError(f"{self.title} runs in the precision that it was exported in; leave out --precision")
        at_once = self.accepts.batch
        logits = [self._scores(x[first : first + at_once]) for first in range(0, len(x), at_once)]
        return torch.cat(logits) if len(logits) > 1 else logits[0]

    @property
    def largest(self) -> tuple[int | None, int | None]:
        """The largest height and width of images that it takes; ``None`` where any will do."""
        highs = (self.accepts.height.high, self.accepts.width.high)
        height, width = (None if high is None else high - 2 * self.context for high in highs)
        return height, width

    @property
    def notes(self) -> tuple[str, ...]:
        """What else a reader must know of how it is fed."""
        accepts, described = self.accepts, self.description
        highest = accepts.size is None and (accepts.height.high or accepts.width.high)
        notes = [f"tensors of a height of {accepts.height} and a width of {accepts.width} only"] if highest else []
        notes += [f"in {str(accepts.dtype).removeprefix('torch.')}"] if accepts.dtype != torch.float32 else []
        notes += [f"{accepts.batch} images at once, filled with copies of one"] if accepts.batch > 1 else []
        notes += [f"output {described.output!r}"] if described.output is not None else []
        notes += [f"the second class where its score is above {described.threshold:g}"] if described.threshold is not None else []
        return tuple(notes)

    def train(self, mode: bool = True) -> Frozen:
        """Evaluation mode is the only one.

        :raises WeightsError: training mode is asked for.
        """
        if mode:
            raise WeightsError(f"{self.title} was exported for inference and cannot be trained")
        return self

    def _scores(self, images: Tensor) -> Tensor:
        """Of images [n, 3, H, W], no more than are taken at once; a batch that is not full is filled with the last one."""
        missing = self.accepts.batch - len(images)
        batch = torch.cat([images, images[-1:].expand(missing, -1, -1, -1)]) if missing else images
        try:
            returned = self.compute(batch.to(self.accepts.dtype))
        except (SegbenchError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # each runtime has errors of its own for a graph that does not fit its input
            raise self._not_run(batch, error) from error
        scores = scores_in(returned, self.wanted, batch)[: len(images)]
        if self.description.threshold is None:
            return scores
        return torch.cat([torch.full_like(scores, self.description.threshold), scores], 1)

    def _not_run(self, batch: Tensor, error: Exception) -> NetworkError:
        lines = [line for line in str(error).strip().splitlines() if line.strip()] or [""]
        shape = "x".join(map(str, batch.shape))
        return NetworkError(
            f"{self.title} cannot be run on images {shape} ({type(error).__name__}: {lines[-1].strip()}); if it takes one size, or several "
            f"images at once, say so in {sidecar(self.files[0]).name}: `size: [height, width]`, `batch: 4`"
        )

    def _refuse_size(self) -> NoReturn:
        if self.only_size is not None:
            refuse_size(self.title, self.only_size)
        height, width, context = self.accepts.height, self.accepts.width, self.context
        around = f", {context} on every side of which are context" if context else ""
        raise ProtocolError(
            f"{self.title} takes tensors of a height of {height} and a width of {width} pixels only{around}: bring images to such a size "
            "with --input-size HxW, or cut larger ones into windows with --crop HxW --stride HxW"
        )


def accepted(path: Path, accepts: Accepts, description: Description) -> tuple[Accepts, Description]:
    """What a file takes, by itself and by its description together; and the description, with the sizes that follow.

    :raises WeightsError: the two contradict each other.
    """
    if description.size is not None:
        if not accepts.takes(description.size):
            taken = f"{accepts.height} by {accepts.width}"
            raise WeightsError(f"{path}: the graph takes {taken} only, its description says {description.size} (height, width)")
        accepts = replace(accepts, height=Side.only(description.size[0]), width=Side.only(description.size[1]))
    if description.batch is not None:
        if accepts.batch not in (1, description.batch):
            raise WeightsError(f"{path}: the graph takes {accepts.batch} images at once, its description says {description.batch}")
        accepts = replace(accepts, batch=description.batch)
    rule = accepts.rule() if description.input_rule == ANY_SIZE and accepts.size is None else description.input_rule
    return accepts, replace(description, size=accepts.size, input_rule=rule)


def frozen_segmenter(prefix: str, network: Frozen, *, opaque: bool = False, hides_weights: bool = False) -> Segmenter:
    """The segmenter of an exported file. Its name holds the file's name without its folder: records name no paths."""
    description, path = network.description, network.files[0]
    bytes_ = sum(file.stat().st_size for file in network.files) if hides_weights else None
    runtime = Runtime(network.only_size, network.largest, network.accepts.batch, opaque, hides_weights, bytes_, network.notes)
    return Segmenter(
        name=f"{prefix}:{path.name}",
        network=network,
        labels=description.labels,
        paper=description.paper,
        normalize=description.normalize,
        input_rule=description.input_rule,
        grid=description.grid,
        trained_on=description.trained_on or {"file": path.name},
        weights_sha256=sha256_of_files(network.files),
        runtime=runtime,
    )
