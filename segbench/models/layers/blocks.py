"""Blocks of the small and two-path networks: convolution with normalisation and activation, channel gates, resizing, a check of sizes."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F


def relu(channels: int) -> nn.Module:
    """ReLU in place; the number of channels is for activations that learn a slope for each."""
    return nn.ReLU(inplace=True)


def conv_norm_act(
    in_channels: int,
    channels: int,
    kernel: int = 3,
    stride: int = 1,
    *,
    padding: int | None = None,
    groups: int = 1,
    act: Callable[[int], nn.Module] | None = relu,
) -> nn.Sequential:
    """A square convolution without bias, batch normalisation and, unless ``act`` is ``None``, an activation.

    The default padding keeps the size at stride 1 and gives ``ceil(size / 2)`` at stride 2.
    """
    padding = kernel // 2 if padding is None else padding
    conv = nn.Conv2d(in_channels, channels, kernel, stride, padding, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(channels), *([] if act is None else [act(channels)]))


def channel_gate(*layers: nn.Module) -> nn.Sequential:
    """Squeeze and excitation: the mean over the image, 1x1 ``layers``, a sigmoid: float[N, C, H, W] to gates [N, C', 1, 1] in 0..1.

    With batch normalisation among the layers, training needs two images or more: the mean of one is all that it would see.
    """
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), *layers, nn.Sigmoid())


def resize_like(x: Tensor, like: Tensor, align_corners: bool) -> Tensor:
    """``x`` [N, C, h, w] bilinearly at the height and width of ``like``."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=align_corners)


def refuse_unless_divisible(x: Tensor, divisor: int, name: str) -> None:
    """Refuse an image whose maps would not meet again on the way up.

    :raises ValueError: naming the size that fits.
    """
    height, width = x.shape[-2:]
    if height % divisor or width % divisor:
        needed = f"{height + -height % divisor}x{width + -width % divisor}"
        raise ValueError(
            f"{name} cannot take {height}x{width}: both sides must be multiples of {divisor}; pad to {needed}, as InputRule.pad does"
        )
