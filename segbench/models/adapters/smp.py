"""``smp:ARCH/ENCODER``: a network of segmentation_models_pytorch for the classes of the dataset at hand.

It comes without weights for these classes: train it (``segbench train smp:unet/resnet34``), then give ``--weights``. Its own published
models are on the Hugging Face Hub in a layout of their own and are not opened here.
"""

from __future__ import annotations

from typing import Any

from segbench.errors import UnknownNameError
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import from_unit_range, import_package
from segbench.models.segmenter import InputRule, Normalize, Segmenter

EXAMPLE = "segbench train smp:unet/resnet34 --dataset camvid --data DIR --out unet.safetensors"
# Five halvings; every one of its decoders takes what is a multiple of it.
DIVISOR = 32


def open_model(reference: str, labels: LabelSpace) -> Segmenter:
    """A network with random weights, to be fed as its encoder's published weights are.

    :raises UnknownNameError: the package has no such architecture or encoder.
    """
    architecture, slash, encoder = reference.partition("/")
    if not (architecture and slash and encoder):
        raise UnknownNameError(f"smp:{reference}: write smp:ARCH/ENCODER, e.g. smp:unet/resnet34")
    smp = import_package("segmentation_models_pytorch", purpose="smp:ARCH/ENCODER", pip="segmentation-models-pytorch")
    try:
        network = smp.create_model(architecture, encoder_name=encoder, encoder_weights=None, classes=len(labels.classes))
        normalize = _normalize(smp.encoders.get_preprocessing_params(encoder))
    except (KeyError, ValueError) as error:
        raise UnknownNameError(f"smp:{reference}: {error}") from error
    return Segmenter(
        name=f"smp:{reference}",
        network=network,
        labels=labels,
        normalize=normalize,
        input_rule=InputRule(divisor=DIVISOR),
    )


def _normalize(params: dict[str, Any]) -> Normalize:
    """The package's preprocessing: a colour space, a range of values, then mean and standard deviation of that range."""
    _, top = params.get("input_range") or (0, 1)
    mean, std = params.get("mean") or (0.0, 0.0, 0.0), params.get("std") or (1.0, 1.0, 1.0)
    return from_unit_range(mean, std, scale=top / 255, bgr=params.get("input_space", "RGB") == "BGR")
