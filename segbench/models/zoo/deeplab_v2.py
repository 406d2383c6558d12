"""DeepLab v2: atrous spatial pyramid pooling as a sum of logits, on ResNet-101 and on VGG16.

Paper: Chen, Papandreou, Kokkinos, Murphy & Yuille, "DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous Convolution,
and Fully Connected CRFs", TPAMI 2018, arXiv 1606.00915. Reference: bitbucket.org/aquariusjay/deeplab-public-ver2 (Caffe), read through its
exact port github.com/kazuto1011/deeplab-pytorch.

As in the reference: Caffe's ResNet (stride on the first 1x1, a pool that rounds up, so 1024 rows give 129) at stride 8, with dilations 2
and 4 in *every* block of the last two stages and no multi-grid; four 3x3 convolutions straight to the classes, with bias, summed: no batch
normalisation, no projection, no image pooling (that is v3). On VGG16 each branch is v1's head. With ``multi_scale`` the same weights see
the image at 1, 0.75 and 0.5, the logits are fused by their maximum, and each scale has a loss of its own against the target shrunk to it.

What differs: weights start for training from scratch and inputs are normalised as torchvision's weights want them; the reference starts
from MS-COCO weights and keeps batch normalisation frozen, which is a matter of the recipe; there is no conditional random field.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import scaled
from segbench.models.layers.resnet import Dilation, ResNetTrunk
from segbench.models.segmenter import AuxLogits, Paper, Segmenter, TrainingOutput
from segbench.models.zoo.deeplab_v1 import Head, atrous_vgg16

PAPER = Paper(
    "DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous Convolution, and Fully Connected CRFs",
    "L.-C. Chen, G. Papandreou, I. Kokkinos, K. Murphy, A. L. Yuille",
    2018,
    "https://arxiv.org/abs/1606.00915",
)
RATES = (6, 12, 18, 24)
SCALES = (0.75, 0.5)


def branch(in_channels: int, classes: int, rate: int) -> nn.Conv2d:
    """One dilated 3x3 convolution from the last map to the classes."""
    conv = nn.Conv2d(in_channels, classes, 3, padding=rate, dilation=rate)
    nn.init.normal_(conv.weight, std=0.01)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


class DeepLabV2(nn.Module):
    """float[N, 3, H, W] of any size to logits [N, classes, h, w] at stride 8. A subclass says what :meth:`scores` are.

    :param multi_scale: fuse the logits of three sizes of the image; in training mode, return those of each size as well.
    """

    def __init__(self, *, multi_scale: bool) -> None:
        super().__init__()
        self.multi_scale = multi_scale

    def scores(self, x: Tensor) -> Tensor:
        """Logits of one image size."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """Logits of ``x`` at stride 8, or the maximum over three sizes of ``x``."""
        logits = self.scores(x)
        if not self.multi_scale:
            return logits
        every = [logits, *(self.scores(resized(x, [max(1, int(side * scale)) for side in x.shape[-2:]])) for scale in SCALES)]
        fused = torch.stack([logits, *(resized(smaller, logits.shape[-2:]) for smaller in every[1:])]).amax(0)
        return TrainingOutput(fused, tuple(AuxLogits(one, resize="target") for one in every)) if self.training else fused


def resized(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, ``align_corners=False`` as in the port."""
    return F.interpolate(x, size=list(size), mode="bilinear", align_corners=False)


class DeepLabV2ResNet(DeepLabV2):
    """Four dilated convolutions on the last map of a Caffe ResNet-101."""

    def __init__(self, classes: int, *, rates: Sequence[int], multi_scale: bool, width: float) -> None:
        super().__init__(multi_scale=multi_scale)
        self.backbone = ResNetTrunk(101, dilation=Dilation(8, contract=False), caffe=True, width=width)
        self.aspp = nn.ModuleList(branch(self.backbone.channels[-1], classes, rate) for rate in rates)

    def scores(self, x: Tensor) -> Tensor:
        """Logits of one image size."""
        high = self.backbone(x)[-1]
        return torch.stack([conv(high) for conv in self.aspp]).sum(0)


class DeepLabV2VGG(DeepLabV2):
    """Four heads of DeepLab v1, of different rates, on its VGG16."""

    def __init__(self, classes: int, *, rates: Sequence[int], multi_scale: bool, width: float) -> None:
        super().__init__(multi_scale=multi_scale)
        self.features = atrous_vgg16(width)
        heads = [Head(scaled(512, width), scaled(1024, width), classes, kernel=3, rate=rate) for rate in rates]
        self.aspp = nn.ModuleList(heads)

    def scores(self, x: Tensor) -> Tensor:
        """Logits of one image size."""
        high = self.features(x)
        return torch.stack([head(high) for head in self.aspp]).sum(0)


def deeplab_v2(labels: LabelSpace, *, width: float = 1.0, rates: Sequence[int] = RATES, multi_scale: bool = False) -> Segmenter:
    """On ResNet-101. ``rates`` are the dilations of the branches (ASPP-L; ASPP-S has 2, 4, 8, 12)."""
    network = DeepLabV2ResNet(len(labels.classes), rates=rates, multi_scale=multi_scale, width=width)
    arguments = {"width": width, "rates": tuple(rates), "multi_scale": multi_scale}
    return Segmenter("deeplab_v2", network, labels, PAPER, arguments=arguments)


def deeplab_v2_vgg16(labels: LabelSpace, *, width: float = 1.0, rates: Sequence[int] = RATES, multi_scale: bool = False) -> Segmenter:
    """:func:`deeplab_v2` on VGG16."""
    network = DeepLabV2VGG(len(labels.classes), rates=rates, multi_scale=multi_scale, width=width)
    arguments = {"width": width, "rates": tuple(rates), "multi_scale": multi_scale}
    return Segmenter("deeplab_v2_vgg16", network, labels, PAPER, arguments=arguments)
