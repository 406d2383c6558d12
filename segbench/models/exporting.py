"""Networks frozen into one file for other runtimes: ONNX, TorchScript, torch.export. The file says itself what it must be fed.

A file is for images of one size, because that is what tracing guarantees; whatever the network's input rule pads is part of that size.
:mod:`segbench.models.adapters` opens the files again, and everybody else finds the description in them as JSON.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from segbench.errors import DataError
from segbench.files.atomic import replacing
from segbench.models.adapters.base import import_package
from segbench.models.adapters.description import KEY, Description, describe
from segbench.models.segmenter import Segmenter, predict
from segbench.models.weights import build

Writer = Callable[[nn.Module, Tensor, Description, Path], None]


def export(segmenter: Segmenter, kind: str, path: Path, size: tuple[int, int]) -> Description:
    """Write a network, in evaluation mode, for images of (height, width) on the device that it is on.

    :param kind: a key of :data:`WRITERS`.
    :raises DataError: the network takes more than photographs.
    :raises MissingPackageError: the format needs a package that is not installed.
    """
    if segmenter.inputs != ("rgb",):
        raise DataError(
            f"{segmenter.name} takes {' and '.join(segmenter.inputs)}", way_out="only networks of photographs alone are exported"
        )
    rule = segmenter.input_rule
    padded = (rule.padded(size[0]), rule.padded(size[1]))
    description = describe(segmenter, padded)
    example = torch.zeros(1, 3, *padded, device=segmenter.device)
    with replacing(path) as partial, torch.no_grad(), warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")  # of tracing constants, which the size is, and of deprecations among the exporters
        WRITERS[kind](segmenter.network.eval(), example, description, partial)
    return description


def difference(segmenter: Segmenter, kind: str, path: Path, size: tuple[int, int]) -> float:
    """Share of the pixels of a random image that the file gives another class than the network does. Loads the file as `run` would."""
    again = build(f"{kind}:{path}", segmenter.labels)
    again.network.to(segmenter.device)
    image = np.random.default_rng(0).integers(0, 256, (1, *size, 3), dtype=np.uint8)
    return float((predict(segmenter, image) != predict(again, image)).mean())


def _torchscript(network: nn.Module, example: Tensor, description: Description, path: Path) -> None:
    torch.jit.save(torch.jit.trace(network, example), path, _extra_files={f"{KEY}.json": description.to_json()})


def _exported(network: nn.Module, example: Tensor, description: Description, path: Path) -> None:
    torch.export.save(torch.export.export(network, (example,)), path, extra_files={f"{KEY}.json": description.to_json()})


def _onnx(network: nn.Module, example: Tensor, description: Description, path: Path) -> None:
    onnx = import_package("onnx", purpose="--format onnx", pip="onnx onnxscript onnxruntime")
    import_package("onnxscript", purpose="--format onnx", pip="onnx onnxscript onnxruntime")
    names = {"input_names": ["image"], "output_names": ["logits"]}
    torch.onnx.export(network, (example,), path, dynamo=True, external_data=False, verbose=False, **names)  # type: ignore[arg-type]
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {KEY: description.to_json()})
    onnx.save(model, path)


WRITERS: dict[str, Writer] = {"onnx": _onnx, "torchscript": _torchscript, "exported": _exported}
"""By the prefix of the adapter that opens what is written."""
