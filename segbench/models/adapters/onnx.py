"""``onnx:FILE``: a network for onnxruntime, on the CPU or on CUDA. Tensors pass through the host's memory on either.

A graph may keep its weights in files beside it (external data): they are part of the network's checksum and of its size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segbench.errors import ProtocolError, WeightsError
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import existing_file, import_package
from segbench.models.adapters.description import KEY, Description, read_description
from segbench.models.adapters.frozen import Accepts, Frozen, Side, accepted, frozen_segmenter
from segbench.models.finite import infinite, said
from segbench.models.outputs import MAIN
from segbench.models.segmenter import Segmenter

EXAMPLE = "segbench run --models onnx:enet.onnx --dataset cityscapes --data DIR"
FATAL = 4
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
TYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16, "tensor(double)": torch.float64}
# Operators whose constant operands are weights; others have masks too, which may hold minus infinity.
NORMS = ("BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization")
OF_WEIGHTS = {"Conv", "ConvTranspose", "Gemm", "MatMul", "PRelu", *NORMS}


class OnnxNetwork(Frozen):
    """Runs an ONNX graph. Its weights belong to onnxruntime: there are no parameters and no operations that torch could count."""

    def __init__(self, files: Sequence[Path], session: Any, description: Description, accepts: Accepts) -> None:
        super().__init__(files, description, accepts)
        self.session = session
        self.started_on = torch.device("cpu")
        self.names = _wanted_outputs(session, description)

    def compute(self, images: Tensor) -> Any:
        """The graph's outputs by their names; of several the main one alone, where it is certain which that is."""
        if self.session is None or self.started_on != images.device:
            self.session, self.started_on = start(self.files[0], images.device), images.device
        given = self.session.get_inputs()[0]
        found = self.session.run(self.names, {given.name: images.cpu().contiguous().numpy()})
        return {name: _as_tensors(value, images.device) for name, value in zip(self.names, found, strict=True)}

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        provider(self.title, self.anchor.device)  # an unsupported device is refused when the network is moved, not in the middle of a run
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Without the session, which cannot be copied and is started again when it is needed."""
        return self.__dict__ | {"session": None}


def provider(title: str, device: torch.device) -> str:
    """What onnxruntime calls a device.

    :raises ProtocolError: this onnxruntime does not run on it.
    """
    name = PROVIDERS.get(device.type)
    if name not in _runtime().get_available_providers():
        way_out = "pip install onnxruntime-gpu in place of onnxruntime, or choose --device cpu" if name else "choose --device cpu or cuda"
        raise ProtocolError(f"{title}: this onnxruntime does not run on {device.type}: {way_out}")
    return str(name)


def start(path: Path, device: torch.device) -> Any:
    """A session for a file on a device.

    :raises WeightsError: onnxruntime cannot read the file.
    """
    runtime, name = _runtime(), provider(path.name, device)
    options = runtime.SessionOptions()
    options.log_severity_level = FATAL  # its warnings would stand before our message; what goes wrong is raised
    options.intra_op_num_threads = torch.get_num_threads()  # as many as profiles say
    providers = [(name, {"device_id": device.index or 0}) if device.type == "cuda" else name]
    try:
        return runtime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime has a class for each of its status codes, and no base for them
        raise WeightsError(f"{path}: onnxruntime cannot read it ({error})") from error


def _runtime() -> Any:
    return import_package("onnxruntime", purpose="onnx:FILE", pip="onnx onnxruntime")


def open_model(reference: str, labels: LabelSpace) -> Segmenter:
    """The network in a file, with the labels and the normalisation of its description.

    :raises WeightsError: the file is missing, is no ONNX, does not take images, does not describe itself, or holds NaN.
    """
    path = existing_file(reference, "onnx")
    onnx = import_package("onnx", purpose="onnx:FILE", pip="onnx onnxruntime")
    session = start(path, torch.device("cpu"))
    model = onnx.load(path, load_external_data=False)
    if problems := infinite(_constants(onnx, model.graph, path.parent)):
        raise WeightsError(f"{path}: {said(problems)}")
    beside = sorted({path.parent / location for location in _locations(model.graph)})
    description = read_description(path, session.get_modelmeta().custom_metadata_map.get(KEY))
    accepts, description = accepted(path, _accepts(path, session), description)
    network = OnnxNetwork([path, *beside], session, description, accepts)
    return frozen_segmenter("onnx", network, opaque=True, hides_weights=True)


def _accepts(path: Path, session: Any) -> Accepts:
    """What the graph's input is; a side that may vary has a name.

    :raises WeightsError: it does not take [N, 3, H, W] of floating-point numbers, and nothing else.
    """
    inputs = session.get_inputs()
    shape = list(inputs[0].shape)
    three = len(shape) == 4 and (shape[1] == 3 or not isinstance(shape[1], int))
    if len(inputs) != 1 or not three or inputs[0].type not in TYPES:
        found = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
        raise WeightsError(f"{path}: the graph takes {found}; it must take one tensor of float or float16, [N, 3, H, W]: export it so")
    batch, _, height, width = (Side.only(length) if isinstance(length, int) and length > 0 else Side() for length in shape)
    return Accepts(height, width, batch.low, TYPES[inputs[0].type])


def _wanted_outputs(session: Any, description: Description) -> list[str]:
    names = [each.name for each in session.get_outputs()]
    certain = [name for name in names if name == description.output] or [name for name in MAIN if name in names]
    return certain if len(certain) == 1 and description.output in (None, *certain) else names


def _as_tensors(value: Any, device: torch.device) -> Any:
    if isinstance(value, list):
        return [_as_tensors(each, device) for each in value]
    return torch.from_numpy(value).to(device) if isinstance(value, np.ndarray) and value.dtype.kind in "fiub" else value


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph, and those of its branches and loops."""
    yield graph
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
            yield from _graphs(inner)


def _tensors(graph: Any) -> Iterator[tuple[str, Any, bool]]:
    """Every constant with its name, and whether an operator uses it as a weight."""
    for inner in _graphs(graph):
        weights = {name for node in inner.node if node.op_type in OF_WEIGHTS for name in node.input}
        yield from ((each.name, each, each.name in weights) for each in inner.initializer)
        for node in inner.node:
            yield from ((node.output[0], each.t, node.output[0] in weights) for each in node.attribute if each.HasField("t"))


def _locations(graph: Any) -> Iterator[str]:
    """The files, as seen from the graph's folder, that hold its external data."""
    for _, tensor, _ in _tensors(graph):
        yield from (entry.value for entry in tensor.external_data if entry.key == "location")


def _constants(onnx: Any, graph: Any, folder: Path) -> Iterator[tuple[str, Tensor, bool]]:
    """The floating-point constants, one after the other, with whether they may hold minus infinity."""
    kinds = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE}
    for name, tensor, weight in _tensors(graph):
        if tensor.data_type in kinds and len(tensor.dims):
            values = onnx.numpy_helper.to_array(tensor, str(folder))
            yield name, torch.from_numpy(np.array(values)), not weight and len(tensor.dims) > 1
