"""What several architectures share, and nothing else: thin networks, crops, frozen bilinear upsampling, unpooling, initialisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def scaled(channels: int, width: float, least: int = 1) -> int:
    """Number of channels of a network that is ``width`` times as wide as published; at least ``least``: fewer hold too little."""
    return max(min(least, channels), round(channels * width))


def crop(x: Tensor, like: Tensor, offset: int | None = None) -> Tensor:
    """``x`` [..., H, W] cut to the height and width of ``like``: from ``offset`` on both axes, or from the centre.

    The centre of an odd surplus is rounded up and left, as ``surplus // 2``. ``x`` must be large enough.
    """
    height, width = like.shape[-2:]
    top = (x.shape[-2] - height) // 2 if offset is None else offset
    left = (x.shape[-1] - width) // 2 if offset is None else offset
    return x[..., top : top + height, left : left + width]


def bilinear_filter(kernel: int) -> Tensor:
    """float32[kernel, kernel]: the tent that interpolates by a stride of ``(kernel + 1) // 2`` (Caffe's ``BilinearFiller``)."""
    stride = (kernel + 1) // 2
    centre = (kernel - 1) / 2
    tent = 1 - (torch.arange(kernel, dtype=torch.float32) - centre).abs() / stride
    return torch.outer(tent, tent)


def bilinear_deconv(channels: int, kernel: int, stride: int, trainable: bool) -> nn.ConvTranspose2d:
    """A transposed convolution without bias or padding that starts as bilinear upsampling of every channel.

    The weight is dense, ``channels * channels * kernel * kernel`` values, zero off the diagonal: as published, so it is counted as such.
    """
    deconv = nn.ConvTranspose2d(channels, channels, kernel, stride, bias=False)
    diagonal = torch.arange(channels)
    with torch.no_grad():
        deconv.weight.zero_()
        deconv.weight[diagonal, diagonal] = bilinear_filter(kernel)
    deconv.weight.requires_grad_(trainable)
    return deconv


def max_unpool(x: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
    """Put each value of ``x`` [N, C, h, w] back where its maximum stood: [N, C, *size], zero elsewhere.

    ``indices`` int64[N, C, h, w] are max pooling's: positions in the flattened plane, distinct because the windows do not overlap. ``size``
    is the height and width before pooling; guessing it from ``h`` and ``w`` scrambles odd sizes. Unlike ``F.max_unpool2d``, a scatter runs
    under ``torch.use_deterministic_algorithms(True)``.
    """
    height, width = size
    plane = x.new_zeros(*x.shape[:2], height * width)
    return plane.scatter(2, indices.flatten(2), x.flatten(2)).view(*x.shape[:2], height, width)


def he_initialise(network: nn.Module, gain: float = 2.0) -> None:
    """Weights of all convolutions from N(0, gain / fan_in), biases zero (He et al. 2015).

    Variance survives a deep stack with a gain of 2 in front of a ReLU, which halves it, and of 1 in front of anything else.
    The fan-in of a transposed convolution is what reaches one output pixel: its input channels times the kernel area over the stride area.
    """
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            continue
        fan_in = module.in_channels // module.groups * module.weight[0, 0].numel()
        if isinstance(module, nn.ConvTranspose2d):
            fan_in //= module.stride[0] * module.stride[1]
        nn.init.normal_(module.weight, std=(gain / max(fan_in, 1)) ** 0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
