"""Scores of many data sets at once: what :mod:`segbench.metrics.scores` does with one confusion matrix, for R of them in one pass.

Scores need only sums that are linear in the matrix, so int64[C, C+1] shrinks to a column of ``S = 3 C + K`` numbers::

    hits[C]  targets[C]  preds[C]  hits within the category[K]

and each of :data:`STATISTICS` that was counted beside it adds its own. Columns add up as matrices do. What is undefined, and what leaves a
mean, is as for a single matrix; a test holds the formulas here and there together.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelSpace
from segbench.metrics.extras import STATISTICS
from segbench.metrics.matrices import Matrices
from segbench.metrics.statistic import Floats, Kind, Sums, divide, mean_of_classes, mean_of_rows

OF_PAIRS: dict[str, Kind] = {
    **dict.fromkeys(("acc", "acc_cls", "miou", "fwiou"), "one"),
    **dict.fromkeys(("class_iou", "class_acc", "class_precision", "class_dice"), "class"),
    **dict.fromkeys(("dice", "precision"), "one"),
    "category_miou": "one",
    "category_iou": "category",
}
"""The scores of a confusion matrix, by field name of :class:`~segbench.metrics.scores.Scores`."""

KINDS: dict[str, Kind] = {**OF_PAIRS, **{name: kind for each in STATISTICS.values() for name, kind in each.names.items()}}
"""Every score that needs no setting, and of what it is."""


def kind_of(score: str) -> Kind:
    """Of what a score is.

    :raises KeyError: there is no such score.
    """
    kind = KINDS.get(score) or STATISTICS.kind(score)
    if kind is None:
        raise KeyError(score)
    return kind


@dataclass(frozen=True, eq=False)
class PerImage:
    """All that was counted in N images: ``counts`` are the confusion matrix of each, int64[N, C, C+1], or the same as the cells that occur.

    ``beside``: by name what else was counted, an array of N for each of :data:`~segbench.metrics.extras.STATISTICS` that was asked for.
    ``boundary`` int64[N, C, 3] (:class:`~segbench.metrics.boundary_iou.Boundaries`); ``instances`` float64[N, C, 2], weighted hits and
    misses (:class:`~segbench.metrics.instance_iou.InstanceScores`); ``segments`` float64[N, 2], V_rand and V_info, which are means over
    images and not sums (:mod:`segbench.metrics.region_scores`); ``errors`` int64[N, C, 5, 2], wrong pixels by class and cause, with
    ``sizes`` int64[N, C, 3, 4] (:class:`~segbench.metrics.error_causes.Errors`); ``trimap`` int64[N, C, W, 3]
    (:class:`~segbench.metrics.trimap.Trimap`); ``calibration`` float64[N, S] (:class:`~segbench.metrics.calibration.Calibration`);
    ``ood`` int64[N, 4, 2, 255] and ``ood_by_image`` float64[N, 4, 3], scores of anomaly (:mod:`segbench.metrics.ood`).
    """

    counts: NDArray[np.int64] | Matrices
    beside: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def matrices(self) -> Matrices:
        """The confusion matrices as the cells that occur.

        :raises ValueError: they are not int64[N, C, C+1].
        """
        return self.counts if isinstance(self.counts, Matrices) else Matrices.of(self.counts)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """int64[N, C, C+1]: the confusion matrices, all at once, for few and small ones."""
        return self.counts.dense() if isinstance(self.counts, Matrices) else self.counts

    @property
    def extras(self) -> tuple[str, ...]:
        """Which of :data:`STATISTICS` were counted, in their order."""
        return STATISTICS.known(self.beside)

    def only(self, extras: Sequence[str]) -> PerImage:
        """The same without other extras than these."""
        return PerImage(self.counts, {name: self.beside[name] for name in extras})

    def without(self, extras: Sequence[str]) -> PerImage:
        """The same without these extras, if they are there."""
        return self.only([name for name in self.extras if name not in extras])


def score_names(labels: LabelSpace, extras: Sequence[str] = ()) -> list[str]:
    """The scores that there are in a label space, and of the extras, in order."""
    of_pairs = [name for name in OF_PAIRS if labels.categories or not name.startswith("category")]
    return [*of_pairs, *(name for extra in extras for name in STATISTICS[extra].names)]


def units_of(labels: LabelSpace, counted: NDArray[np.int64] | PerImage, groups: Sequence[Hashable] | None) -> Floats:
    """float64[S, N]: a column for each image, or for each group of images.

    :param counted: of every image; the confusion matrices alone will do.
    :param groups: the group of each image; by default every image is its own.
    :raises ValueError: the shapes do not fit together.
    """
    counted = counted if isinstance(counted, PerImage) else PerImage(counted)
    _refuse_misshapen(labels, counted)
    if groups is not None and len(groups) != len(counted):
        raise ValueError(f"{len(groups)} groups for {len(counted)} images")
    size = numbers_of(labels, counted.extras)
    if groups is None:
        units = np.zeros((size, len(counted)))
        for first, block in unit_blocks(labels, counted):
            units[:, first : first + block.shape[1]] = block
        return units
    number = {group: index for index, group in enumerate(dict.fromkeys(groups))}
    of_images = np.array([number[group] for group in groups], np.intp)
    units = np.zeros((size, len(number)))
    for first, block in unit_blocks(labels, counted):
        np.add.at(units.T, of_images[first : first + block.shape[1]], block.T)
    return units


def unit_blocks(labels: LabelSpace, counted: PerImage, first: int = 0, last: int | None = None) -> Iterator[tuple[int, Floats]]:
    """The columns of :func:`units_of` of the images from ``first`` to before ``last``, some at a time: the first, and float64[S, n]."""
    _refuse_misshapen(labels, counted)
    matrices, categories = counted.matrices, len(labels.categories)
    category = np.append(labels.category_of_class, categories)
    for block, sums in matrices.sums(first, last):
        category_hits = np.zeros((block.number, categories + 1), np.int64)
        if categories:
            rows, columns = np.divmod(block.cells, matrices.classes + 1)
            of_column = category[columns]
            hit = (category[rows] == of_column) & (of_column < categories)
            np.add.at(category_hits, (block.image[hit], of_column[hit]), block.pixels[hit])
        images = slice(block.first, block.first + block.number)
        parts = [*sums, category_hits[:, :-1], *(STATISTICS[name].sums(counted.beside[name][images]) for name in counted.extras)]
        yield block.first, np.ascontiguousarray(np.concatenate(parts, axis=1).T, np.float64)


def numbers_of(labels: LabelSpace, extras: Sequence[str] = ()) -> int:
    """S: how many sums scores are made of."""
    return sum(_sizes(labels, extras))


def _sizes(labels: LabelSpace, extras: Sequence[str]) -> list[int]:
    classes = len(labels.classes)
    own = (STATISTICS[name].sums(np.zeros((1, *STATISTICS[name].shape(classes)))).size for name in extras)
    return [classes, classes, classes, len(labels.categories), *own]


def _refuse_misshapen(labels: LabelSpace, counted: PerImage) -> None:
    classes, counts = len(labels.classes), counted.counts
    if not isinstance(counts, Matrices) and (counts.dtype != np.int64 or counts.shape != (len(counts), classes, classes + 1)):
        raise ValueError(f"matrices must be int64[N, {classes}, {classes + 1}], not {counts.dtype}{list(counts.shape)}")
    matrices = counted.matrices
    if matrices.classes != classes:
        raise ValueError(f"matrices must be of {classes} classes, not of {matrices.classes}")
    for name in counted.extras:
        expected, shape = [len(matrices), *STATISTICS[name].shape(classes)], list(counted.beside[name].shape)
        if shape != expected:
            raise ValueError(f"{name} must be {expected}, not {shape}")


def scores_of(labels: LabelSpace, sums: Floats, extras: Sequence[str] = ()) -> dict[str, Floats]:
    """Every score of R columns float64[S, R], by the names of :data:`KINDS`; those of the extras too."""
    hits, targets, preds, category_hits, *more = np.split(sums, np.cumsum(_sizes(labels, extras))[:-1])
    of_pairs = Sums(labels, hits, targets, preds, category_hits)
    scores = _scores_of_pairs(of_pairs)
    for name, own in zip(extras, more, strict=True):
        scores |= STATISTICS[name].scores(of_pairs, own)
    return scores


def _scores_of_pairs(sums: Sums) -> dict[str, Floats]:
    hits, targets, preds = sums.hits, sums.targets, sums.preds
    class_iou, class_acc = divide(hits, targets + preds - hits), divide(hits, targets)
    class_precision, class_dice = divide(hits, preds), divide(2 * hits, targets + preds)
    scores = {
        "acc": divide(hits.sum(axis=0), targets.sum(axis=0)),
        "acc_cls": mean_of_classes(sums.labels, class_acc),
        "miou": mean_of_classes(sums.labels, class_iou),
        "fwiou": divide((np.nan_to_num(class_iou) * targets).sum(axis=0), targets.sum(axis=0)),
        "class_iou": class_iou,
        "class_acc": class_acc,
        "class_precision": class_precision,
        "class_dice": class_dice,
        "dice": mean_of_classes(sums.labels, class_dice),
        "precision": mean_of_classes(sums.labels, class_precision),
    }
    if len(sums.category_hits):
        both = np.zeros((len(sums.category_hits) + 1, hits.shape[1]))
        np.add.at(both, sums.labels.category_of_class, targets + preds)
        category_iou = divide(sums.category_hits, both[:-1] - sums.category_hits)
        scores |= {"category_miou": mean_of_rows(category_iou), "category_iou": category_iou}
    return scores


def totals(labels: LabelSpace, counted: PerImage) -> dict[str, Floats]:
    """Every score of the images together: float64[], of classes float64[C], of categories float64[K]."""
    sums = total_of(labels, counted)
    return {name: values[..., 0] for name, values in scores_of(labels, sums, counted.extras).items()}


def total_of(labels: LabelSpace, counted: PerImage) -> Floats:
    """float64[S, 1]: the sums of all images together."""
    total = np.zeros((numbers_of(labels, counted.extras), 1))
    for _, block in unit_blocks(labels, counted):
        total += block.sum(axis=1, keepdims=True)
    return total


def mious_of(labels: LabelSpace, sums: Floats) -> Floats:
    """The mIoU alone of R columns, float64[R]."""
    hits, targets, preds = np.split(sums[: 3 * len(labels.classes)], 3)
    return mean_of_classes(labels, divide(hits, targets + preds - hits))
