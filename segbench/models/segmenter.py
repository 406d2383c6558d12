"""What a model is: a network plus what it takes to feed it bytes, and the one place where logits become a class map."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segbench.errors import UsageError
from segbench.kernels.bilinear import Grid
from segbench.kernels.upsampling import enlarged_classes, enlarged_logits
from segbench.labels.mapping import LabelMapping
from segbench.labels.space import LabelSpace
from segbench.models.outputs import Wanted, largest_magnitude, refuse_infinite, scores_in
from segbench.models.temperature import Temperature


@dataclass(frozen=True)
class Paper:
    """Where an architecture was published."""

    title: str
    authors: str
    year: int
    url: str


@dataclass(frozen=True)
class Normalize:
    """Turns bytes into what the network was trained on: ``(value - mean) / std`` of bytes (0..255), channels in ``order``.

    The defaults are ImageNet's statistics for RGB.

    >>> import segbench, torch
    >>> unit = segbench.Normalize(mean=(0, 0, 0), std=(255, 255, 255))  # for a network that was trained on 0..1
    >>> unit(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8)).flatten().tolist()
    [1.0, 1.0, 1.0]
    """

    mean: tuple[float, ...] = (123.675, 116.28, 103.53)
    std: tuple[float, ...] = (58.395, 57.12, 57.375)
    order: Literal["RGB", "BGR"] = "RGB"

    def __post_init__(self) -> None:
        """Check the numbers.

        :raises UsageError: they are not three finite ones of each, ``std`` is not positive, or the order is none.
        """
        three = len(self.mean) == len(self.std) == 3 and all(map(math.isfinite, (*self.mean, *self.std)))
        if not three or min(self.std) <= 0 or self.order not in ("RGB", "BGR"):
            found = f"mean {list(self.mean)}, std {list(self.std)} and order {self.order!r}"
            raise UsageError(f"normalisation by {found}: mean and std are three finite numbers each, std positive, and order is RGB or BGR")

    def __call__(self, images: Tensor) -> Tensor:
        """uint8[N, H, W, 3] RGB to float32[N, 3, H, W] on the same device, in channels-last memory as it came."""
        images = images.flip(3) if self.order == "BGR" else images
        number, height, width, channels = images.shape
        rows = images.reshape(number, height, width * channels).to(torch.float32, copy=True)
        mean, std = (_row_on_device(values, width, rows.device) for values in (self.mean, self.std))
        return rows.sub_(mean).div_(std).view(images.shape).permute(0, 3, 1, 2)


@lru_cache(maxsize=64)
def _row_on_device(values: tuple[float, ...], width: int, device: torch.device) -> Tensor:
    """float32[width * channels]: the values of a pixel, for a whole row: torch is slow with three numbers at a time.

    Copied to the device once: a copy from the host's memory would make the host wait in every pass.
    """
    with torch.inference_mode(False):
        return torch.tensor(values, device=device).repeat(width)


@dataclass(frozen=True)
class InputRule:
    """Sizes that a network accepts, and the context that its valid convolutions use up.

    The network sees an image mirrored outwards by ``context`` pixels on every side, and by as many more at the bottom and right as make
    each side at least ``min_size`` and equal to ``remainder`` modulo ``divisor``. Its logits cover the padded image without the context.

    >>> import segbench
    >>> segbench.InputRule(divisor=32).padded(360)
    384
    """

    divisor: int = 1
    remainder: int = 0
    min_size: int = 1
    context: int = 0

    def __post_init__(self) -> None:
        """Check the numbers.

        :raises UsageError: they are of no size.
        """
        if self.divisor < 1 or self.min_size < 1 or self.context < 0 or not 0 <= self.remainder < self.divisor:
            raise UsageError(f"{self}: divisor and min_size are positive, context is not negative, and remainder is below divisor")

    def padded(self, size: int) -> int:
        """Length of a side after padding."""
        length = max(size + 2 * self.context, self.min_size)
        return length + (self.remainder - length) % self.divisor

    def pad(self, images: Tensor) -> Tensor:
        """Mirror float[N, C, H, W] outwards to the padded size."""
        height, width = images.shape[-2:]
        if (self.padded(height), self.padded(width)) == (height, width):
            return images
        rows = _mirror_index(height, self.context, self.padded(height), images.device)
        columns = _mirror_index(width, self.context, self.padded(width), images.device)
        return images[..., rows[:, None], columns[None, :]]


@lru_cache(maxsize=64)
def _mirror_index(size: int, before: int, padded: int, device: torch.device) -> Tensor:
    """int64[padded] source index of each padded position, on the device: a triangle wave that does not repeat the edge, for any padding."""
    with torch.inference_mode(False):
        period = max(1, 2 * (size - 1))
        position = (torch.arange(padded) - before) % period
        return torch.minimum(position, period - position).to(device)


@dataclass(frozen=True)
class AuxLogits:
    """Logits of a head that exists only to train the network: float[N, C, h, w], and the weight of their loss.

    ``resize`` says how logits and target are brought to one size: the logits bilinearly to the target's, or the target (nearest) to theirs.
    """

    logits: Tensor
    weight: float = 1.0
    resize: Literal["logits", "target"] = "logits"


@dataclass(frozen=True)
class TrainingOutput:
    """What a network with auxiliary heads returns in training mode; in evaluation mode it returns ``logits`` alone.

    ``borders`` are logits float[N, 1, h, w] of semantic boundaries; ``border_loss`` says what trains them: DFN's focal loss, or PIDNet's
    balanced cross entropy, with which the loss of ``logits`` counts twice where a border is sure. Submodules that only training uses are
    named in the network's attribute ``training_only: tuple[str, ...]``; their parameters are not counted for inference.
    """

    logits: Tensor
    aux: tuple[AuxLogits, ...] = ()
    borders: tuple[Tensor, ...] = ()
    border_loss: Literal["focal", "balanced"] = "focal"


@dataclass(frozen=True)
class Runtime:
    """What a network is bound to that was not built here.

    ``only_size``: the one (height, width) of images that it takes, without being padded; ``largest``: the largest ones, ``None`` where any
    will do. ``batch``: how many images it computes at once. ``opaque``: another runtime computes it, so torch sees no operators.
    ``hides_weights``: torch sees not all of its parameters; ``file_bytes`` is the size of the files that hold them then. ``notes``: what
    else a reader must know of how it is fed. ``code_sha256``: checksum of code that is not of segbench.
    """

    only_size: tuple[int, int] | None = None
    largest: tuple[int | None, int | None] = (None, None)
    batch: int = 1
    opaque: bool = False
    hides_weights: bool = False
    file_bytes: int | None = None
    notes: tuple[str, ...] = ()
    code_sha256: str | None = None

    def fitting(self, size: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) nearest to one of images that it takes."""
        if self.only_size is not None:
            return self.only_size
        height, width = (side if high is None else min(side, high) for side, high in zip(size, self.largest, strict=True))
        return height, width


