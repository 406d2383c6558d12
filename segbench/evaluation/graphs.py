"""Passes that are replayed from CUDA graphs: a network of many small kernels waits for the host otherwise, not for the device.

The first images of a size run as they are, which compiles and tunes what there is to compile and tune. Then one pass is recorded, replayed
on the next image, and compared with the same pass without it: a network that keeps state in Python, or reads the device's numbers on the
host, does not survive recording. Where anything is wrong, passes run as before, and the record says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

Inputs = tuple[Tensor, ...]
Outputs = tuple[Tensor, ...]
Work = Callable[..., Outputs]
"""Maps tensors on the device to (class map uint8[N, H, W], counts int64[N, 256, 256], largest magnitude float32[]), and where a network's
confidence is counted float64[S] as :func:`segbench.kernels.confidence.count_confidence` gives it, and where its scores of anomaly are
int64[L] as :func:`segbench.kernels.anomaly.count_anomalies` gives them."""

EAGER, REPLAYED = "eager", "replayed from a CUDA graph"
PASSES_BEFORE = 2
SIZES = 4
MOVED = 1e-3  # share of the pixels that other kernels may move: libraries choose them anew while a pass is recorded (bf16: 2e-4 seen)


@dataclass(frozen=True, eq=False)
class _Recorded:
    graph: torch.cuda.CUDAGraph
    inputs: Inputs
    outputs: Outputs

    def replay(self, *given: Tensor) -> Outputs:
        for here, there in zip(self.inputs, given, strict=True):
            here.copy_(there)
        self.graph.replay()
        return self.outputs


@dataclass
class ReplayedPass:
    """``work`` on one device, recorded for each of the first sizes of image; called as ``work`` is.

    What a call returns is valid until the next call: it must be copied on the same stream.

    :param reason: why nothing is recorded, if so; passes run as they are then.
    """

    work: Work
    reason: str = ""
    _seen: dict[tuple[torch.Size, ...], int] = field(default_factory=dict)
    _recorded: dict[tuple[torch.Size, ...], _Recorded] = field(default_factory=dict)

    def __call__(self, *inputs: Tensor) -> tuple[Outputs, str]:
        """The outputs, and how they were made: :data:`EAGER`, with the reason if there is one, or :data:`REPLAYED`."""
        if self.reason:
            return self.work(*inputs), f"{EAGER}: {self.reason}"
        key = tuple(each.shape for each in inputs)
        if key in self._recorded:
            return self._recorded[key].replay(*inputs), REPLAYED
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] > PASSES_BEFORE and len(self._recorded) < SIZES:
            return self._record(key, inputs), EAGER
        return self.work(*inputs), EAGER

    def _record(self, key: tuple[torch.Size, ...], inputs: Inputs) -> Outputs:
        """The outputs as they are without a graph; whether a graph gives them too is looked at once."""
        expected = self.work(*inputs)
        try:
            recorded = _record(self.work, inputs)
            again = recorded.replay(*inputs)
        except RuntimeError as error:
            self.reason = f"recording failed ({(str(error).strip().splitlines() or [type(error).__name__])[0]})"
            return expected
        moved = int((again[1] - expected[1]).abs().sum()) // 2
        if moved > MOVED * int(expected[1].sum()):
            self.reason = f"{moved} pixels of an image changed when the recorded pass was replayed"
        else:
            self._recorded[key] = recorded
        return expected


def _record(work: Work, inputs: Inputs) -> _Recorded:
    """Nothing is computed yet. Threads that decode and upload go on meanwhile, so that the capture concerns this thread alone."""
    static = tuple(each.clone() for each in inputs)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        outputs = work(*static)
    return _Recorded(graph, static, outputs)
