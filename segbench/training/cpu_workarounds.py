"""What a CPU needs to train networks fast and right: no denormal numbers, and ways around two defects of oneDNN."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_ONEDNN_BLOCK = 16  # channels


@contextmanager
def sound_on_cpu(network: nn.Module) -> Iterator[None]:
    """Within this context a network can be trained on a CPU; behind it everything is as it was.

    Gradients underflow, and a CPU is a hundred times slower with denormal numbers: they are flushed to zero, a setting of the process.
    """
    ways = ((_overruns, _pointwise), (_loses_gradients, _in_float32))
    unsound = [(module, way) for module in network.modules() for condition, way in ways if condition(module)]
    torch.set_flush_denormal(True)
    for module, way in unsound:
        module.forward = partial(way, module)  # type: ignore[arg-type]
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        for conv, _ in unsound:
            del conv.forward  # what remains is the class's own


def _overruns(module: nn.Module) -> bool:
    """Whether oneDNN overruns its workspace in this layer's weight gradient in channels-last memory: a crash, or a wrong gradient.

    That is so for 1x1 convolutions with a stride whose input channels do not fill a block (github.com/uxlfoundation/oneDNN/issues/6035).
    """
    return (
        type(module) is nn.Conv2d
        and module.kernel_size == (1, 1)
        and max(module.stride) > 1
        and module.padding == (0, 0)
        and module.in_channels // module.groups < _ONEDNN_BLOCK
    )


def _pointwise(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A strided 1x1 convolution looks at every stride-th pixel only: the same as taking these first."""
    rows, columns = conv.stride
    return F.conv2d(x[..., ::rows, ::columns], conv.weight, conv.bias, groups=conv.groups)


def _loses_gradients(module: nn.Module) -> bool:
    """Whether oneDNN's weight gradient of this layer is wrong, or NaN, in bfloat16 and channels-last memory.

    Measured with torch 2.13 on AVX512_BF16, against float64: dilated convolutions whose input channels (of a group) do not fill blocks, in
    every size of map but small ones.
    """
    return (
        type(module) is nn.Conv2d
        and max(module.dilation) > 1
        and max(module.kernel_size) > 1
        and module.in_channels // module.groups % _ONEDNN_BLOCK != 0
    )


def _in_float32(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """The layer outside of autocast."""
    with torch.autocast("cpu", enabled=False):
        done: Tensor = conv._conv_forward(x.float(), conv.weight, conv.bias)
        return done
