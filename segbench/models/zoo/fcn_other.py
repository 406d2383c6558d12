"""FCN-32s on CaffeNet ("AlexNet") and, best effort, on GoogLeNet: the two smaller networks of the FCN paper's first table.

Paper: Long, Shelhamer & Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, arXiv 1411.4038.
Reference for CaffeNet: github.com/shelhamer/fcn.berkeleyvision.org, ``voc-fcn-alexnet``. It is not torchvision's AlexNet: 96 filters in
the first layer, two groups in conv2, conv4 and conv5, and local response normalisation (LRN) after the first two pools. The deconvolution
has 63 taps, not 64: these networks sample odd windows, so that only an odd filter lands on whole pixels (crop offset 18).

GoogLeNet is BEST EFFORT: the authors never released theirs. The trunk is Caffe's ``bvlc_googlenet`` (5x5 branches, biases, LRN, no batch
normalisation; torchvision's has 3x3 in their place) up to ``inception_5b``, its average pool and auxiliary classifiers dropped; then
dropout 0.4, scores and a stride-32 deconvolution. Assumed: padding by 100 as in the other FCNs, and a 64-tap filter, whose centre falls
half a pixel from the score's.

As in fcn.py: pools round up, score layers start at zero, transposed convolutions are bilinear and frozen unless ``learn_upsampling``.
What differs: He's initialisation, and inputs normalised as torchvision's weights want them. Caffe's are bytes minus a mean: on those, LRN
damps strong activations by up to a half; on ours, fifty times smaller, it is nearly the identity.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import bilinear_deconv, crop, he_initialise, scaled
from segbench.models.segmenter import Segmenter
from segbench.models.zoo.fcn import CVPR, score_layer

PADDING = 100
CAFFENET_OFFSET = 18
# The centre of score i is pixel 32 i - 67, and tap 32 i + 31.5 of its upsampling: 98.5, rounded down.
GOOGLENET_OFFSET = 98

# Output channels: 1x1; 3x3 and its reduction; 5x5 and its reduction; the projection after the pool.
INCEPTIONS = {
    "3a": (64, (96, 128), (16, 32), 32),
    "3b": (128, (128, 192), (32, 96), 64),
    "4a": (192, (96, 208), (16, 48), 64),
    "4b": (160, (112, 224), (24, 64), 64),
    "4c": (128, (128, 256), (24, 64), 64),
    "4d": (112, (144, 288), (32, 64), 64),
    "4e": (256, (160, 320), (32, 128), 128),
    "5a": (256, (160, 320), (32, 128), 128),
    "5b": (384, (192, 384), (48, 128), 128),
}


def conv_relu(in_channels: int, channels: int, kernel: int, *, stride: int = 1, padding: int = 0, groups: int = 1) -> nn.Sequential:
    """A convolution with bias, and ReLU."""
    return nn.Sequential(nn.Conv2d(in_channels, channels, kernel, stride, padding, groups=groups), nn.ReLU(inplace=True))


def pool() -> nn.MaxPool2d:
    """Caffe's 3x3 pool of stride 2, which rounds up."""
    return nn.MaxPool2d(3, 2, ceil_mode=True)


def lrn() -> nn.LocalResponseNorm:
    """AlexNet's normalisation over five channels; torch and Caffe both divide alpha by their number."""
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)


