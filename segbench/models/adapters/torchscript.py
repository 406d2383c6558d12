"""``torchscript:FILE``: a network saved by ``torch.jit.save``, traced or scripted. TorchScript runs on any device; a trace may not."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segbench.errors import WeightsError
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import existing_file
from segbench.models.adapters.description import KEY, Description, read_description
from segbench.models.adapters.frozen import Accepts, Frozen, accepted, frozen_segmenter
from segbench.models.finite import infinite, said
from segbench.models.inlined import inlined_weights
from segbench.models.segmenter import Segmenter

EXAMPLE = "segbench run --models torchscript:enet.pt --dataset cityscapes --data DIR"


class TorchScriptNetwork(Frozen):
    """Runs a TorchScript module. Where ``torch.jit.freeze`` made constants of its weights, it has no parameters that could be counted."""

    def __init__(self, network: torch.jit.ScriptModule, path: Path, description: Description, accepts: Accepts) -> None:
        super().__init__([path], description, accepts)
        self.network = network.eval()
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)

    def compute(self, images: Tensor) -> Any:
        """As the script has it."""
        return self.network(images)


def open_model(reference: str, labels: LabelSpace) -> Segmenter:
    """The network in a file, with the labels and the normalisation of its description.

    :raises WeightsError: the file is missing, is no TorchScript, does not describe itself, or holds NaN.
    """
    path = existing_file(reference, "torchscript")
    extra = {f"{KEY}.json": ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # there is no newer way to read the files that exist
            network = torch.jit.load(path, map_location="cpu", _extra_files=extra)
    except RuntimeError as error:
        raise WeightsError(f"{path}: not a TorchScript file ({str(error).splitlines()[0]})") from error
    embedded = extra[f"{KEY}.json"]
    weights = inlined_weights(network)
    if problems := infinite((name, tensor, False) for name, tensor in weights.items()):
        raise WeightsError(f"{path}: {said(problems)}")
    kinds = {each.dtype for each in (*network.parameters(), *weights.values()) if each.is_floating_point()}
    accepts = Accepts(dtype=kinds.pop() if len(kinds) == 1 else torch.float32)
    accepts, description = accepted(path, accepts, read_description(path, embedded.decode() if isinstance(embedded, bytes) else embedded))
    return frozen_segmenter("torchscript", TorchScriptNetwork(network, path, description, accepts), hides_weights=bool(weights))
