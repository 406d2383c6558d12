"""GCN, "Large Kernel Matters": k x k convolutions from the trunk to the classes, each as two separable branches.

Paper: Peng, Zhang, Yu, Luo & Sun, "Large Kernel Matters - Improve Semantic Segmentation by Global Convolutional Network", CVPR 2017,
arXiv 1703.02719. No official code; port: github.com/ZijunDeng/pytorch-semantic-segmentation. (Not a graph network, and not GCNet.)

As in the paper: everything behind the ResNet-152, at stride 32 and not dilated, is as wide as there are classes; a global convolution is
k x 1 then 1 x k, plus 1 x k then k x 1, with biases and *linear*: no normalisation, no ReLU; boundary refinement is a residual of two 3x3
convolutions on scores; there are nine, one after each global convolution, each sum and each of the last two enlargements. The paper's best
kernel is 15, which covers the whole 16 x 16 map of a 512 x 512 image; ports have 7 (:func:`gcn_k7`), which is not the paper's.

Enlarging is bilinear with aligned corners, as in the ports, or by learned transposed convolutions, as in the paper (``up="deconv"``, dense
4x4 without bias, 28,880 more parameters at 19 classes; they start bilinear).

What differs: no normalisation holds the scores, which sum four stages, two branches each, of maps that a deep trunk has made large; so the
global convolutions start small, and the second convolution of a refinement with a tenth of He's variance, or nine of them would double it
nine times. The paper's pre-training with global convolutions inside the trunk is left out.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import bilinear_deconv, he_initialise
from segbench.models.layers.resnet import ResNetTrunk
from segbench.models.segmenter import Paper, Segmenter

PAPER = Paper(
    "Large Kernel Matters - Improve Semantic Segmentation by Global Convolutional Network",
    "C. Peng, X. Zhang, G. Yu, G. Luo, J. Sun",
    2017,
    "https://arxiv.org/abs/1703.02719",
)
Up = Literal["bilinear", "deconv"]


def same_conv(in_channels: int, classes: int, kernel: tuple[int, int]) -> nn.Conv2d:
    """A convolution with bias and an odd kernel that keeps the size."""
    return nn.Conv2d(in_channels, classes, kernel, padding=(kernel[0] // 2, kernel[1] // 2))


class GlobalConv(nn.Module):
    """float[N, in_channels, h, w] to scores [N, classes, h, w] with a field of view of ``kernel`` x ``kernel``."""

    def __init__(self, in_channels: int, classes: int, kernel: int) -> None:
        super().__init__()
        column, row = (kernel, 1), (1, kernel)
        self.left = nn.Sequential(same_conv(in_channels, classes, column), same_conv(classes, classes, row))
        self.right = nn.Sequential(same_conv(in_channels, classes, row), same_conv(classes, classes, column))
        he_initialise(self, gain=0.25)

    def forward(self, x: Tensor) -> Tensor:
        """The sum of both orders."""
        return self.left(x) + self.right(x)  # type: ignore[no-any-return]


class BoundaryRefinement(nn.Module):
    """Scores [N, classes, h, w] plus a correction of their 5x5 neighbourhood."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(classes, classes, 3, padding=1)
        self.conv2 = nn.Conv2d(classes, classes, 3, padding=1)
        he_initialise(self.conv1)
        he_initialise(self.conv2, gain=0.1)

    def forward(self, x: Tensor) -> Tensor:
        """The corrected scores."""
        return x + self.conv2(F.relu(self.conv1(x)))  # type: ignore[no-any-return]


class Enlarge(nn.Module):
    """Scores [N, classes, h, w] to [N, classes, *size], where size is twice theirs or one less."""

    def __init__(self, classes: int, *, up: Up, align_corners: bool) -> None:
        super().__init__()
        self.deconv = bilinear_deconv(classes, 4, 2, trainable=True) if up == "deconv" else None
        self.align_corners = align_corners

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores at ``size``."""
        if self.deconv is None:
            return F.interpolate(x, size=size, mode="bilinear", align_corners=self.align_corners)
        height, width = size
        return self.deconv(x)[..., 1 : height + 1, 1 : width + 1]  # type: ignore[no-any-return]


class GCN(nn.Module):
    """float[N, 3, H, W] of any size to logits [N, classes, H, W].

    :raises ValueError: the kernel is even, or ``up`` is unknown.
    """

    def __init__(self, classes: int, *, depth: int, kernel: int, up: Up, align_corners: bool, width: float) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"the kernel of a global convolution must be odd to be centred, not {kernel}")
        if up not in ("bilinear", "deconv"):
            raise ValueError(f"up must be 'bilinear' or 'deconv', not {up!r}")
        self.trunk = ResNetTrunk(depth, width=width)
        self.global_convs = nn.ModuleList(GlobalConv(channels, classes, kernel) for channels in self.trunk.channels)
        self.refine_scores = nn.ModuleList(BoundaryRefinement(classes) for _ in range(4))
        self.enlarge = nn.ModuleList(Enlarge(classes, up=up, align_corners=align_corners) for _ in range(5))
        self.refine_enlarged = nn.ModuleList(BoundaryRefinement(classes) for _ in range(5))

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the size of ``x``."""
        height, width = x.shape[-2:]
        maps = zip(self.trunk(x), self.global_convs, self.refine_scores, strict=True)
        *finer, score = [refine(conv(stage)) for stage, conv, refine in maps]
        sizes = [(s.shape[-2], s.shape[-1]) for s in reversed(finer)] + [((height + 1) // 2, (width + 1) // 2), (height, width)]
        for step, size in enumerate(sizes):
            score = self.enlarge[step](score, size)
            if finer:
                score = score + finer.pop()
            score = self.refine_enlarged[step](score)
        return score  # type: ignore[no-any-return]


def _gcn(name: str, labels: LabelSpace, kernel: int, width: float, depth: int, up: Up, align_corners: bool) -> Segmenter:
    network = GCN(len(labels.classes), depth=depth, kernel=kernel, up=up, align_corners=align_corners, width=width)
    arguments = {"width": width, "depth": depth, "up": up, "align_corners": align_corners}
    return Segmenter(name, network, labels, PAPER, arguments=arguments)


def gcn(labels: LabelSpace, *, width: float = 1.0, depth: int = 152, up: Up = "bilinear", align_corners: bool = True) -> Segmenter:
    """The paper's kernel of 15. ``width`` scales the trunk; ``depth`` is its number of layers."""
    return _gcn("gcn", labels, 15, width, depth, up, align_corners)


def gcn_k7(labels: LabelSpace, *, width: float = 1.0, depth: int = 152, up: Up = "bilinear", align_corners: bool = True) -> Segmenter:
    """:func:`gcn` with the ports' kernel of 7."""
    return _gcn("gcn_k7", labels, 7, width, depth, up, align_corners)