def caffenet(width: float) -> tuple[nn.Sequential, int]:
    """float[N, 3, H, W] to conv5's pooled maps at stride 32, and their number: even, because of the two groups."""
    c1, c2, c3, c4, c5 = (2 * scaled(channels // 2, width) for channels in (96, 256, 384, 384, 256))
    trunk = nn.Sequential(
        *(conv_relu(3, c1, 11, stride=4, padding=PADDING), pool(), lrn()),
        *(conv_relu(c1, c2, 5, padding=2, groups=2), pool(), lrn()),
        conv_relu(c2, c3, 3, padding=1),
        conv_relu(c3, c4, 3, padding=1, groups=2),
        *(conv_relu(c4, c5, 3, padding=1, groups=2), pool()),
    )
    return trunk, c5


class Inception(nn.Module):
    """Four parallel branches, concatenated in Caffe's order; the size stays."""

    def __init__(self, in_channels: int, direct: int, three: tuple[int, int], five: tuple[int, int], pooled: int) -> None:
        super().__init__()
        self.direct = conv_relu(in_channels, direct, 1)
        self.three = nn.Sequential(conv_relu(in_channels, three[0], 1), conv_relu(*three, 3, padding=1))
        self.five = nn.Sequential(conv_relu(in_channels, five[0], 1), conv_relu(*five, 5, padding=2))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), conv_relu(in_channels, pooled, 1))
        self.out_channels = direct + three[1] + five[1] + pooled

    def forward(self, x: Tensor) -> Tensor:
        """float[N, in_channels, H, W] to float[N, out_channels, H, W]."""
        return torch.cat([self.direct(x), self.three(x), self.five(x), self.pooled(x)], 1)


def googlenet(width: float) -> tuple[nn.Sequential, int]:
    """float[N, 3, H, W] to the maps of ``inception_5b`` at stride 32, and their number."""
    c1, c2 = scaled(64, width), scaled(192, width)
    layers: list[nn.Module] = [conv_relu(3, c1, 7, stride=2, padding=PADDING), pool(), lrn()]
    layers += [conv_relu(c1, c1, 1), conv_relu(c1, c2, 3, padding=1), lrn(), pool()]
    channels = c2
    for name, (direct, three, five, pooled) in INCEPTIONS.items():
        if name in ("4a", "5a"):
            layers.append(pool())
        reduce_three, reduce_five = scaled(three[0], width), scaled(five[0], width)
        branches = ((reduce_three, scaled(three[1], width)), (reduce_five, scaled(five[1], width)))
        inception = Inception(channels, scaled(direct, width), *branches, scaled(pooled, width))
        layers.append(inception)
        channels = inception.out_channels
    return nn.Sequential(*layers), channels


class FCN32s(nn.Module):
    """float[N, 3, H, W] of any size to logits [N, classes, H, W]: a padded trunk at stride 32, scores, upsampling, a crop."""

    def __init__(self, trunk: nn.Sequential, channels: int, classes: int, *, kernel: int, offset: int, learn_upsampling: bool) -> None:
        super().__init__()
        self.trunk = trunk
        self.score = score_layer(channels, classes)
        self.upscore = bilinear_deconv(classes, kernel, 32, learn_upsampling)
        self.offset = offset
        he_initialise(self.trunk)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the size of ``x``."""
        return crop(self.upscore(self.score(self.trunk(x))), x, self.offset)


def fcn32s_alexnet(
    labels: LabelSpace, *, width: float = 1.0, head_channels: int | None = None, learn_upsampling: bool = False
) -> Segmenter:
    """FCN-32s on CaffeNet. ``head_channels`` is the width of fc6 and fc7, by default ``4096 * width``."""
    head = scaled(4096, width) if head_channels is None else head_channels
    trunk, channels = caffenet(width)
    trunk.extend([conv_relu(channels, head, 6), nn.Dropout(0.5), conv_relu(head, head, 1), nn.Dropout(0.5)])
    network = FCN32s(trunk, head, len(labels.classes), kernel=63, offset=CAFFENET_OFFSET, learn_upsampling=learn_upsampling)
    arguments = {"width": width, "head_channels": head_channels, "learn_upsampling": learn_upsampling}
    return Segmenter("fcn32s_alexnet", network, labels, CVPR, arguments=arguments)


def fcn32s_googlenet(labels: LabelSpace, *, width: float = 1.0, learn_upsampling: bool = False) -> Segmenter:
    """FCN-32s on GoogLeNet, best effort: no reference was released."""
    trunk, channels = googlenet(width)
    trunk.append(nn.Dropout(0.4))
    network = FCN32s(trunk, channels, len(labels.classes), kernel=64, offset=GOOGLENET_OFFSET, learn_upsampling=learn_upsampling)
    arguments = {"width": width, "learn_upsampling": learn_upsampling}
    return Segmenter("fcn32s_googlenet", network, labels, CVPR, arguments=arguments)
