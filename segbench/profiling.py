"""Size and speed of the very network that gave the accuracy.

Parameters are counted; MACs come from ``FlopCounterMode`` on the meta device (half its FLOPs), where fused attention is counted too; norms,
activations, resizes and pooling are not in it. Times are wall times with synchronisation, after a warm-up; models are interleaved so
that a drifting clock hits all alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from segbench.inference import autocast
from segbench.models import BUILTIN
from segbench.models.base import Segmenter, example_inputs, finish
from segbench.models.weights import build
from segbench.profiles import Profile, Timing
from segbench.protocols import Protocol
from segbench.records import environment


@dataclass(frozen=True)
class ParamCounts:
    """Parameters: all of them, those that training changes, those that inference uses. Running statistics are buffers, not parameters."""

    total: int
    trainable: int
    infer: int


def count_params(segmenter: Segmenter) -> ParamCounts:
    """Count a network's parameters; heads that exist only for training are the network's attribute ``training_only``."""
    network = segmenter.network
    params = list(network.parameters())
    heads = [network.get_submodule(name) for name in getattr(network, "training_only", ())]
    total = sum(p.numel() for p in params)
    only_training = {id(p): p.numel() for head in heads for p in head.parameters()}
    return ParamCounts(total, sum(p.numel() for p in params if p.requires_grad), total - sum(only_training.values()))


def count_macs(segmenter: Segmenter, size: tuple[int, int]) -> int | None:
    """Multiply-accumulates of one forward pass on one image of (height, width), padding of the input rule included.

    ``None`` of a network that calls itself ``opaque``: another runtime computes it. What is not builtin is run for once to be counted.
    """
    if getattr(segmenter.network, "opaque", False):
        return None
    twin = segmenter
    if segmenter.device.type != "meta" and segmenter.name in BUILTIN:
        with torch.device("meta"):
            twin = build(segmenter.name, segmenter.labels, **segmenter.arguments)  # in evaluation mode: without training heads
    inputs = example_inputs(twin, size)
    with _without_gradients(twin.network), torch.no_grad(), FlopCounterMode(display=False) as counter:
        twin.network(*inputs)
    return int(counter.get_total_flops()) // 2


@contextmanager
def _without_gradients(network: torch.nn.Module) -> Iterator[None]:
    """No parameter asks for a gradient: the counter looks for the origin of a parameter that a module is handed (OneFormer), and fails."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


def profile(
    segmenters: Sequence[Segmenter],
    size: tuple[int, int],
    *,
    batch_size: int = 1,
    repeats: int = 20,
    protocol: Protocol | None = None,
    on_round: Callable[[], None] = lambda: None,
) -> list[Profile]:
    """Profile networks on images of (height, width), in turn, ``repeats`` times each after two warm-up rounds."""
    precision = (protocol or Protocol()).precision
    device = segmenters[0].device
    images = torch.randint(0, 256, (batch_size, *size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).to(device)
    network_ms: list[list[float]] = [[] for _ in segmenters]
    predict_ms: list[list[float]] = [[] for _ in segmenters]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with torch.inference_mode(), autocast(device, precision):
        inputs = [_inputs(s, images) for s in segmenters]
        for round_index in range(repeats + 2):
            for i, segmenter in enumerate(segmenters):
                network, whole = _time_once(segmenter, inputs[i], images)
                if round_index >= 2:
                    network_ms[i].append(network)
                    predict_ms[i].append(whole)
            on_round()
    return [_summary(s, size, batch_size, precision, network_ms[i], predict_ms[i]) for i, s in enumerate(segmenters)]


def _time_once(segmenter: Segmenter, inputs: tuple[torch.Tensor, ...], images: torch.Tensor) -> tuple[float, float]:
    def predict() -> None:
        first = _photograph(segmenter, images) if segmenter.inputs[0] == "rgb" else inputs[0]
        logits = segmenter.network(first, *inputs[1:])
        finish(logits, segmenter.input_rule, (images.shape[1], images.shape[2]))

    segmenter.network(*inputs)  # the network before it left the caches full of its own; the first of the two would pay for that
    times = []
    for work in (lambda: segmenter.network(*inputs), predict):
        _synchronize(images.device)
        start = time.perf_counter()
        work()
        _synchronize(images.device)
        times.append((time.perf_counter() - start) * 1000)
    return times[0], times[1]


def _inputs(segmenter: Segmenter, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What the network is fed in a run: the photograph as `predict` prepares it, memory layout included; further inputs are noise."""
    noise = example_inputs(segmenter, (images.shape[1], images.shape[2]), images.shape[0])
    if segmenter.inputs[0] != "rgb":
        return noise
    return (_photograph(segmenter, images), *noise[1:])


def _photograph(segmenter: Segmenter, images: torch.Tensor) -> torch.Tensor:
    return segmenter.input_rule.pad(segmenter.normalize(images))


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _summary(
    segmenter: Segmenter, size: tuple[int, int], batch_size: int, precision: str, network_ms: list[float], predict_ms: list[float]
) -> Profile:
    device = segmenter.device
    return Profile(
        model=segmenter.name,
        arguments=dict(segmenter.arguments),
        **size_facts(segmenter, size),
        input_size=size,
        batch_size=batch_size,
        precision=precision,
        device=device_name(device),
        threads=torch.get_num_threads(),
        repeats=len(network_ms),
        network=Timing.of([network_ms]),
        predict=Timing.of([predict_ms]),
        peak_memory_mb=torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None,
        environment=environment(),
    )


def device_name(device: torch.device) -> str:
    """What a device is called in records."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def model_facts(segmenter: Segmenter, size: tuple[int, int]) -> dict[str, Any]:
    """What a record says of a model: name, arguments, size, where its weights come from, paper. MACs at (height, width)."""
    return {
        "name": segmenter.name,
        "arguments": dict(segmenter.arguments),
        **size_facts(segmenter, size),
        "macs_input": list(size),
        "weights_sha256": segmenter.weights_sha256,
        "trained_on": dict(segmenter.trained_on) if segmenter.trained_on else None,
        "paper": asdict(segmenter.paper) if segmenter.paper else None,
    }


def size_facts(segmenter: Segmenter, size: tuple[int, int]) -> dict[str, int | None]:
    """Parameters, and MACs at (height, width); ``None`` of an opaque network, which hides both."""
    if getattr(segmenter.network, "opaque", False):
        return dict.fromkeys(("params", "params_trainable", "params_frozen", "params_infer", "macs"))
    params = count_params(segmenter)
    return {
        "params": params.total,
        "params_trainable": params.trainable,
        "params_frozen": params.total - params.trainable,
        "params_infer": params.infer,
        "macs": count_macs(segmenter, size),
    }
