"""A network that looks at each pixel alone: two 1x1 convolutions."""

from __future__ import annotations

from torch import nn

from segbench.labels.space import LabelSpace
from segbench.models.segmenter import Segmenter


def pixelwise(labels: LabelSpace, *, channels: int = 16) -> Segmenter:
    """Scores from a pixel's colour, with ``channels`` hidden channels."""
    network = nn.Sequential(nn.Conv2d(3, channels, 1), nn.ReLU(), nn.Conv2d(channels, len(labels.classes), 1))
    return Segmenter("pixelwise", network, labels, arguments={"channels": channels})
