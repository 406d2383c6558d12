"""What one image gives, and what many give together: the unit that is read, summed, kept in a journal and told in a record.

    ImageCounts     of one image: pair counts over bytes, and what else was counted in it
    Counted         of many, under one meaning of their bytes: sums, scores, and arrays by image

Everything in it is whole numbers but V_rand and V_info, so images can be counted anywhere, in any order, and put together afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.labels.decoding import Decoding
from segbench.labels.encodings import pairs_to_ids, to_ids
from segbench.labels.space import LabelSpace
from segbench.metrics.boundary_iou import Boundaries
from segbench.metrics.confusion import ConfusionMatrix, fold_cells
from segbench.metrics.image_scores import image_miou
from segbench.metrics.instance_iou import InstanceRule, InstanceScores, InstanceTable, Rows, weighted_sums
from segbench.metrics.pair_counts import PairCounts
from segbench.metrics.per_image import PerImage
from segbench.metrics.region_scores import SegmentScores, mean_scores
from segbench.metrics.scores import Scores, score


@dataclass(frozen=True, eq=False)
class Counting:
    """What is counted in every image beside pairs, and what bytes stand for.

    ``boundary``: pixels near the edges of classes, within this share of an image's diagonal. ``instances``: those of an instance map.
    ``segments``: regions of the class of this name.
    """

    decoding: Decoding
    boundary: float | None = None
    instances: InstanceRule | None = None
    segments: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data; :meth:`from_dict` reads it back."""
        instances = self.instances and {"divisor": self.instances.divisor, "average_size": dict(self.instances.average_size)}
        return {"decoding": self.decoding.to_dict(), "boundary": self.boundary, "instances": instances, "segments": self.segments}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Counting:
        """What :meth:`to_dict` gave.

        :raises KeyError, TypeError, ValueError, LabelError: something is missing or does not fit.
        """
        instances = data["instances"] and InstanceRule(**data["instances"])
        return cls(Decoding.from_dict(data["decoding"]), data["boundary"], instances, data["segments"])

    @cached_property
    def instance_table(self) -> InstanceTable | None:
        """Which instances count, and how much."""
        return InstanceTable(self.decoding.labels, self.instances) if self.instances else None


