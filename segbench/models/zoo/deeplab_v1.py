"""DeepLab v1, "LargeFOV": VGG16 at stride 8 with one dilated 3x3 in place of the first fully connected layer. No residual network.

Paper: Chen, Papandreou, Kokkinos, Murphy & Yuille, "Semantic Image Segmentation with Deep Convolutional Nets and Fully Connected CRFs",
ICLR 2015, arXiv 1412.7062. Reference: bitbucket.org/deeplab/deeplab-public (Caffe, ``DeepLab-LargeFOV/train.prototxt``).

As in the prototxt (read through ports of it): all pools are 3x3 with a padding of 1, so that responses of different strides align; the last
two have stride 1 and the convolutions between them a dilation of 2; a 3x3 *average* pool follows; dropout is element-wise; the classifier
starts from N(0, 0.01). Pools round up, as Caffe's do: 1024 rows give 129. Fields of view of the paper's table: kernel 3, rate 12 and 1024
channels (LargeFOV, the default); kernel 7, rate 4 and 4096 (DeepLab-CRF-7x7); kernel 4, rate 4 and 4096 (DeepLab-CRF-4x4).

What differs: trunk, fc6 and fc7 start from He's normal distribution, so that the network trains without ImageNet weights; inputs are
normalised as torchvision's weights want them; logits and target meet at the target's size, where the paper shrinks the target by 8; there
is no conditional random field.
"""

from __future__ import annotations

from torch import Tensor, nn

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.layers.vgg import VGG16
from segbench.models.segmenter import Paper, Segmenter

PAPER = Paper(
    "Semantic Image Segmentation with Deep Convolutional Nets and Fully Connected CRFs",
    "L.-C. Chen, G. Papandreou, I. Kokkinos, K. Murphy, A. L. Yuille",
    2015,
    "https://arxiv.org/abs/1412.7062",
)


def atrous_vgg16(width: float) -> nn.Sequential:
    """float[N, 3, H, W] to float[N, 512, h, w] at stride 8. Called ``features``, its parameters are named as torchvision's ``vgg16``."""
    features = VGG16(width=width).features
    pools = 0
    for position, layer in enumerate(features):
        if isinstance(layer, nn.MaxPool2d):
            pools += 1
            features[position] = nn.MaxPool2d(3, 2 if pools <= 3 else 1, padding=1, ceil_mode=True)
        elif isinstance(layer, nn.Conv2d) and pools == 4:
            layer.dilation = layer.padding = (2, 2)
    features.append(nn.AvgPool2d(3, 1, padding=1))
    return features


class Head(nn.Sequential):
    """fc6 dilated by ``rate``, fc7 and fc8 as convolutions: float[N, in_channels, h, w] to logits [N, classes, h, w]."""

    def __init__(self, in_channels: int, channels: int, classes: int, *, kernel: int, rate: int) -> None:
        fc6 = nn.Conv2d(in_channels, channels, kernel, padding=(kernel - 1) * rate // 2, dilation=rate)
        fc7 = nn.Conv2d(channels, channels, 1)
        fc8 = nn.Conv2d(channels, classes, 1)
        super().__init__(fc6, nn.ReLU(inplace=True), nn.Dropout(0.5), fc7, nn.ReLU(inplace=True), nn.Dropout(0.5), fc8)
        he_initialise(self)
        nn.init.normal_(fc8.weight, std=0.01)


class DeepLabV1(nn.Module):
    """float[N, 3, H, W] of any size to logits [N, classes, h, w] at stride 8.

    :raises ValueError: kernel and rate have no padding that keeps the size.
    """

    def __init__(self, classes: int, *, width: float, kernel: int, rate: int, head_channels: int) -> None:
        super().__init__()
        if (kernel - 1) * rate % 2:
            raise ValueError(f"a kernel of {kernel} needs an even rate to keep the size of the map, not {rate}")
        self.features = atrous_vgg16(width)
        self.head = Head(scaled(512, width), head_channels, classes, kernel=kernel, rate=rate)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of ``x`` at stride 8."""
        return self.head(self.features(x))  # type: ignore[no-any-return]


def deeplab_v1(labels: LabelSpace, *, width: float = 1.0, kernel: int = 3, rate: int = 12, head_channels: int | None = None) -> Segmenter:
    """LargeFOV. ``kernel`` and ``rate`` are fc6's; ``head_channels`` is the width of fc6 and fc7, by default ``1024 * width``."""
    head = scaled(1024, width) if head_channels is None else head_channels
    network = DeepLabV1(len(labels.classes), width=width, kernel=kernel, rate=rate, head_channels=head)
    arguments = {"width": width, "kernel": kernel, "rate": rate, "head_channels": head_channels}
    return Segmenter("deeplab_v1", network, labels, PAPER, arguments=arguments)
