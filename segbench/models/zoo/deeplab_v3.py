"""DeepLab v3 on ResNet-50 and -101, in torchvision's layout.

Paper: Chen, Papandreou, Schroff & Adam, "Rethinking Atrous Convolution for Semantic Image Segmentation", arXiv 1706.05587. Reference:
torchvision's ``deeplabv3_resnet101``, whose published weights load with ``strict=True`` (21 classes, COCO images with VOC's labels).

As in the paper: ASPP of a 1x1, three dilated 3x3 and image pooling, 256 channels each with batch normalisation, concatenated and projected;
rates 6, 12, 18 at output stride 16 and twice those at 8. As in torchvision and not in the paper: output stride 8 by default, no multi-grid
(``multi_grid=(1, 2, 4)`` is the paper's), a 3x3 convolution after the projection (590,336 parameters), and an auxiliary head on the third
stage while training, with weight 0.5.

What differs: weights start from He's normal distribution. Image pooling cannot train on a batch of one; see
:class:`~segbench.models.layers.pooling.PooledConv`.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.layers.pooling import ASPP, conv_bn_relu
from segbench.models.layers.resnet import Dilation, ResNetTrunk
from segbench.models.segmenter import AuxLogits, Paper, Segmenter, TrainingOutput

PAPER = Paper(
    "Rethinking Atrous Convolution for Semantic Image Segmentation",
    "L.-C. Chen, G. Papandreou, F. Schroff, H. Adam",
    2017,
    "https://arxiv.org/abs/1706.05587",
)
RATES = {16: (6, 12, 18), 8: (12, 24, 36)}
AUX_WEIGHT = 0.5


class DeepLabV3(nn.Module):
    """float[N, 3, H, W] of any size to logits [N, classes, h, w] at ``output_stride``; in training mode with those of the auxiliary head.

    :raises ValueError: the output stride is neither 8 nor 16.
    """

    training_only = ("aux_classifier",)

    def __init__(self, classes: int, *, depth: int, output_stride: int, multi_grid: Sequence[int], width: float) -> None:
        super().__init__()
        if output_stride not in RATES:
            raise ValueError(f"DeepLab v3 has rates for output strides 8 and 16, not {output_stride}")
        self.backbone = ResNetTrunk(depth, dilation=Dilation(output_stride, multi_grid=multi_grid), width=width)
        channels = scaled(256, width)
        aspp = ASPP(self.backbone.channels[3], channels, RATES[output_stride], dropout=0.5)
        self.classifier = nn.Sequential(aspp, *conv_bn_relu(channels, channels, kernel=3), nn.Conv2d(channels, classes, 1))
        aux = conv_bn_relu(self.backbone.channels[2], channels, kernel=3)
        self.aux_classifier = nn.Sequential(*aux, nn.Dropout(0.1), nn.Conv2d(channels, classes, 1))
        for head in (self.classifier, self.aux_classifier):
            he_initialise(head)
            he_initialise(head[-1], gain=1)

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """Logits of ``x`` at the output stride."""
        *_, third, last = self.backbone(x)
        logits = self.classifier(last)
        if not self.training:
            return logits  # type: ignore[no-any-return]
        return TrainingOutput(logits, (AuxLogits(self.aux_classifier(third), AUX_WEIGHT),))


def _deeplab_v3(name: str, labels: LabelSpace, depth: int, width: float, output_stride: int, multi_grid: Sequence[int]) -> Segmenter:
    network = DeepLabV3(len(labels.classes), depth=depth, output_stride=output_stride, multi_grid=multi_grid, width=width)
    arguments = {"width": width, "output_stride": output_stride, "multi_grid": tuple(multi_grid)}
    return Segmenter(name, network, labels, PAPER, arguments=arguments)


def deeplab_v3(labels: LabelSpace, *, width: float = 1.0, output_stride: int = 8, multi_grid: Sequence[int] = (1, 1, 1)) -> Segmenter:
    """On ResNet-101. The same weights fit output strides 8 and 16; the paper trains at 16 and tests at 8."""
    return _deeplab_v3("deeplab_v3", labels, 101, width, output_stride, multi_grid)


def deeplab_v3_r50(labels: LabelSpace, *, width: float = 1.0, output_stride: int = 8, multi_grid: Sequence[int] = (1, 1, 1)) -> Segmenter:
    """:func:`deeplab_v3` on ResNet-50."""
    return _deeplab_v3("deeplab_v3_r50", labels, 50, width, output_stride, multi_grid)