@dataclass(frozen=True, eq=False)
class ImageCounts:
    """Of one image under one model. What was not asked for is ``None``.

    ``pairs`` are over bytes; the others are over classes (:class:`Counting` says which). ``problem``: why the image cannot be scored, and
    ``way_out`` what helps.
    """

    pairs: PairCounts
    boundary: Boundaries | None = None
    instances: Rows | None = None
    segments: SegmentScores | None = None
    problem: str | None = None
    way_out: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; :meth:`from_dict` reads it back. What is ``None`` is left out."""
        data = {
            "pairs": self.pairs.to_rows(),
            "boundary": self.boundary and self.boundary.to_dict(),
            "instances": None if self.instances is None else self.instances.tolist(),
            "segments": self.segments and [None if math.isnan(value) else value for value in astuple(self.segments)],
            "problem": self.problem,
            "way_out": self.way_out or None,
        }
        return {name: value for name, value in data.items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], classes: int) -> ImageCounts:
        """Read plain data.

        :raises KeyError, TypeError, ValueError: something is missing or does not fit.
        """
        boundary, instances, segments = (data.get(name) for name in ("boundary", "instances", "segments"))
        return cls(
            PairCounts.from_rows(data["pairs"]),
            None if boundary is None else Boundaries.from_dict(boundary, classes),
            None if instances is None else np.array(instances, np.int64).reshape(-1, 4),
            None if segments is None else SegmentScores(*(math.nan if value is None else float(value) for value in segments)),
            data.get("problem"),
            data.get("way_out", ""),
        )


@dataclass(frozen=True, eq=False)
class Counted:
    """Images ``ids`` and the counts of each, in the order of the data set."""

    counting: Counting
    ids: tuple[str, ...]
    images: tuple[ImageCounts, ...]

    @classmethod
    def of(cls, counting: Counting, items: Iterable[tuple[str, ImageCounts]]) -> Counted:
        """From (sample id, counts), as scoring and running yield them."""
        items = list(items)
        return cls(counting, tuple(name for name, _ in items), tuple(image for _, image in items))

    @property
    def labels(self) -> LabelSpace:
        """The classes that are compared."""
        return self.counting.decoding.labels

    @property
    def problems(self) -> list[str]:
        """One line for each image that cannot be scored."""
        return [f"{name}: {image.problem}" for name, image in zip(self.ids, self.images, strict=True) if image.problem]

    @property
    def ways_out(self) -> list[str]:
        """What helps against the problems, each once."""
        return list(dict.fromkeys(line for image in self.images if image.problem for line in image.way_out.splitlines()))

    @cached_property
    def confusions(self) -> NDArray[np.int64]:
        """int64[N, C, C+1]: the confusion matrix of every image."""
        decoding, classes = self.counting.decoding, len(self.labels.classes)
        image, cells, pixels = self._cells
        rows, columns = decoding.target_index[cells >> 8], decoding.pred_index[cells & 255]
        return fold_cells(image, rows, columns, pixels, (len(self.images), classes))

    @cached_property
    def confusion(self) -> ConfusionMatrix:
        """The confusion matrix of all images together."""
        return ConfusionMatrix(self.labels, self.confusions.sum(axis=0))

    @property
    def scores(self) -> Scores:
        """Every score of the confusion matrix."""
        return score(self.confusion)

    def worst(self, count: int) -> list[tuple[str, float]]:
        """The images with the lowest mIoU over their own classes, and that mIoU, the lowest first; never a score of the data set."""
        mious = image_miou(self.confusions)
        order = [int(index) for index in np.argsort(mious, kind="stable") if not np.isnan(mious[index])]
        return [(self.ids[index], round(float(mious[index]), 3)) for index in order[:count]]

    @cached_property
    def byte_pairs(self) -> NDArray[np.int64]:
        """int64[256, 256]: the pair counts of all images, over bytes."""
        _, cells, pixels = self._cells
        total = np.zeros(65536, np.int64)
        np.add.at(total, cells, pixels)
        return total.reshape(256, 256)

    @property
    def pairs(self) -> NDArray[np.int64]:
        """int64[256, 256]: the pair counts of all images, over label ids."""
        return pairs_to_ids(self.byte_pairs, self.counting.decoding.target_ids, self.counting.decoding.pred_ids)

    @cached_property
    def target_histograms(self) -> NDArray[np.int64]:
        """int64[N, 256]: the pixels of each target id in every image, void included."""
        image, cells, pixels = self._cells
        histograms = np.zeros((len(self.images), 256), np.int64)
        np.add.at(histograms.reshape(-1), image * 256 + (cells >> 8), pixels)
        return to_ids(histograms, self.counting.decoding.target_ids)

    @property
    def boundary(self) -> Boundaries | None:
        """Pixels near the edges of classes, of all images together."""
        counted = self._all("boundary")
        return Boundaries.total(counted) if counted else None

    @property
    def segments(self) -> SegmentScores | None:
        """The means of V_rand and V_info over the images."""
        return None if self.per_image.segments is None else mean_scores(self.per_image.segments)

    @cached_property
    def instances(self) -> InstanceScores | None:
        """The weighted instances of all images together, for iIoU."""
        counted = self._all("instances")
        table = self.counting.instance_table
        return InstanceScores(table, np.concatenate(counted)) if counted and table else None

    @cached_property
    def per_image(self) -> PerImage:
        """The same as arrays, an entry for each image."""
        boundary, instances, segments = (self._all(name) for name in ("boundary", "instances", "segments"))
        return PerImage(
            self.confusions,
            np.stack([image.counts for image in boundary]) if boundary else None,
            self._weighted(instances) if instances else None,
            np.array([astuple(image) for image in segments]) if segments else None,
        )

    def _all(self, name: str) -> list[Any]:
        """What was counted under this name in every image; empty if it was not counted."""
        values = [getattr(image, name) for image in self.images]
        return [] if any(value is None for value in values) else values

    def _weighted(self, rows: Sequence[Rows]) -> NDArray[np.float64]:
        assert self.counting.instance_table is not None
        image = np.repeat(np.arange(len(rows)), [len(each) for each in rows])
        return weighted_sums(self.counting.instance_table, np.concatenate(rows), image, len(rows))

    @cached_property
    def _cells(self) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.int64]]:
        """The image, the cell and the pixels of every cell of every image."""
        if not self.images:
            return np.zeros(0, np.intp), np.zeros(0, np.int32), np.zeros(0, np.int64)
        pairs = [image.pairs for image in self.images]
        image = np.repeat(np.arange(len(pairs)), [len(each.cells) for each in pairs])
        return image, np.concatenate([each.cells for each in pairs]), np.concatenate([each.pixels for each in pairs])
