"""TorchScript whose weights are constants of its code, as ``torch.jit.freeze`` leaves them: it has no parameters, and is not without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

# Operators whose constant operands are weights; in others constants are means, grids and the like.
OF_WEIGHTS = {
    f"aten::{name}"
    for name in (
        *("conv1d", "conv2d", "conv3d", "_convolution", "conv_transpose2d", "convolution", "linear", "matmul", "mm", "bmm", "addmm"),
        *("batch_norm", "layer_norm", "group_norm", "instance_norm", "prelu"),
    )
}


def inlined_weights(network: nn.Module) -> dict[str, Tensor]:
    """The floating-point constants that TorchScript modules in a network use as weights, by the names that their code gives them."""
    found: dict[str, Tensor] = {}
    for script in _outermost(network):
        try:
            graph: Any = script.inlined_graph
        except RuntimeError:  # it has no forward, and is used by another way
            continue
        for node in graph.findAllNodes("prim::Constant", recurse=True):
            output = node.output()
            value = output.toIValue() if output.type().isSubtypeOf(torch._C.TensorType.get()) else None
            if isinstance(value, Tensor) and value.is_floating_point() and any(use.user.kind() in OF_WEIGHTS for use in output.uses()):
                found[output.debugName()] = value
    return found


def _outermost(module: nn.Module) -> Iterator[torch.jit.ScriptModule]:
    if isinstance(module, torch.jit.ScriptModule):
        yield module
        return
    for child in module.children():
        yield from _outermost(child)
