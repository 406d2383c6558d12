"""``torchscript:FILE``: a network saved by ``torch.jit.save``, traced or scripted. TorchScript runs on any device; a trace may not."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor

from segbench.errors import WeightsError
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import existing_file
from segbench.models.adapters.description import KEY, Description, read_description
from segbench.models.adapters.frozen import Frozen, frozen_segmenter
from segbench.models.segmenter import Segmenter

EXAMPLE = "segbench run --models torchscript:enet.pt --dataset cityscapes --data DIR"


class TorchScriptNetwork(Frozen):
    """Runs a TorchScript module."""

    def __init__(self, network: torch.jit.ScriptModule, path: Path, description: Description) -> None:
        super().__init__(path.name, description)
        self.network = network.eval()
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)

    def compute(self, image: Tensor) -> Tensor:
        """As the script has it."""
        return self.network(image)  # type: ignore[no-any-return]


def open_model(reference: str, labels: LabelSpace) -> Segmenter:
    """The network in a file, with the labels and the normalisation of its description.

    :raises WeightsError: the file is missing, is no TorchScript, or does not describe itself.
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
    description = read_description(path, embedded.decode() if isinstance(embedded, bytes) else embedded)
    return frozen_segmenter("torchscript", path, TorchScriptNetwork(network, path, description), description)
