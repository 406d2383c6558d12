"""The ways to run one network that a profile compares, by name; each is prepared only when it is asked for.

A backend that this machine cannot run raises a :class:`~segbench.errors.ProtocolError` (or says which package is missing); nothing else is
timed in its place.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from segbench.errors import ProtocolError
from segbench.evaluation.protocol import Precision
from segbench.models.segmenter import Segmenter

Forward = Callable[..., Tensor]
Inputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class Backend:
    """``prepare(segmenter, inputs, size)`` gives what maps such inputs to logits; ``precision`` is set where the backend is one.

    ``size`` is the (height, width) of the images before padding.
    """

    summary: str
    prepare: Callable[[Segmenter, Inputs, tuple[int, int]], Forward]
    precision: Precision | None = None


def prepare(name: str, segmenter: Segmenter, inputs: Inputs, size: tuple[int, int]) -> Forward:
    """A backend's forward function for a network; the network itself stays as it is.

    :raises ProtocolError: there is no such backend, or it cannot run this network on this machine.
    :raises MissingPackageError: it needs a package that is not installed.
    """
    if name not in BACKENDS:
        raise ProtocolError(f"there is no backend {name!r}; there are {', '.join(BACKENDS)}")
    return BACKENDS[name].prepare(segmenter, inputs, size)


def _eager(segmenter: Segmenter, inputs: Inputs, size: tuple[int, int]) -> Forward:
    return segmenter.network


def _amp(segmenter: Segmenter, inputs: Inputs, size: tuple[int, int]) -> Forward:
    if segmenter.runtime.opaque:
        raise ProtocolError(f"amp: {segmenter.name} runs in the precision that it was exported in")
    return segmenter.network


def _channels_last(segmenter: Segmenter, inputs: Inputs, size: tuple[int, int]) -> Forward:
    network: nn.Module = copy.deepcopy(segmenter.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _compile(segmenter: Segmenter, inputs: Inputs, size: tuple[int, int]) -> Forward:
    compiled: Forward = torch.compile(segmenter.network, dynamic=False)
    try:
        with torch.inference_mode():
            compiled(*inputs)
    except Exception as error:  # whatever the compiler, the compiler behind it, or the linker says
        raise ProtocolError(f"compile: torch.compile fails on {segmenter.name} here ({_last_line(error)})") from error
    return compiled


@dataclass(frozen=True, eq=False)
class _Graph:
    """A network's pass as it was recorded. ``pool_bytes``: the device's memory that is kept for what it computes."""

    graph: torch.cuda.CUDAGraph
    inputs: Inputs
    logits: Tensor
    pool_bytes: int

    def __call__(self, *given: Tensor) -> Tensor:
        for target, source in zip(self.inputs, given, strict=True):
            target.copy_(source)
        self.graph.replay()
        return self.logits


def _cuda_graphs(segmenter: Segmenter, inputs: Inputs, size: tuple[int, int]) -> Forward:
    if segmenter.device.type != "cuda":
        raise ProtocolError(f"cuda-graphs: needs a CUDA device, and {segmenter.name} is on {segmenter.device.type}")
    static = tuple(each.clone() for each in inputs)
    graph, side = torch.cuda.CUDAGraph(), torch.cuda.Stream()
    with torch.inference_mode():
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # what is allocated or tuned at the first calls must not be part of the graph
            for _ in range(3):
                segmenter.network(*static)
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.empty_cache()
        before = torch.cuda.memory_reserved()
        with torch.cuda.graph(graph):
            logits = segmenter.network(*static)
    return _Graph(graph, static, logits, torch.cuda.memory_reserved() - before)


def _half_graphs(segmenter: Segmenter, inputs: Inputs, size: tuple[int, int]) -> Forward:
    return _cuda_graphs(replace(segmenter, network=_amp(segmenter, inputs, size)), inputs, size)  # type: ignore[arg-type]


def _onnx(segmenter: Segmenter, inputs: Inputs, size: tuple[int, int]) -> Forward:
    from segbench.models.exporting import export
    from segbench.models.weights import build

    with TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        export(segmenter, "onnx", file, size)
        network = build(f"onnx:{file}", segmenter.labels).network.to(segmenter.device)
        with torch.inference_mode():
            network(*inputs)  # onnxruntime opens the file for a device when it is first run there
    return network


def _last_line(error: Exception) -> str:
    lines: list[Any] = str(error).strip().splitlines()
    return str(lines[0] if lines else type(error).__name__)


BACKENDS: Mapping[str, Backend] = {
    "eager": Backend("as `run` runs it", _eager),
    "amp": Backend("mixed precision, bf16", _amp, "bf16"),
    "channels-last": Backend("weights in channels-last memory too", _channels_last),
    "compile": Backend("torch.compile, for this size", _compile),
    "cuda-graphs": Backend("one recorded CUDA graph", _cuda_graphs),
    "tf32-graphs": Backend("the same, products rounded to tf32", _cuda_graphs, "tf32"),
    "bf16-graphs": Backend("the same in mixed precision, bf16, channels-last", _half_graphs, "bf16"),
    "onnx": Backend("exported to ONNX, run by onnxruntime", _onnx),
}
