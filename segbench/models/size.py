"""How large a network is: parameters, multiply-accumulates, activations, weights.

MACs come from ``FlopCounterMode`` on the meta device (half its FLOPs), fused attention included (:mod:`segbench.models.fused`). What it
does not count (norms, activations, resizes, pooling) is named, with the number of calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from segbench.models import MODELS
from segbench.models.fused import FUSED
from segbench.models.inlined import inlined_weights
from segbench.models.segmenter import Segmenter, example_inputs
from segbench.models.weights import build

MB = 2**20
# Operators that only make room or look at it: there is nothing to count in them.
WITHOUT_ARITHMETIC = {"empty", "new_empty", "new_zeros", "zeros", "_unsafe_view", "detach", "lift_fresh"}


@dataclass(frozen=True)
class ParamCounts:
    """Parameters: all of them, those that training changes, those that inference uses. Running statistics are buffers, not parameters.

    ``None`` each where they were frozen into a file's code, which says no more which of its constants were parameters.
    """

    total: int | None
    trainable: int | None
    infer: int | None


@dataclass(frozen=True)
class PassCounts:
    """What one forward pass on one image does.

    ``uncounted``: calls of the operators that are not in ``macs``. ``activation_bytes``: the outputs of all modules without parts, summed;
    results of functions that are no modules are not among them, nor is what a module writes over its input.
    ``None`` where no module says what it gives out, because the network was frozen into a file.
    """

    macs: int
    uncounted: Mapping[str, int]
    activation_bytes: int | None


def count_params(segmenter: Segmenter) -> ParamCounts:
    """Count a network's parameters; those of a frozen graph are unknown, unless the file still says which of its tensors they are."""
    network = segmenter.network
    if segmenter.runtime.hides_weights or inlined_weights(network):
        return ParamCounts(None, None, None)
    params = list(network.parameters())
    heads = [network.get_submodule(name) for name in segmenter.training_only]
    total = sum(p.numel() for p in params)
    only_training = {id(p): p.numel() for head in heads for p in head.parameters()}
    return ParamCounts(total, sum(p.numel() for p in params if p.requires_grad), total - sum(only_training.values()))


def count_macs(segmenter: Segmenter, size: tuple[int, int]) -> int | None:
    """Multiply-accumulates of one forward pass on one image of (height, width), padding of the input rule included.

    ``None`` of an opaque network: another runtime computes it.
    """
    counted = count_pass(segmenter, size)
    return None if counted is None else counted.macs


def count_pass(segmenter: Segmenter, size: tuple[int, int]) -> PassCounts | None:
    """Count one forward pass on one image of (height, width); a network that is not builtin is run for once, on its device.

    ``None`` of an opaque network. One that takes several images at once is counted for one of them.
    """
    if segmenter.runtime.opaque:
        return None
    twin = segmenter
    if segmenter.device.type != "meta" and segmenter.name in MODELS.table:
        with torch.device("meta"):
            twin = build(segmenter.name, segmenter.labels, **segmenter.arguments)  # in evaluation mode: without training heads
    images = twin.runtime.batch
    inputs = example_inputs(twin, size, images)
    with (
        _without_gradients(twin.network),
        torch.no_grad(),
        _activations(twin.network) as sizes,
        _Operators() as operators,
        FlopCounterMode(display=False, custom_mapping=FUSED) as counter,
    ):
        twin.network(*inputs)
    macs, activations = int(counter.get_total_flops()) // 2 // images, sum(sizes) // images
    return PassCounts(macs, dict(sorted(operators.uncounted.items())), activations or None)


def weight_bytes(segmenter: Segmenter) -> int:
    """Bytes of the network's tensors as a file in their own precision holds them; of an opaque network, of its file."""
    if segmenter.runtime.file_bytes is not None:
        return segmenter.runtime.file_bytes
    return sum(tensor.numel() * tensor.element_size() for tensor in segmenter.network.state_dict().values())


def resident_bytes(network: nn.Module) -> int:
    """Bytes of parameters and buffers in the device's memory."""
    return sum(tensor.numel() * tensor.element_size() for tensor in chain(network.parameters(), network.buffers()))


def size_facts(segmenter: Segmenter, counted: PassCounts | None) -> dict[str, Any]:
    """Parameters, and MACs of a pass that was counted; ``None`` of an opaque network, which hides both."""
    if counted is None:
        return dict.fromkeys(("params", "params_trainable", "params_frozen", "params_infer", "macs"))
    params = count_params(segmenter)
    return {
        "params": params.total,
        "params_trainable": params.trainable,
        "params_frozen": None if params.total is None or params.trainable is None else params.total - params.trainable,
        "params_infer": params.infer,
        "macs": counted.macs,
    }


@contextmanager
def _without_gradients(network: nn.Module) -> Iterator[None]:
    """No parameter asks for a gradient: the counter looks for the origin of a parameter that a module is handed (OneFormer), and fails."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)


class _Operators(TorchDispatchMode):
    """Counts the calls of operators that ``FlopCounterMode`` has no formula for; in-place ones go with the others."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.uncounted: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.partition("::")[2]
        is_view = any(each.alias_info is not None and not each.alias_info.is_write for each in func._schema.returns)
        if func.overloadpacket not in flop_registry and func.overloadpacket not in FUSED and not is_view and name not in WITHOUT_ARITHMETIC:
            self.uncounted[name.rstrip("_")] += 1
        return func(*args, **(kwargs or {}))


@contextmanager
def _activations(network: nn.Module) -> Iterator[list[int]]:
    """Collects the bytes of each tensor that a module without parts gives out anew; TorchScript's modules take no hooks."""
    sizes: list[int] = []

    def note(module: nn.Module, inputs: Any, output: object) -> None:
        tensors = [each for each in (output if isinstance(output, tuple | list) else (output,)) if isinstance(each, Tensor)]
        sizes.extend(each.numel() * each.element_size() for each in tensors if not any(each is given for given in inputs))

    leaves = [each for each in network.modules() if not any(each.children()) and not isinstance(each, torch.jit.ScriptModule)]
    handles = [module.register_forward_hook(note) for module in leaves]
    try:
        yield sizes
    finally:
        for handle in handles:
            handle.remove()