@dataclass(frozen=True)
class Segmenter:
    """A network and all that is needed to use it on bytes.

    ``network(x)`` maps float32[N, 3, H, W] to logits [N, C, h, w] that cover the same field of view at any stride; ``grid`` says where they
    lie among its pixels, as it was or will be trained. ``inputs`` names what it takes. ``factory(labels, **arguments)`` rebuilds it.
    ``channels``: the scores that are the classes of ``labels``, if others of ``scores`` are left out. ``output``: which of several outputs
    holds them, by its name; of a list its place. ``probabilities``: whether its scores are averaged over views as they are, and not their
    softmax. ``mapping``: what these classes stand for in the dataset that it runs on; ``None`` if they are the dataset's own.
    ``temperature``: what its logits are divided by where confidence is measured. ``called``: what tables call it, if not by its name.
    ``trained_on`` and ``weights_sha256`` say what it knows; ``None`` if it is random. ``runtime``: what its network is bound to.

    >>> import segbench, torch
    >>> network = torch.nn.Conv2d(3, 11, 1)
    >>> segmenter = segbench.Segmenter("mine", network, segbench.label_space("camvid"), trained_on={"dataset": "camvid", "split": "train"})
    >>> segmenter.device
    device(type='cpu')
    """

    name: str
    network: nn.Module
    labels: LabelSpace
    paper: Paper | None = None
    normalize: Normalize = Normalize()
    input_rule: InputRule = InputRule()
    inputs: tuple[str, ...] = ("rgb",)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    trained_on: Mapping[str, Any] | None = None
    weights_sha256: str | None = None
    channels: tuple[int, ...] | None = None
    scores: int | None = None
    output: str | int | None = None
    probabilities: bool = False
    grid: Grid = "half_pixel"
    called: str = ""
    mapping: LabelMapping | None = None
    temperature: Temperature | None = None
    runtime: Runtime = Runtime()

    @property
    def title(self) -> str:
        """What records, tables and files call it."""
        return self.called or self.name

    @property
    def device(self) -> torch.device:
        """Where the parameters live, or the buffers of a network without any; the CPU for one without either."""
        first = next(chain(self.network.parameters(), self.network.buffers()), None)
        return torch.device("cpu") if first is None else first.device

    @property
    def training_only(self) -> tuple[str, ...]:
        """The network's submodules that only training uses, as the network's attribute of this name says."""
        return tuple(getattr(self.network, "training_only", ()))


INPUT_CHANNELS = {"rgb": 3, "grey": 1, "depth": 1}


def example_inputs(segmenter: Segmenter, size: tuple[int, int], batch_size: int = 1) -> tuple[Tensor, ...]:
    """What the network takes for images of (height, width): noise of the padded size, a tensor for each of the segmenter's inputs."""
    height, width = (segmenter.input_rule.padded(side) for side in size)
    return tuple(torch.randn(batch_size, INPUT_CHANNELS[kind], height, width, device=segmenter.device) for kind in segmenter.inputs)


