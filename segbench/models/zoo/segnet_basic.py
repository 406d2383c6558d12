"""SegNet-Basic: four 7x7 convolutions down, four up, 64 channels everywhere.

Paper: Badrinarayanan, Kendall & Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation", TPAMI 2017,
arXiv 1511.00561. Reference: github.com/alexgkendall/SegNet-Tutorial (Caffe, ``segnet_basic_train.prototxt``).

As in the reference: local response normalisation of the image, which is BGR bytes with no mean taken off (of unit-variance inputs it would
leave nothing changed); convolutions with bias and batch normalisation; ReLU in the encoder, none in the decoder; a 1x1 convolution to the
classes; pools round up, and unpooling is told the size before the pool.

The paper has no biases and counts 1.425 million parameters; this is the released network, 1.417 million at 11 classes. Running statistics
of batch normalisation stand in for the reference's recomputation after training.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import he_initialise, max_unpool, scaled
from segbench.models.segmenter import Normalize, Segmenter
from segbench.models.zoo.segnet import PAPER

LEVELS = 4
BGR_BYTES = Normalize(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), order="BGR")


def conv_bn(in_channels: int, channels: int) -> nn.Sequential:
    """A padded 7x7 convolution with bias, and batch normalisation."""
    return nn.Sequential(nn.Conv2d(in_channels, channels, 7, padding=3), nn.BatchNorm2d(channels))


class SegNetBasic(nn.Module):
    """float[N, 3, H, W] in 0..255, of any size, to logits [N, classes, H, W]."""

    def __init__(self, classes: int, *, width: float = 1.0) -> None:
        super().__init__()
        channels = scaled(64, width)
        self.normalise = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75)
        self.encoder = nn.ModuleList(conv_bn(channels if level else 3, channels) for level in range(LEVELS))
        self.decoder = nn.ModuleList(conv_bn(channels, channels) for _ in range(LEVELS))
        self.score = nn.Conv2d(channels, classes, 1)
        he_initialise(self.encoder)
        he_initialise(self.decoder, gain=1)
        he_initialise(self.score, gain=1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the size of ``x``."""
        x = self.normalise(x)
        undo = []
        for conv in self.encoder:
            x = F.relu(conv(x))
            size = (x.shape[-2], x.shape[-1])
            x, indices = F.max_pool2d(x, 2, ceil_mode=True, return_indices=True)
            undo.append((indices, size))
        for conv, (indices, size) in zip(self.decoder, reversed(undo), strict=True):
            x = conv(max_unpool(x, indices, size))
        return self.score(x)  # type: ignore[no-any-return]


def segnet_basic(labels: LabelSpace, *, width: float = 1.0) -> Segmenter:
    """The small network of the SegNet paper, for training from scratch."""
    network = SegNetBasic(len(labels.classes), width=width)
    return Segmenter("segnet_basic", network, labels, PAPER, normalize=BGR_BYTES, arguments={"width": width})
