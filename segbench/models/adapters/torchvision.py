"""``torchvision:NAME``: a segmentation network of torchvision with its weights; ``NAME@WEIGHTS`` chooses others.

Mean, standard deviation and class names are the weights' own; torch.hub downloads them and checks the digest in their file's name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segbench.errors import UnknownNameError, WeightsError
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import from_unit_range, import_package, named_classes, sha256_of_files
from segbench.models.segmenter import Segmenter

EXAMPLE = "segbench run --models torchvision:deeplabv3_resnet101 --dataset pascal_voc2012 --data DIR --map by-name"


class Scores(nn.Module):
    """The network without its dictionary: ``out`` alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.training_only = ("network.aux_classifier",) if getattr(network, "aux_classifier", None) is not None else ()

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, C, H, W] of float32[N, 3, H, W]."""
        return self.network(x)["out"]  # type: ignore[no-any-return]


def open_model(reference: str, labels: LabelSpace) -> Segmenter:
    """A network with the weights that torchvision publishes for it.

    :raises UnknownNameError: torchvision has no such segmentation network, or no such weights.
    :raises WeightsError: there are none, or they cannot be downloaded.
    """
    torchvision = import_package("torchvision", purpose="torchvision:NAME", pip="torchvision (of the release that belongs to your torch)")
    models = torchvision.models
    name, at, chosen = reference.partition("@")
    known = models.list_models(module=models.segmentation)
    if name not in known:
        raise UnknownNameError(f"torchvision:{name}: its segmentation networks are {', '.join(known)}")
    weights = _weights(models.get_model_weights(name), chosen if at else None, name)
    try:
        network = models.get_model(name, weights=weights)
    except OSError as error:
        raise WeightsError(f"torchvision:{name}: its weights cannot be downloaded ({error})") from error
    shown = weights.transforms()
    size = "x".join(map(str, shown.resize_size))
    return Segmenter(
        name=f"torchvision:{reference}",
        network=Scores(network),
        labels=named_classes(weights.name, weights.meta["categories"]),
        normalize=from_unit_range(shown.mean, shown.std),
        trained_on={
            "weights": str(weights),
            "url": weights.url,
            "input_note": f"torchvision itself resizes the shorter side to {size} (--input-size {size} repeats that)",
        },
        weights_sha256=sha256_of_files([Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name]),
    )


def _weights(enum: Any, chosen: str | None, name: str) -> Any:
    known = [each.name for each in enum]
    if not known:
        raise WeightsError(f"torchvision:{name}: torchvision publishes no weights for it")
    if chosen is None:
        return enum.DEFAULT
    if chosen not in known:
        raise UnknownNameError(f"torchvision:{name}@{chosen}: its weights are {', '.join(known)}")
    return enum[chosen]