def forward(segmenter: Segmenter, images: Tensor, depth: Tensor | None = None) -> Tensor:
    """Logits of uint8[N, H, W, 3] on the network's device, at the network's own stride, of the *padded* image without its context.

    In training mode what the network returns may be a :class:`TrainingOutput`.

    :param depth: float32[N, H, W] as the dataset reads it; only networks with ``"depth"`` among their inputs see it.
    :raises ValueError: the network needs depth, and there is none.
    :raises NetworkError: the network gives something else than scores for each class; see :mod:`segbench.models.outputs`.
    """
    given = network_inputs(segmenter, images, depth)
    returned = segmenter.network(*given)
    if isinstance(returned, TrainingOutput):
        if segmenter.network.training:
            return returned  # type: ignore[return-value]
        returned = returned.logits
    return scores_of(segmenter, returned, given[0])


def network_inputs(segmenter: Segmenter, images: Tensor, depth: Tensor | None = None) -> tuple[Tensor, ...]:
    """What the network sees of uint8[N, H, W, 3] images and their depth: normalised, mirrored outwards to a size that it takes.

    :raises ValueError: the network needs depth, and there is none.
    """
    photographs = segmenter.input_rule.pad(segmenter.normalize(images))
    if "depth" not in segmenter.inputs:
        return (photographs,)
    if depth is None:
        raise ValueError(f"model {segmenter.name!r} needs depth float[N, H, W] beside the photographs")
    return photographs, segmenter.input_rule.pad(depth[:, None])


def scores_of(segmenter: Segmenter, returned: Any, given: Tensor) -> Tensor:
    """The scores of a segmenter's classes in what its network returned for the inputs ``given`` [N, 3, H, W].

    :raises NetworkError: there are none; see :mod:`segbench.models.outputs`.
    """
    output = None if segmenter.output is None else str(segmenter.output)
    scores = scores_in(returned, Wanted(segmenter.name, segmenter.scores or len(segmenter.labels.classes), output), given)
    return scores if segmenter.channels is None else scores.index_select(1, _channel_index(segmenter.channels, scores.device))


@lru_cache(maxsize=64)
def _channel_index(channels: tuple[int, ...], device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return torch.tensor(channels, device=device)


def logits_at(logits: Tensor, rule: InputRule, size: tuple[int, int], grid: Grid) -> Tensor:
    """Logits of the padded image, brought to full resolution (bilinear, from their ``grid``) and cropped to ``size``."""
    return enlarged_logits(logits, covered_size(rule, size), size, grid)


def covered_size(rule: InputRule, size: tuple[int, int]) -> tuple[int, int]:
    """(height, width) in pixels of what the logits of an image of ``size`` cover: the padded image without its context."""
    return rule.padded(size[0]) - 2 * rule.context, rule.padded(size[1]) - 2 * rule.context


def class_map(segmenter: Segmenter, images: Tensor, depth: Tensor | None = None) -> Tensor:
    """uint8[N, H, W] class indices of uint8[N, H, W, 3] images; both on the network's device. Ties go to the lower index."""
    return finish(segmenter, forward(segmenter, images, depth), (images.shape[1], images.shape[2]))


def finish(segmenter: Segmenter, logits: Tensor, size: tuple[int, int]) -> Tensor:
    """A segmenter's logits of any layout and precision to uint8[N, H, W] class indices at ``size``: the one argmax of the suite.

    It is that of :func:`logits_at` of contiguous float32 logits, without holding them: torch rounds other layouts in other ways.
    """
    return enlarged_classes(logits, covered_size(segmenter.input_rule, size), size, segmenter.grid)


@torch.inference_mode()
def predict(segmenter: Segmenter, images: NDArray[np.uint8], depth: NDArray[np.float32] | None = None) -> NDArray[np.uint8]:
    """Class indices uint8[N, H, W] of RGB images uint8[N, H, W, 3]. The network must be in evaluation mode.

    :param depth: float32[N, H, W] for networks that take it.
    :raises ValueError: the images are not uint8[N, H, W, 3], depth is missing or of another size, or the network is in training mode.
    :raises NetworkError: the network gives something else than finite scores for each class.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(f"images must be uint8[N, H, W, 3], not {images.dtype}{list(images.shape)}")
    if segmenter.network.training:
        raise ValueError(f"network {segmenter.name!r} is in training mode; call .eval() first")
    if depth is not None and depth.shape != images.shape[:3]:
        raise ValueError(f"depth must be float[N, H, W] of the images' size {list(images.shape[:3])}, not {list(depth.shape)}")
    planes = None if depth is None else torch.from_numpy(depth).to(segmenter.device)
    logits = forward(segmenter, torch.from_numpy(images).to(segmenter.device), planes)
    classes = finish(segmenter, logits, (images.shape[1], images.shape[2])).cpu().numpy()
    refuse_infinite(float(largest_magnitude(logits)), segmenter.name, "these images")
    return classes
