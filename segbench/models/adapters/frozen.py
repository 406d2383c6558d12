"""Networks that an exporter froze: what ONNX, TorchScript and torch.export files have in common."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from segbench.errors import ProtocolError, WeightsError
from segbench.models.adapters.base import refuse_size, sha256_of_files
from segbench.models.adapters.description import Description
from segbench.models.segmenter import Runtime, Segmenter


class Frozen(nn.Module):
    """Evaluation only, in the arithmetic that was exported, one image at a time: a batch size may be frozen too."""

    def __init__(self, title: str, description: Description) -> None:
        super().__init__()
        self.title, self.classes = title, len(description.labels.classes)
        self.tensor_size, self.only_size = description.size, only_size(description)
        self.training = False
        # The device of a module without parameters.
        self.register_buffer("anchor", torch.empty(0), persistent=False)

    def compute(self, image: Tensor) -> Tensor:
        """Logits float[1, C, h, w] of float32[1, 3, H, W], both on the module's device."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, C, h, w] of float32[N, 3, H, W].

        :raises ProtocolError: the size or the precision is not the exported one.
        :raises WeightsError: what comes out is no plane of scores for each class.
        """
        if self.only_size is not None and tuple(x.shape[-2:]) != self.tensor_size:
            refuse_size(self.title, self.only_size)
        if torch.is_autocast_enabled(x.device.type):
            raise ProtocolError(f"{self.title} runs in the precision that it was exported in; leave out --precision")
        logits = [self.compute(x[i : i + 1]) for i in range(len(x))]
        shape = list(logits[0].shape)
        if len(shape) != 4 or shape[1] != self.classes or not logits[0].is_floating_point():
            raise WeightsError(
                f"{self.title} gives {logits[0].dtype}{shape}; for its {self.classes} classes it must give floating-point scores "
                f"[N, {self.classes}, h, w]: export it before the argmax, and check the labels in its description"
            )
        return torch.cat(logits) if len(logits) > 1 else logits[0]

    def train(self, mode: bool = True) -> Frozen:
        """Evaluation mode is the only one.

        :raises WeightsError: training mode is asked for.
        """
        if mode:
            raise WeightsError(f"{self.title} was exported for inference and cannot be trained")
        return self


def only_size(description: Description) -> tuple[int, int] | None:
    """(height, width) of images that fit without being padded, if the network takes tensors of one size only."""
    size, context = description.size, description.input_rule.context
    return None if size is None else (size[0] - 2 * context, size[1] - 2 * context)


def frozen_segmenter(prefix: str, path: Path, network: Frozen, description: Description, *, opaque: bool = False) -> Segmenter:
    """The segmenter of an exported file. Its name holds the file's name without its folder: records name no paths."""
    return Segmenter(
        name=f"{prefix}:{path.name}",
        network=network,
        labels=description.labels,
        paper=description.paper,
        normalize=description.normalize,
        input_rule=description.input_rule,
        grid=description.grid,
        trained_on=description.trained_on or {"file": path.name},
        weights_sha256=sha256_of_files([path]),
        runtime=Runtime(only_size(description), opaque, path.stat().st_size if opaque else None),
    )
