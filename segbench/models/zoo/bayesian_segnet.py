"""Bayesian SegNet: SegNet's network and weights, with dropout in the six deepest blocks that stays on at test time.

Paper: Kendall, Badrinarayanan & Cipolla, "Bayesian SegNet: Model Uncertainty in Deep Convolutional Encoder-Decoder Architectures for Scene
Understanding", BMVC 2017, arXiv 1511.02680. Reference: github.com/alexgkendall/SegNet-Tutorial (``bayesian_segnet_inference.prototxt``).

As in the reference: element-wise dropout of 0.5 after pool3, pool4, pool5 and after the three coarsest groups of the decoder; a prediction
is the mean of the softmax over samples of the dropped units, its variance the uncertainty of the model. Parameters are named as in
segnet.py, so that its weights load.

What differs: the masks are a hash of a fixed seed and the position, and all images of a batch share them, so that a prediction
depends on its image alone. The part before pool3 has no dropout and runs once. ``samples=0`` is the paper's "weight averaging": one pass
without dropout.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.labels.space import LabelSpace
from segbench.models.layers.layers import max_unpool
from segbench.models.layers.vgg import Stage
from segbench.models.segmenter import Paper, Segmenter
from segbench.models.zoo.segnet import SegNet

PAPER = Paper(
    "Bayesian SegNet: Model Uncertainty in Deep Convolutional Encoder-Decoder Architectures for Scene Understanding",
    "A. Kendall, V. Badrinarayanan, R. Cipolla",
    2017,
    "https://arxiv.org/abs/1511.02680",
)
RATE = 0.5
FIRST_DROPPED_POOL = 3
LAST_DROPPED_GROUP = 3
SHIFTS, FACTORS = (16, 15, 16), (0x7FEB352D, 0x846CA68B)
MASKS = 2 * LAST_DROPPED_GROUP  # of a sample

Dropout = Callable[[Tensor], Tensor]


class BayesianSegNet(SegNet):
    """float[N, 3, H, W] of any size to logits [N, classes, H, W]; in evaluation mode the logarithm of the mean softmax of ``samples``.

    :param samples: 0 for one pass without dropout.
    :param seed: of the masks in evaluation mode; in training mode they come from torch's global generator, as ever.
    """

    def __init__(self, classes: int, *, width: float = 1.0, samples: int = 40, seed: int = 0) -> None:
        if samples < 0:
            raise ValueError(f"samples must not be negative, not {samples}; 0 means one pass without dropout")
        super().__init__(classes, width=width)
        self.samples = samples
        self.seed = seed

    def forward(self, x: Tensor) -> Tensor:
        """Logits at the size of ``x``."""
        if self.training or self.samples == 0:
            return self._finish(self._begin(x), lambda maps: F.dropout(maps, RATE, self.training))
        total: Tensor | None = None
        for logits in self.sample(x):
            log_probability = F.log_softmax(logits, 1)
            total = log_probability if total is None else torch.logaddexp(total, log_probability)
        assert total is not None
        return total - math.log(self.samples)

    def sample(self, x: Tensor) -> Iterator[Tensor]:
        """The logits [N, classes, H, W] of each sample in turn: what uncertainty is estimated from. Repeatable."""
        shallow = self._begin(x)
        for sample in range(self.samples):
            masks = itertools.count(sample * MASKS)
            yield self._finish(shallow, lambda maps, masks=masks: maps * _mask(maps, self.seed, next(masks)))  # type: ignore[misc]

    def _begin(self, x: Tensor) -> list[Stage]:
        """The stages up to the first with dropout."""
        return _stages(self._layers()[0], x, lambda maps: maps)

    def _finish(self, shallow: list[Stage], dropout: Dropout) -> Tensor:
        x = dropout(shallow[-1].pooled)
        stages = shallow + _stages(self._layers()[1], x, dropout)
        x = stages[-1].pooled
        for number, (stage, group) in enumerate(zip(reversed(stages), self.decoder, strict=True), start=1):
            x = group(max_unpool(x, stage.indices, stage.size))
            if number <= LAST_DROPPED_GROUP:
                x = dropout(x)
        return self.score(x)  # type: ignore[no-any-return]

    def _layers(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """The encoder, cut after the first pool with dropout."""
        layers = list(self.encoder.features)
        pools = [at for at, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
        cut = pools[FIRST_DROPPED_POOL - 1] + 1
        return layers[:cut], layers[cut:]


def _stages(layers: list[nn.Module], x: Tensor, dropout: Dropout) -> list[Stage]:
    """As :meth:`VGG16.forward`, with ``dropout`` after every pool."""
    stages = []
    for layer in layers:
        if isinstance(layer, nn.MaxPool2d):
            size = (x.shape[-2], x.shape[-1])
            x, indices = layer(x)
            x = dropout(x)
            stages.append(Stage(x, indices, size))
        else:
            x = layer(x)
    return stages


def _mask(maps: Tensor, seed: int, number: int) -> Tensor:
    """[1, C, H, W] of zeros and ones over the share kept: a hash of (seed, number of the mask, position), the same on every device."""
    if maps.is_meta:
        return maps.new_empty((1, *maps.shape[1:]))  # there are only shapes, and drawing takes long
    shape = maps.shape[1:]
    bits = torch.arange(shape.numel(), dtype=torch.int32, device=maps.device).bitwise_xor_(_signed(_mixed(_mixed(seed) + number)))
    for shift, factor in zip(SHIFTS, (*FACTORS, 1), strict=True):
        bits.bitwise_xor_(bits.bitwise_right_shift(shift).bitwise_and_((1 << (32 - shift)) - 1)).mul_(_signed(factor))
    return (bits >= 0).to(maps.dtype).div_(1 - RATE).reshape(1, *shape)  # the sign is as good a bit as any


def _mixed(value: int) -> int:
    """An unsigned 32-bit hash of an integer ("lowbias32", C. Wellons, github.com/skeeto/hash-prospector); :func:`_mask` has it in torch."""
    value &= 0xFFFFFFFF
    for shift, factor in zip(SHIFTS, (*FACTORS, 1), strict=True):
        value = (value ^ value >> shift) * factor & 0xFFFFFFFF
    return value


def _signed(value: int) -> int:
    """The signed 32-bit integer of the same bits."""
    return value - (1 << 32) if value >= 1 << 31 else value


def bayesian_segnet(labels: LabelSpace, *, width: float = 1.0, samples: int = 40, seed: int = 0) -> Segmenter:
    """SegNet with Monte Carlo dropout. Beyond about 40 samples the paper sees no improvement; its cost grows with their number."""
    network = BayesianSegNet(len(labels.classes), width=width, samples=samples, seed=seed)
    arguments = {"width": width, "samples": samples, "seed": seed}
    return Segmenter("bayesian_segnet", network, labels, PAPER, arguments=arguments)
