"""FCN-32s, -16s and -8s on VGG16, and the 8s that is trained at once.

Paper: Long, Shelhamer & Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, arXiv 1411.4038; the at-once variant
is from the extended version, TPAMI 2017, arXiv 1605.06211. Reference: github.com/shelhamer/fcn.berkeleyvision.org (Caffe).

As in the reference: the image is padded by 100 inside the first convolution so that the 7x7 *valid* fc6 fits any image; pools round up;
score layers start at zero; a skip is cropped, then *summed*; the crop offsets are the prototxts' and exact only with these pads and pools;
dropout is element-wise. All transposed convolutions are bilinear and frozen, as in the released code; the CVPR text learns the inner ones
(``learn_upsampling=True`` learns all). Frozen ones count in params_total and not among the trainable parameters.

What differs: the trunk and fc6, fc7 start from He's normal distribution, so that the network trains without ImageNet weights; inputs are
normalised as torchvision's weights want them, where the Caffe weights want BGR bytes minus (104.007, 116.669, 122.679) and a standard
deviation of 1, hence larger maps of pool3 and pool4. The at-once factors are kept as published although they were chosen for those.
"""

from __future__ import annotations

from torch import Tensor, nn

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import bilinear_deconv, crop, he_initialise, scaled
from segbench.models.layers.vgg import VGG16
from segbench.models.segmenter import Paper, Segmenter

CVPR = Paper(
    "Fully Convolutional Networks for Semantic Segmentation", "J. Long, E. Shelhamer, T. Darrell", 2015, "https://arxiv.org/abs/1411.4038"
)
TPAMI = Paper(
    "Fully Convolutional Networks for Semantic Segmentation", "E. Shelhamer, J. Long, T. Darrell", 2017, "https://arxiv.org/abs/1605.06211"
)

SKIP_OFFSET = {"pool4": 5, "pool3": 9}
SCORE_OFFSET = {32: 19, 16: 27, 8: 31}


class Head(nn.Sequential):
    """VGG16's first two fully connected layers as convolutions: the first sees 7x7 and takes 6 off each side."""

    def __init__(self, in_channels: int, channels: int) -> None:
        fc6, fc7 = nn.Conv2d(in_channels, channels, 7), nn.Conv2d(channels, channels, 1)
        super().__init__(fc6, nn.ReLU(inplace=True), nn.Dropout(0.5), fc7, nn.ReLU(inplace=True), nn.Dropout(0.5))
        he_initialise(self)


def score_layer(in_channels: int, classes: int) -> nn.Conv2d:
    """A 1x1 convolution to class scores that starts at zero, so that a new stream begins as a no-op. It gets its gradient first."""
    layer = nn.Conv2d(in_channels, classes, 1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class FCN(nn.Module):
    """float[N, 3, H, W] of any size to logits [N, classes, H, W].

    ``skips`` maps the pools whose scores are added, the coarsest first, to the factor on the pool's map.
    """

    def __init__(self, classes: int, *, skips: dict[str, float], width: float, head_channels: int, learn_upsampling: bool) -> None:
        super().__init__()
        self.trunk = VGG16(ceil_mode=True, padding=100, width=width)
        pools = dict(zip(("pool1", "pool2", "pool3", "pool4", "pool5"), self.trunk.channels, strict=True))
        self.head = Head(pools["pool5"], head_channels)
        self.skips = skips
        self.stride = 32 >> len(skips)
        self.score = score_layer(head_channels, classes)
        self.skip_scores = nn.ModuleDict({pool: score_layer(pools[pool], classes) for pool in skips})
        self.upscore_2 = nn.ModuleDict({pool: bilinear_deconv(classes, 4, 2, learn_upsampling) for pool in skips})
        self.upscore = bilinear_deconv(classes, 2 * self.stride, self.stride, learn_upsampling)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the size of ``x``."""
        maps = {f"pool{number}": stage.pooled for number, stage in enumerate(self.trunk(x), start=1)}
        score = self.score(self.head(maps["pool5"]))
        for pool, factor in self.skips.items():
            score = self.upscore_2[pool](score)
            score = score + crop(self.skip_scores[pool](maps[pool] * factor), score, SKIP_OFFSET[pool])
        return crop(self.upscore(score), x, SCORE_OFFSET[self.stride])


def _fcn(
    name: str, skips: dict[str, float], labels: LabelSpace, paper: Paper, width: float, head_channels: int | None, learn_upsampling: bool
) -> Segmenter:
    head = scaled(4096, width) if head_channels is None else head_channels
    network = FCN(len(labels.classes), skips=skips, width=width, head_channels=head, learn_upsampling=learn_upsampling)
    arguments = {"width": width, "head_channels": head_channels, "learn_upsampling": learn_upsampling}
    return Segmenter(name, network, labels, paper, arguments=arguments)


def fcn32s(labels: LabelSpace, *, width: float = 1.0, head_channels: int | None = None, learn_upsampling: bool = False) -> Segmenter:
    """Scores at stride 32, upsampled at once. ``head_channels`` is the width of fc6 and fc7, by default ``4096 * width``."""
    return _fcn("fcn32s", {}, labels, CVPR, width, head_channels, learn_upsampling)


def fcn16s(labels: LabelSpace, *, width: float = 1.0, head_channels: int | None = None, learn_upsampling: bool = False) -> Segmenter:
    """:func:`fcn32s` with the scores of pool4 added."""
    return _fcn("fcn16s", {"pool4": 1.0}, labels, CVPR, width, head_channels, learn_upsampling)


def fcn8s(labels: LabelSpace, *, width: float = 1.0, head_channels: int | None = None, learn_upsampling: bool = False) -> Segmenter:
    """:func:`fcn16s` with the scores of pool3 added: the published best, trained from a trained 16s."""
    return _fcn("fcn8s", {"pool4": 1.0, "pool3": 1.0}, labels, CVPR, width, head_channels, learn_upsampling)


def fcn8s_atonce(labels: LabelSpace, *, width: float = 1.0, head_channels: int | None = None, learn_upsampling: bool = False) -> Segmenter:
    """:func:`fcn8s` with the maps of the skips scaled down, so that its three streams can be trained together."""
    return _fcn("fcn8s_atonce", {"pool4": 0.01, "pool3": 0.0001}, labels, TPAMI, width, head_channels, learn_upsampling)
