"""DeepLab v3+: v3's encoder and a decoder that adds the detail of stride 4, on Xception-65 and on ResNet-101.

Paper: Chen, Zhu, Papandreou, Schroff & Adam, "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation", ECCV
2018, arXiv 1802.02611. References: github.com/tensorflow/models, ``research/deeplab``, for Xception-65;
github.com/VainF/DeepLabV3Plus-Pytorch for ResNet-101.

As in TensorFlow's: ASPP and both decoder convolutions of the Xception network are depthwise separable (a widespread port has plain ones and
54.7 M parameters); the low-level map is that of the second block before its stride, 256 channels reduced to 48; every resize aligns
corners, that of the logits included; inputs go to [-1, 1]. As in VainF's: the ResNet network has plain convolutions, *one* in the decoder
(the paper has two), and does not align corners. Both have dropout 0.1 after ASPP's projection and no auxiliary head.

What differs: weights start from He's normal distribution; logits stay at stride 4. The decoder concatenates context and then detail, as
TensorFlow's; VainF's has detail first, so its files would fit by their shapes and be wrong: there is no import of them. Image pooling
cannot train on a batch of one; see :class:`~segbench.models.layers.pooling.PooledConv`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.kernels.bilinear import grid_of
from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.layers.pooling import ASPP, atrous_conv, conv_bn_relu
from segbench.models.layers.resnet import Dilation, ResNetTrunk
from segbench.models.layers.xception import SeparableConv, Xception65
from segbench.models.segmenter import Normalize, Paper, Segmenter

PAPER = Paper(
    "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation",
    "L.-C. Chen, Y. Zhu, G. Papandreou, F. Schroff, H. Adam",
    2018,
    "https://arxiv.org/abs/1802.02611",
)
RATES = {16: (6, 12, 18), 8: (12, 24, 36)}
TENSORFLOW = Normalize(mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5))


def separable_conv(in_channels: int, channels: int, rate: int) -> nn.Module:
    """The separable 3x3 branch of ASPP, and convolution of the decoder."""
    return SeparableConv(in_channels, channels, rate=rate)


class DeepLabV3Plus(nn.Module):
    """float[N, 3, H, W] of any size to logits [N, classes, ceil(H / 4), ceil(W / 4)].

    :param backbone: gives maps, the first at stride 4 and the last at ``output_stride``, and has their ``channels``.
    :param decoder_convs: 3x3 convolutions after the concatenation.
    :param align_corners: how ASPP's output is brought to stride 4, and the evaluation brings the logits to the image.
    """

    def __init__(
        self,
        classes: int,
        backbone: ResNetTrunk | Xception65,
        *,
        output_stride: int,
        separable: bool,
        decoder_convs: int,
        align_corners: bool,
        width: float,
    ) -> None:
        super().__init__()
        conv = separable_conv if separable else atrous_conv
        channels, low = scaled(256, width), scaled(48, width, 12)
        self.backbone = backbone
        self.aspp = ASPP(backbone.channels[-1], channels, RATES[output_stride], dropout=0.1, branch=conv)
        self.reduce = conv_bn_relu(backbone.channels[0], low)
        self.decoder = nn.Sequential(*(conv(channels if i else channels + low, channels, 1) for i in range(decoder_convs)))
        self.score = nn.Conv2d(channels, classes, 1)
        self.align_corners = align_corners
        for part in (self.aspp, self.reduce, self.decoder):
            he_initialise(part)
        he_initialise(self.score, gain=1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of ``x`` at stride 4."""
        low, *_, high = self.backbone(x)
        low = self.reduce(low)
        high = F.interpolate(self.aspp(high), size=low.shape[-2:], mode="bilinear", align_corners=self.align_corners)
        return self.score(self.decoder(torch.cat([high, low], 1)))  # type: ignore[no-any-return]


def check_stride(output_stride: int) -> None:
    """Refuse an output stride without rates.

    :raises ValueError: it is neither 8 nor 16.
    """
    if output_stride not in RATES:
        raise ValueError(f"DeepLab v3+ has rates for output strides 8 and 16, not {output_stride}")


def deeplab_v3plus(labels: LabelSpace, *, width: float = 1.0, output_stride: int = 16, align_corners: bool = True) -> Segmenter:
    """On Xception-65, as in TensorFlow. The same weights fit output strides 16 and 8."""
    check_stride(output_stride)
    trunk = Xception65(output_stride=output_stride, width=width)
    options = {"output_stride": output_stride, "align_corners": align_corners, "width": width}
    network = DeepLabV3Plus(len(labels.classes), trunk, separable=True, decoder_convs=2, **options)  # type: ignore[arg-type]
    grid = grid_of(align_corners=align_corners)
    return Segmenter("deeplab_v3plus", network, labels, PAPER, normalize=TENSORFLOW, arguments=options, grid=grid)


def deeplab_v3plus_r101(labels: LabelSpace, *, width: float = 1.0, output_stride: int = 16, align_corners: bool = False) -> Segmenter:
    """On ResNet-101, as in VainF's port."""
    check_stride(output_stride)
    trunk = ResNetTrunk(101, dilation=Dilation(output_stride), width=width)
    options = {"output_stride": output_stride, "align_corners": align_corners, "width": width}
    network = DeepLabV3Plus(len(labels.classes), trunk, separable=False, decoder_convs=1, **options)  # type: ignore[arg-type]
    return Segmenter("deeplab_v3plus_r101", network, labels, PAPER, arguments=options, grid=grid_of(align_corners=align_corners))
