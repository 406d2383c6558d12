"""PSPNet on ResNet-50: pyramid pooling on a dilated trunk.

Paper: Zhao, Shi, Qi, Wang & Jia, "Pyramid Scene Parsing Network", CVPR 2017, arXiv 1612.01105. Reference: github.com/hszhao/semseg, the
author's own in PyTorch.

As in the reference: a deep stem of 64, 64 and 128 channels; output stride 8 with dilations 2 and 4 in *every* block of the last two stages;
averages over grids of 1, 2, 3 and 6, each reduced to a quarter of the channels, resized with aligned corners and concatenated to the map;
channel-wise dropout 0.1; while training an auxiliary head on the third stage with weight 0.4. Sides are 8 k + 1 (713 on Cityscapes), and
corners are aligned in the last enlargement too: there cell i lies on pixel 8 i, where its convolutions are centred. Without
``align_corners`` any size is taken as it is, and cells lie in the middle of their pixels.

What differs: weights start from He's normal distribution; images of other sizes are mirrored to 8 k + 1, where the reference cuts them
into windows. The grid of one cell cannot train on a batch of one; see :class:`~segbench.models.layers.pooling.PooledConv`.
"""

from __future__ import annotations

from torch import Tensor, nn

from segbench.kernels.bilinear import grid_of
from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.layers.pooling import PyramidPooling, conv_bn_relu
from segbench.models.layers.resnet import Dilation, ResNetTrunk
from segbench.models.segmenter import AuxLogits, InputRule, Paper, Segmenter, TrainingOutput

PAPER = Paper("Pyramid Scene Parsing Network", "H. Zhao, J. Shi, X. Qi, X. Wang, J. Jia", 2017, "https://arxiv.org/abs/1612.01105")
STEM = (64, 64, 128)
BINS = (1, 2, 3, 6)
AUX_WEIGHT = 0.4


def head(in_channels: int, channels: int, classes: int) -> nn.Sequential:
    """A 3x3 convolution, channel-wise dropout and the classifier."""
    score = nn.Conv2d(channels, classes, 1)
    layers = nn.Sequential(*conv_bn_relu(in_channels, channels, kernel=3), nn.Dropout2d(0.1), score)
    he_initialise(layers)
    he_initialise(score, gain=1)
    return layers


class PSPNet(nn.Module):
    """float[N, 3, H, W] of any size to logits [N, classes, ceil(H / 8), ceil(W / 8)]; in training mode with those of the auxiliary head."""

    training_only = ("aux",)

    def __init__(self, classes: int, *, depth: int, align_corners: bool, width: float) -> None:
        super().__init__()
        self.backbone = ResNetTrunk(depth, dilation=Dilation(8, contract=False), deep_stem=STEM, width=width)
        *_, third, last = self.backbone.channels
        reduced = max(1, last // len(BINS))
        self.ppm = PyramidPooling(last, reduced, BINS, align_corners=align_corners)
        self.cls = head(last + len(BINS) * reduced, scaled(512, width), classes)
        self.aux = head(third, scaled(256, width), classes)
        he_initialise(self.ppm)

    def forward(self, x: Tensor) -> Tensor | TrainingOutput:
        """Logits of ``x`` at stride 8."""
        *_, third, last = self.backbone(x)
        logits = self.cls(self.ppm(last))
        if not self.training:
            return logits  # type: ignore[no-any-return]
        return TrainingOutput(logits, (AuxLogits(self.aux(third), AUX_WEIGHT),))


def _pspnet(name: str, depth: int, labels: LabelSpace, width: float, align_corners: bool) -> Segmenter:
    network = PSPNet(len(labels.classes), depth=depth, align_corners=align_corners, width=width)
    arguments = {"width": width, "align_corners": align_corners}
    rule, grid = InputRule(divisor=8, remainder=1) if align_corners else InputRule(), grid_of(align_corners=align_corners)
    return Segmenter(name, network, labels, PAPER, input_rule=rule, arguments=arguments, grid=grid)


def pspnet_r50(labels: LabelSpace, *, width: float = 1.0, align_corners: bool = True) -> Segmenter:
    """On ResNet-50. ``align_corners`` is how pyramid pooling resizes its averages, and the evaluation its logits."""
    return _pspnet("pspnet_r50", 50, labels, width, align_corners)


def pspnet_r101(labels: LabelSpace, *, width: float = 1.0, align_corners: bool = True) -> Segmenter:
    """:func:`pspnet_r50` on ResNet-101."""
    return _pspnet("pspnet_r101", 101, labels, width, align_corners)
