"""``onnx:FILE``: a network for onnxruntime, on the CPU or on CUDA. Tensors pass through the host's memory on either."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segbench.errors import ProtocolError, WeightsError
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import existing_file, import_package
from segbench.models.adapters.description import KEY, Description, read_description
from segbench.models.adapters.frozen import Frozen, frozen_segmenter
from segbench.models.segmenter import Segmenter

EXAMPLE = "segbench run --models onnx:enet.onnx --dataset cityscapes --data DIR"
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
TYPES = {"tensor(float)": torch.float32, "tensor(float16)": torch.float16}


class OnnxNetwork(Frozen):
    """Runs an ONNX graph. Its weights belong to onnxruntime: there are no parameters and no operations that torch could count."""

    def __init__(self, path: Path, session: Any, description: Description) -> None:
        super().__init__(path.name, description)
        self.path = path
        self.session = session
        self.started_on = torch.device("cpu")

    def compute(self, image: Tensor) -> Tensor:
        """The graph's first output."""
        if self.session is None or self.started_on != image.device:
            self.session, self.started_on = start(self.path, image.device), image.device
        given = self.session.get_inputs()[0]
        planes = image.to("cpu", TYPES[given.type]).contiguous().numpy()
        scores = self.session.run([self.session.get_outputs()[0].name], {given.name: planes})[0]
        return torch.from_numpy(scores).to(image.device)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
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
    options.intra_op_num_threads = torch.get_num_threads()  # as many as profiles say
    providers = [(name, {"device_id": device.index or 0}) if device.type == "cuda" else name]
    try:
        return runtime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # onnxruntime has a class for each of its status codes, and no base for them
        raise WeightsError(f"{path}: onnxruntime cannot read it ({error})") from error


def _runtime() -> Any:
    return import_package("onnxruntime", purpose="onnx:FILE", pip="onnxruntime")


def open_model(reference: str, labels: LabelSpace) -> Segmenter:
    """The network in a file, with the labels and the normalisation of its description.

    :raises WeightsError: the file is missing, is no ONNX, does not take images or does not describe itself.
    """
    path = existing_file(reference, "onnx")
    session = start(path, torch.device("cpu"))
    size = _accepted_size(path, session)
    description = read_description(path, session.get_modelmeta().custom_metadata_map.get(KEY))
    if size is not None and description.size not in (None, size):
        raise WeightsError(f"{path}: the graph takes {size} only, its description says {description.size} (height, width)")
    description = replace(description, size=description.size or size)
    return frozen_segmenter("onnx", path, OnnxNetwork(path, session, description), description, opaque=True)


def _accepted_size(path: Path, session: Any) -> tuple[int, int] | None:
    """The (height, width) that a graph is frozen for; ``None`` if any will do.

    :raises WeightsError: it does not take [N, 3, H, W] of floating-point numbers, and nothing else.
    """
    inputs = session.get_inputs()
    shape = list(inputs[0].shape)
    three = len(shape) == 4 and (shape[1] == 3 or not isinstance(shape[1], int))  # a side that may vary has a name
    if len(inputs) != 1 or not three or inputs[0].type not in TYPES:
        found = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
        raise WeightsError(f"{path}: the graph takes {found}; it must take one tensor of float or float16, [N, 3, H, W]: export it so")
    height, width = shape[2:]
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None
