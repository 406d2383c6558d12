"""A network under a protocol: the views of an image that it is shown, and how their scores become one class map.

    image --resize--> view --windows--> logits --average--> view's logits --bilinear--> at the image's size
                                                    one view:      argmax of the logits
                                                    several views: argmax of the averaged probabilities

A network's own grid brings its logits to the size of what it saw; from a view's size to the image's they are resized by half pixels, as
the view was. A view is an enlargement of the image, possibly mirrored. Mirroring is undone before anything is added.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from segbench.evaluation.parsing import Size
from segbench.evaluation.protocol import Protocol, window_starts
from segbench.kernels.anomaly import count_anomalies
from segbench.kernels.bilinear import Grid
from segbench.kernels.confidence import count_confidence
from segbench.kernels.tempered import count_tempered
from segbench.kernels.upsampling import count_enlarged, enlarged_classes, enlarged_logits
from segbench.models.outputs import largest_magnitude
from segbench.models.segmenter import Segmenter, covered_size, forward, logits_at

LARGE = 1 << 28
"""Logits of an image from which on windows are counted band by band: 1 GB of them."""


@dataclass(frozen=True, eq=False)
class Beneath:
    """What is counted of the scores that lie beneath a class map, beside its pairs, in this order.

    ``confidence_of`` int32[256], the class index of each target byte, if confidence is counted
    (:func:`segbench.kernels.confidence.count_confidence`: float64[S]); ``role_of`` uint8[256], what each target byte is, if scores of
    anomaly are (:func:`segbench.kernels.anomaly.count_anomalies`: int64[L]). ``temperature``: what logits are divided by for both.
    ``inverses`` float32[G]: instead of confidence the NLL under several inverse temperatures
    (:func:`segbench.kernels.tempered.count_tempered`: float64[1 + 3 G]).
    """

    confidence_of: Tensor | None = None
    role_of: Tensor | None = None
    temperature: float = 1.0
    inverses: Tensor | None = None


CLASS_MAP_ALONE = Beneath()


@dataclass(frozen=True, eq=False)
class Scores:
    """float[N, C, h, w] of which the class map is the argmax, once they are brought to ``enlarged`` (bilinear) and cropped to ``size``.

    ``largest`` float32[]: the largest magnitude of all logits that they are made of, finite if these are. ``probabilities``: whether they
    are probabilities, and not logits.
    """

    values: Tensor
    largest: Tensor
    enlarged: Size
    size: Size
    grid: Grid = "half_pixel"
    probabilities: bool = False

    def class_map(self) -> Tensor:
        """uint8[N, H, W] class indices. Ties go to the lower index."""
        return enlarged_classes(self.values, self.enlarged, self.size, self.grid)

    def counts(self, targets: Tensor, beneath: Beneath = CLASS_MAP_ALONE) -> tuple[Tensor, ...]:
        """The class map, int64[N, 256, 256] pairs with ``targets`` uint8[N, H, W] of the same size, and the largest magnitude.

        Behind them comes what is counted ``beneath``.
        """
        classes, counts = count_enlarged(self.values, self.enlarged, targets, self.grid)
        more = list[Tensor]()
        kind: dict[str, Any] = {"probabilities": self.probabilities, "temperature": beneath.temperature}
        if beneath.inverses is not None and beneath.confidence_of is not None:
            indices = beneath.confidence_of[targets.int()]
            more.append(count_tempered(self.values, self.enlarged, indices, beneath.inverses, self.grid))
        elif beneath.confidence_of is not None:
            how = (self.enlarged, (classes, targets), beneath.confidence_of, self.grid)
            more.append(count_confidence(self.values, *how, **kind))
        if beneath.role_of is not None:
            more.append(count_anomalies(self.values, self.enlarged, beneath.role_of[targets.int()], self.grid, **kind))
        return classes, counts, self.largest, *more


@dataclass(frozen=True, eq=False)
class BandedScores:
    """The same of images whose logits are too many to be held at once: rows of windows, of which as many are held as windows overlap.

    Every number is added in the order in which the whole logits are, so every class is the same.
    """

    segmenter: Segmenter
    images: Tensor
    depth: Tensor | None
    protocol: Protocol

    def class_map(self) -> Tensor:
        """uint8[N, H, W] class indices. Ties go to the lower index."""
        return torch.cat([enlarged_classes(band, (band.shape[2], band.shape[3])) for band, _ in self._bands()], dim=1)

    def counts(self, targets: Tensor, beneath: Beneath = CLASS_MAP_ALONE) -> tuple[Tensor, ...]:
        """As :meth:`Scores.counts`."""
        found = list[tuple[Tensor, ...]]()
        for band, top in self._bands():
            size = (band.shape[2], band.shape[3])
            scores = Scores(band, largest_magnitude(band), size, size, probabilities=self.segmenter.probabilities)
            found.append(scores.counts(targets[:, top : top + size[0]].contiguous(), beneath))
        classes, counts, largest, *more = zip(*found, strict=True)
        sums = [torch.stack(each).sum(dim=0) for each in (counts, *more)]
        return torch.cat(classes, dim=1), sums[0], torch.stack(largest).amax(), *sums[1:]

    def _bands(self) -> Iterator[tuple[Tensor, int]]:
        """float32[N, C, r, W] logits of consecutive rows, and the first of these rows."""
        images, crop, stride = self.images, self.protocol.crop, self.protocol.stride
        assert crop is not None
        assert stride is not None
        height, width = images.shape[1], images.shape[2]
        crop = (min(crop[0], height), min(crop[1], width))
        tops = [*window_starts(height, crop[0], stride[0])]
        total = images.new_zeros((len(images), len(self.segmenter.labels.classes), crop[0], width), dtype=torch.float32)
        covered = images.new_zeros((crop[0], width), dtype=torch.float32)
        for top, following in zip(tops, [*tops[1:], height], strict=True):
            for left in window_starts(width, crop[1], stride[1]):
                rows, columns = slice(top, top + crop[0]), slice(left, left + crop[1])
                total[..., columns] += _window_logits(self.segmenter, images, self.depth, rows, columns)
                covered[:, columns] += 1
            done = following - top
            yield total[:, :, :done] / covered[:done], top
            kept = crop[0] - done
            if kept > 0:
                total[:, :, :kept], covered[:kept] = total[:, :, done:].clone(), covered[done:].clone()
            total[:, :, max(0, kept) :], covered[max(0, kept) :] = 0, 0


def protocol_scores(segmenter: Segmenter, images: Tensor, depth: Tensor | None, protocol: Protocol) -> Scores | BandedScores:
    """What a network says of uint8[N, H, W, 3] images, at the smallest size from which the class map follows.

    :param depth: float32[N, H, W], if the network takes it.
    """
    size = (images.shape[1], images.shape[2])
    if protocol.is_plain:
        logits = forward(segmenter, images, depth)
        covered = covered_size(segmenter.input_rule, size)
        return Scores(logits, largest_magnitude(logits), covered, size, segmenter.grid, segmenter.probabilities)
    if _in_windows_alone(protocol, size) and len(images) * len(segmenter.labels.classes) * size[0] * size[1] > LARGE:
        return BandedScores(segmenter, images, depth, protocol)
    views = (_view_logits(segmenter, images, depth, protocol, scale, mirrored) for scale, mirrored in protocol.views)
    if len(protocol.views) == 1 and protocol.post == "none":
        logits = next(views)
        return Scores(logits, largest_magnitude(logits), size, size, probabilities=segmenter.probabilities)
    scores: Tensor | None = None
    largest: list[Tensor] = []
    for logits in views:  # added one after the other: full-size scores of all views at once would not fit
        largest.append(largest_magnitude(logits))
        view_scores = enlarged_logits(logits, size, size)
        view_scores = view_scores if segmenter.probabilities else view_scores.softmax(1)
        scores = view_scores if scores is None else view_scores + scores
    assert scores is not None  # a protocol has one view at least
    scores = scores / len(protocol.views)
    if protocol.post == "dense-crf":
        scores = _refined(scores, images)
    return Scores(scores, torch.stack(largest).amax(), size, size, probabilities=True)


def _in_windows_alone(protocol: Protocol, size: Size) -> bool:
    """Whether an image is shown once, at its own size, in windows."""
    once = protocol.views == ((1.0, False),) and protocol.base_size(size) == size
    return once and protocol.crop is not None and protocol.post == "none"


def _view_logits(segmenter: Segmenter, images: Tensor, depth: Tensor | None, protocol: Protocol, scale: float, mirrored: bool) -> Tensor:
    """float32[N, C, h, w] logits of one view at its size, not mirrored any more."""
    size = (images.shape[1], images.shape[2])
    base = protocol.base_size(size)
    shown = (max(1, round(base[0] * scale)), max(1, round(base[1] * scale)))
    view, view_depth = _resize_images(images, shown), None if depth is None else _resize_depth(depth, shown)
    if mirrored:
        view, view_depth = view.flip(2), None if view_depth is None else view_depth.flip(2)
    logits = _windowed_logits(segmenter, view, view_depth, protocol)
    return logits.flip(3) if mirrored else logits


def _windowed_logits(segmenter: Segmenter, images: Tensor, depth: Tensor | None, protocol: Protocol) -> Tensor:
    """float32[N, C, h, w] logits at the images' size; averaged where windows overlap."""
    height, width = images.shape[1], images.shape[2]
    if protocol.crop is None or protocol.stride is None:
        logits = forward(segmenter, images, depth).float().contiguous()
        return logits_at(logits, segmenter.input_rule, (height, width), segmenter.grid)
    crop = (min(protocol.crop[0], height), min(protocol.crop[1], width))
    total = images.new_zeros((len(images), len(segmenter.labels.classes), height, width), dtype=torch.float32)
    covered = images.new_zeros((height, width), dtype=torch.float32)
    for top in window_starts(height, crop[0], protocol.stride[0]):
        for left in window_starts(width, crop[1], protocol.stride[1]):
            rows, columns = slice(top, top + crop[0]), slice(left, left + crop[1])
            total[..., rows, columns] += _window_logits(segmenter, images, depth, rows, columns)
            covered[rows, columns] += 1
    return total / covered


