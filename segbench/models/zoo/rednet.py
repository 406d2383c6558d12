"""RedNet: two ResNet-50 encoders for colour and depth, and a decoder of residual blocks that is supervised at five sizes.

Paper: Jiang, Zheng, Luo & Zhang, "RedNet: Residual Encoder-Decoder Network for indoor RGB-D Semantic Segmentation", arXiv 1806.01054.
Reference: github.com/JindongJiang/RedNet (the authors'). RED-Net (image restoration) and RedNet (involution) are other networks.

As in the reference: depth has an encoder of its own with a one-channel stem, and after the stem and each stage its map is *added* to the
colour stream; the depth stream never sees colour. Skips pass a 1x1 convolution and are added. The last block of each decoder stage
enlarges, by a 3x3 transposed convolution and a 2x2 one as its shortcut. Four 1x1 heads on strides 2 to 16 are for training: labels shrink
to them (nearest), and all five losses weigh the same.

What differs: nothing in the network; weights start from He's normal distribution by fan-in. Depth comes in the units of its dataset: the
reference's mean 19050 and deviation 9650 belong to raw 16-bit SUN RGB-D, and Cityscapes gives disparity. To start from ImageNet, the
depth stem takes the mean over the colour stem's input channels.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.blocks import conv_norm_act, refuse_unless_divisible
from segbench.models.layers.layers import he_initialise, scaled
from segbench.models.layers.resnet import LEAST, ResNetTrunk
from segbench.models.segmenter import AuxLogits, InputRule, Paper, Segmenter, TrainingOutput

PAPER = Paper(
    "RedNet: Residual Encoder-Decoder Network for indoor RGB-D Semantic Segmentation",
    "J. Jiang, L. Zheng, F. Luo, Z. Zhang",
    2018,
    "https://arxiv.org/abs/1806.01054",
)
# Channels of the skips, after the stem and the four stages.
SKIP_WIDTHS = (64, 64, 128, 256, 512)
# The decoder's stages, the coarsest first: channels that come out, and blocks, of which the last enlarges.
DECODER = ((256, 6), (128, 4), (64, 3), (64, 3))
FINAL_BLOCKS = 3
STRIDE = 32


class DecoderBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut. With ``upsample`` the second is transposed, and the size doubles."""

    def __init__(self, in_channels: int, channels: int, *, upsample: bool) -> None:
        super().__init__()
        self.first = conv_norm_act(in_channels, in_channels)
        if upsample:
            second = nn.ConvTranspose2d(in_channels, channels, 3, 2, 1, output_padding=1, bias=False)
            enlarge = nn.ConvTranspose2d(in_channels, channels, 2, 2, bias=False)
            self.second = nn.Sequential(second, nn.BatchNorm2d(channels))
            self.shortcut: nn.Module = nn.Sequential(enlarge, nn.BatchNorm2d(channels))
        else:
            self.second = conv_norm_act(in_channels, channels, act=None)
            self.shortcut = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """ReLU of the sum."""
        return F.relu(self.second(self.first(x)) + self.shortcut(x))


def decoder_stage(in_channels: int, channels: int, blocks: int) -> nn.Sequential:
    """Blocks of ``in_channels``; the last enlarges and changes to ``channels``."""
    same = [DecoderBlock(in_channels, in_channels, upsample=False) for _ in range(blocks - 1)]
    return nn.Sequential(*same, DecoderBlock(in_channels, channels, upsample=True))


class RedNet(nn.Module):
    """Colour float[N, 3, H, W] and depth float[N, 1, H, W], both sides multiples of 32, to logits [N, classes, H, W]."""

    training_only = ("heads",)

    def __init__(self, classes: int, *, width: float = 1.0) -> None:
        super().__init__()
        colour, depth = ResNetTrunk(50, width=width), ResNetTrunk(50, in_channels=1, width=width)
        before = (colour.stem_channels, *colour.channels)
        skips = [scaled(w, width, LEAST) for w in SKIP_WIDTHS]
        outs = [scaled(channels, width, LEAST) for channels, _ in DECODER]
        self.skips = nn.ModuleList(conv_norm_act(i, o, 1) for i, o in zip(before, skips, strict=True))
        self.decoder = nn.ModuleList(
            decoder_stage(i, o, blocks) for i, o, (_, blocks) in zip([skips[-1], *outs[:-1]], outs, DECODER, strict=True)
        )
        self.final = nn.Sequential(*(DecoderBlock(outs[-1], outs[-1], upsample=False) for _ in range(FINAL_BLOCKS)))
        self.score = nn.ConvTranspose2d(outs[-1], classes, 2, stride=2)
        self.heads = nn.ModuleList(nn.Conv2d(channels, classes, 1) for channels in outs)
        he_initialise(self)
        he_initialise(self.score, gain=1)
        he_initialise(self.heads, gain=1)
        self.colour, self.depth = colour, depth  # last: they have initialised themselves

    def encode(self, rgb: Tensor, depth: Tensor) -> list[Tensor]:
        """The fused maps at strides 2, 4, 8, 16 and 32."""
        depth = self.depth.stem(depth)
        fused = [self.colour.stem(rgb) + depth]
        x, depth = self.colour.maxpool(fused[0]), self.depth.maxpool(depth)
        for stage in ("layer1", "layer2", "layer3", "layer4"):
            depth = getattr(self.depth, stage)(depth)
            x = getattr(self.colour, stage)(x) + depth
            fused.append(x)
        return fused

    def forward(self, rgb: Tensor, depth: Tensor | None = None) -> Tensor | TrainingOutput:
        """Logits at the size of ``rgb``; training also gets those at 1/16, 1/8, 1/4 and 1/2, for labels reduced to those sizes.

        :raises ValueError: there is no depth, it has another size, or a side is not a multiple of 32.
        """
        depth = checked_depth(rgb, depth)
        refuse_unless_divisible(rgb, STRIDE, "RedNet")
        *fine, x = (skip(fused) for skip, fused in zip(self.skips, self.encode(rgb, depth), strict=True))
        steps = []
        for stage, skip in zip(self.decoder, reversed(fine), strict=True):
            x = stage(x)
            steps.append(x)  # before the skip
            x = x + skip
        logits = self.score(self.final(x))
        if self.training:
            heads = zip(self.heads, steps, strict=True)
            return TrainingOutput(logits, tuple(AuxLogits(head(step), resize="target") for head, step in heads))
        return logits  # type: ignore[no-any-return]


def checked_depth(rgb: Tensor, depth: Tensor | None) -> Tensor:
    """The depth that belongs to ``rgb``.

    :raises ValueError: there is none, or its shape is not that of one plane for each image.
    """
    expected = (rgb.shape[0], 1, *rgb.shape[-2:])
    if depth is None:
        way_out = "use a dataset with depth, such as SUN RGB-D, or Cityscapes with its disparity"
        raise ValueError(f"RedNet needs depth float[N, 1, H, W] as its second input, and there is none: {way_out}")
    if tuple(depth.shape) != expected:
        raise ValueError(f"RedNet needs depth of shape {list(expected)} beside colour of {list(rgb.shape)}, not {list(depth.shape)}")
    return depth


def rednet(labels: LabelSpace, *, width: float = 1.0) -> Segmenter:
    """On two ResNet-50. Its inputs are colour and depth."""
    network = RedNet(len(labels.classes), width=width)
    rule = InputRule(divisor=STRIDE)
    return Segmenter("rednet", network, labels, PAPER, input_rule=rule, inputs=("rgb", "depth"), arguments={"width": width})
