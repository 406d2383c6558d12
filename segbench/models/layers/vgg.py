"""The thirteen convolutions of VGG16, for FCN, SegNet and DeconvNet.

Paper: Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015, arXiv 1409.1556, column D.
Parameters are named as in torchvision's ``vgg16`` and ``vgg16_bn`` (``features.N.*``): their ImageNet weights load with ``strict=True``
once ``classifier.*`` is dropped. Biases stand in front of batch normalisation, as there and in SegNet.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from segbench.models.layers.layers import he_initialise, scaled

LEAST = 8  # channels of a narrow trunk
WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class Stage(NamedTuple):
    """One block of convolutions after its pool. ``indices`` and ``size`` (height and width before the pool) undo the pooling."""

    pooled: Tensor
    indices: Tensor
    size: tuple[int, int]


class VGG16(nn.Module):
    """float[N, 3, H, W] to its five stages, at strides 2 to 32. The initialisation trains from scratch, without batch normalisation too.

    :param bn: a batch normalisation after every convolution.
    :param ceil_mode: pools keep an incomplete last row and column, as Caffe's do.
    :param padding: of the first convolution; FCN takes 100.
    :param width: multiplies every number of channels.
    """

    def __init__(self, *, bn: bool = False, ceil_mode: bool = False, padding: int = 1, width: float = 1.0) -> None:
        super().__init__()
        self.channels = tuple(scaled(widths[-1], width, LEAST) for widths in WIDTHS)
        layers: list[nn.Module] = []
        channels = 3
        for widths in WIDTHS:
            for out in (scaled(w, width, LEAST) for w in widths):
                layers.append(nn.Conv2d(channels, out, 3, padding=1 if layers else padding))
                layers += [nn.BatchNorm2d(out), nn.ReLU(inplace=True)] if bn else [nn.ReLU(inplace=True)]
                channels = out
            layers.append(nn.MaxPool2d(2, ceil_mode=ceil_mode, return_indices=True))
        self.features = nn.Sequential(*layers)
        he_initialise(self)

    def forward(self, x: Tensor) -> list[Stage]:
        """The five stages, the finest first."""
        stages = []
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                size = (x.shape[-2], x.shape[-1])
                x, indices = layer(x)
                stages.append(Stage(x, indices, size))
            else:
                x = layer(x)
        return stages
