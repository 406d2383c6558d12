"""SegFormer-B0 and -B2: a transformer of four strides whose attention looks at a coarser map, and a decoder of 1x1 layers.

Paper: Xie, Wang, Yu, Anandkumar, Alvarez & Luo, "SegFormer: Simple and Efficient Design for Semantic Segmentation with Transformers",
NeurIPS 2021, arXiv 2105.15203. Reference: github.com/NVlabs/SegFormer, ``mix_transformer.py`` and ``segformer_head.py``.

As in the reference: overlapping patches instead of position codes; keys and values reduced 8, 4, 2 and 1 times by a strided convolution; a
3x3 depthwise convolution in each feed-forward layer; stochastic depth up to 0.1, dropout of whole maps by 0.1 before the scores; epsilon of
1e-6 in the norms of blocks and stages (``norm_eps``; transformers has 1e-5) and torch's 1e-5 in those of patches and keys. The decoder has
256 channels in B0 and 768 in B2, as in the official configuration (mmseg has 256 everywhere). Resizing has ``align_corners=False``. Any
size from 29 is taken as it is.

What differs: names of parameters; the reference's ``conv_seg``, which is never used, is left out. ``width`` scales the channels of an
attention head, so that the heads always divide them. Smaller images are mirrored to 29, where the reference fails.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import scaled
from segbench.models.segmenter import InputRule, Paper, Segmenter

PAPER = Paper(
    "SegFormer: Simple and Efficient Design for Semantic Segmentation with Transformers",
    "E. Xie, W. Wang, Z. Yu, A. Anandkumar, J. M. Alvarez, P. Luo",
    2021,
    "https://arxiv.org/abs/2105.15203",
)
HEADS = (1, 2, 5, 8)
REDUCTIONS = (8, 4, 2, 1)
PATCHES = ((7, 4), (3, 2), (3, 2), (3, 2))
DROP_PATH = 0.1
# The map at stride 4 must hold one window of the reduction by 8.
INPUT_RULE = InputRule(min_size=29)
NORM_EPS = 1e-6


class Size(NamedTuple):
    """Channels of an attention head; blocks of each stage; channels of the decoder."""

    head_channels: int
    depths: tuple[int, int, int, int]
    decoder: int


B0 = Size(32, (2, 2, 2, 2), 256)
B2 = Size(64, (3, 4, 6, 3), 768)


def tokens(maps: Tensor) -> Tensor:
    """float[N, C, H, W] to float[N, H * W, C]."""
    return maps.flatten(2).transpose(1, 2)


def maps(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """float[N, H * W, C] to float[N, C, H, W]."""
    image: Tensor = tokens.transpose(1, 2).unflatten(2, size)
    return image


class Attention(nn.Module):
    """Multi-head attention of every position to a map ``reduction`` times coarser."""

    def __init__(self, channels: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(channels, channels)
        self.kv = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)
        self.reduce = nn.Conv2d(channels, channels, reduction, reduction) if reduction > 1 else None
        self.norm = nn.LayerNorm(channels) if reduction > 1 else None

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """float[N, H * W, C] to the same."""
        source = x
        if self.reduce is not None and self.norm is not None:
            source = self.norm(tokens(self.reduce(maps(x, size))))
        key, value = self.kv(source).chunk(2, -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.q(x), key, value))
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class MixFFN(nn.Module):
    """A linear layer to four times the channels, a 3x3 depthwise convolution, GELU, a linear layer back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.dwconv = nn.Conv2d(4 * channels, 4 * channels, 3, padding=1, groups=4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """float[N, H * W, C] to the same."""
        return self.fc2(F.gelu(tokens(self.dwconv(maps(self.fc1(x), size)))))  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention and feed-forward, each normalised first, added to its input, and skipped for an image with probability ``drop``."""

    def __init__(self, channels: int, heads: int, reduction: int, drop: float, norm_eps: float = NORM_EPS) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=norm_eps)
        self.attn = Attention(channels, heads, reduction)
        self.norm2 = nn.LayerNorm(channels, eps=norm_eps)
        self.mlp = MixFFN(channels)
        self.drop = drop

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """float[N, H * W, C] to the same."""
        x = x + self._survive(self.attn(self.norm1(x), size))
        return x + self._survive(self.mlp(self.norm2(x), size))

    def _survive(self, path: Tensor) -> Tensor:
        if not self.training or self.drop == 0:
            return path
        return path * F.dropout(path.new_ones(path.shape[0], 1, 1), self.drop)


class Stage(nn.Module):
    """Overlapping patches, blocks, a norm: float[N, in_channels, H, W] to float[N, channels, H / stride, W / stride]; sides round up."""

    def __init__(self, in_channels: int, patch: tuple[int, int], blocks: list[Block], norm_eps: float) -> None:
        super().__init__()
        kernel, stride = patch
        channels = blocks[0].norm1.normalized_shape[0]
        self.patch = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2)
        self.patch_norm = nn.LayerNorm(channels)
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(channels, eps=norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        """The stage's maps."""
        x = self.patch(x)
        size = (x.shape[-2], x.shape[-1])
        x = self.patch_norm(tokens(x))
        for block in self.blocks:
            x = block(x, size)
        return maps(self.norm(x), size)


class SegFormer(nn.Module):
    """float[N, 3, H, W] to logits [N, classes, H / 4, W / 4], rounded up; both sides are at least 29."""

    def __init__(self, classes: int, size: Size, *, width: float = 1.0, norm_eps: float = NORM_EPS) -> None:
        super().__init__()
        channels = [heads * scaled(size.head_channels, width) for heads in HEADS]
        decoder = scaled(size.decoder, width)
        drops = iter(torch.linspace(0, DROP_PATH, sum(size.depths), device="cpu").tolist())
        stages = zip([3, *channels], channels, PATCHES, HEADS, REDUCTIONS, size.depths, strict=False)
        self.stages = nn.ModuleList(
            Stage(before, patch, [Block(after, heads, reduction, next(drops), norm_eps) for _ in range(depth)], norm_eps)
            for before, after, patch, heads, reduction, depth in stages
        )
        self.linears = nn.ModuleList(nn.Linear(c, decoder) for c in channels)
        self.fuse = nn.Sequential(nn.Conv2d(4 * decoder, decoder, 1, bias=False), nn.BatchNorm2d(decoder), nn.ReLU(inplace=True))
        self.dropout = nn.Dropout2d(0.1)
        self.score = nn.Conv2d(decoder, classes, 1)
        initialise(self)
        nn.init.normal_(self.score.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at stride 4."""
        levels: list[Tensor] = []
        for stage, linear in zip(self.stages, self.linears, strict=True):
            x = stage(x)
            level = maps(linear(tokens(x)), (x.shape[-2], x.shape[-1]))
            finest = levels[0].shape[-2:] if levels else level.shape[-2:]
            levels.append(F.interpolate(level, size=finest, mode="bilinear", align_corners=False))
        # The coarsest first, as in the reference.
        return self.score(self.dropout(self.fuse(torch.cat(levels[::-1], 1))))  # type: ignore[no-any-return]


def initialise(network: nn.Module) -> None:
    """Linear weights from a normal of 0.02, cut at two (absolute), convolutions from He's by fan-out; biases zero."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
        elif isinstance(module, nn.Conv2d):
            fan_out = module.weight[0, 0].numel() * module.out_channels // module.groups
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        if isinstance(module, nn.Linear | nn.Conv2d) and module.bias is not None:
            nn.init.zeros_(module.bias)


def _segformer(name: str, size: Size, labels: LabelSpace, width: float, norm_eps: float) -> Segmenter:
    network = SegFormer(len(labels.classes), size, width=width, norm_eps=norm_eps)
    return Segmenter(name, network, labels, PAPER, input_rule=INPUT_RULE, arguments={"width": width, "norm_eps": norm_eps})


def segformer_b0(labels: LabelSpace, *, width: float = 1.0, norm_eps: float = NORM_EPS) -> Segmenter:
    """The smallest: 32 to 256 channels, two blocks a stage. ``norm_eps`` is that of the norms of blocks and stages."""
    return _segformer("segformer_b0", B0, labels, width, norm_eps)


def segformer_b2(labels: LabelSpace, *, width: float = 1.0, norm_eps: float = NORM_EPS) -> Segmenter:
    """:func:`segformer_b0` with 64 to 512 channels and 16 blocks."""
    return _segformer("segformer_b2", B2, labels, width, norm_eps)