def _window_logits(segmenter: Segmenter, images: Tensor, depth: Tensor | None, rows: slice, columns: slice) -> Tensor:
    """float32[N, C, h, w] logits of a window, at its size."""
    window_depth = None if depth is None else depth[:, rows, columns]
    logits = forward(segmenter, images[:, rows, columns], window_depth).float().contiguous()
    return logits_at(logits, segmenter.input_rule, (rows.stop - rows.start, columns.stop - columns.start), segmenter.grid)


def _resize_images(images: Tensor, size: Size) -> Tensor:
    """Images [N, h, w, 3] at ``size``; values that had to be interpolated stay float32, they are not rounded to bytes."""
    if tuple(images.shape[1:3]) == size:
        return images
    planes = images.permute(0, 3, 1, 2).float()
    return F.interpolate(planes, size=size, mode="bilinear", align_corners=False, antialias=True).permute(0, 2, 3, 1)


def _resize_depth(depth: Tensor, size: Size) -> Tensor:
    """Depth [N, h, w] at ``size``, by nearest neighbour: a hole must not blend with what is beside it."""
    return F.interpolate(depth[:, None], size=size, mode="nearest-exact")[:, 0]


def _refined(scores: Tensor, images: Tensor) -> Tensor:
    from segbench.kernels.dense_crf import dense_crf  # numba: only where it is asked for

    refined = [dense_crf(score.cpu().numpy(), image.cpu().numpy()) for score, image in zip(scores, images, strict=True)]
    return torch.stack([torch.from_numpy(one) for one in refined]).to(scores.device)
