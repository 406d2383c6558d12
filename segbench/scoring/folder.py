"""Folders of label maps to pair counts: every pair is read once, every bad file is named, nothing is scored unless all are good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset
from segbench.errors import DataError, LabelError
from segbench.labels.decoding import Decoding
from segbench.labels.encodings import Encoding, pairs_to_ids, to_ids
from segbench.labels.mapping import LabelMapping
from segbench.metrics.boundary_iou import Boundaries
from segbench.metrics.confusion import ConfusionMatrix, fold_pairs
from segbench.metrics.instance_iou import InstanceHits, InstanceScores
from segbench.metrics.per_image import PerImage
from segbench.scoring.encoding_check import refuse_misreading, refuse_suspects, way_out_of
from segbench.scoring.pair_counting import PairCounts, count_folder
from segbench.scoring.pairing import pair_predictions

BATCH = 16  # pairs whose counts are folded at once, at most


@dataclass(frozen=True)
class FolderScores:
    """A scored folder. ``pairs`` int64[256, 256] over label ids; what was counted in every image; targets as (sample id, histogram).

    ``boundaries`` of every image, if they were asked for. ``mapping`` says what the predictions' ids stood for, if not for the dataset's
    own classes; ``dataset.labels`` are the classes that were compared then.
    """

    dataset: Dataset
    pairs: NDArray[np.int64]
    per_image: PerImage
    target_histograms: list[tuple[str, NDArray[np.int64]]]
    instances: InstanceScores | None
    boundaries: tuple[Boundaries, ...] = ()
    mapping: LabelMapping | None = None

    @property
    def ids(self) -> list[str]:
        """The sample ids, in the order of the images."""
        return [sample_id for sample_id, _ in self.target_histograms]

    @property
    def confusion(self) -> ConfusionMatrix:
        """The confusion matrix of the whole folder."""
        return ConfusionMatrix.from_pairs(self.dataset.labels, self.pairs)


def score_folder(
    preds: Path,
    dataset: Dataset,
    *,
    encoding: Encoding = "auto",
    target_encoding: Encoding = "auto",
    workers: int = 2,
    boundary: float | None = None,
    mapping: LabelMapping | None = None,
    on_pair: Callable[[], None] = lambda: None,
) -> FolderScores:
    """Score a folder of label maps against a dataset.

    :param encoding: of the predictions; ``auto`` is label ids, and refuses what looks like something else.
    :param target_encoding: of the targets.
    :param boundary: also count the pixels near the edges of classes, within this share of an image's diagonal (for Boundary IoU).
    :param mapping: the predictions are in its source's label ids, and stand for classes of the dataset as it says.
    :raises DataError: naming every file that is missing, ambiguous, unreadable or of the wrong kind, and every foreign id.
    """
    pairing = pair_predictions(preds, dataset)
    problems, histograms = list(pairing.problems), list[tuple[str, NDArray[np.int64]]]()
    decoding = Decoding.of_files(dataset.labels, encoding=encoding, target_encoding=target_encoding, mapping=mapping)
    labels = decoding.labels
    dataset = replace(dataset, labels=labels)
    raw, classes = np.zeros((256, 256), np.int64), len(labels.classes)
    matrices = np.zeros((len(pairing.pairs), classes, classes + 1), np.int64)
    instances = InstanceScores(labels, dataset.instances) if dataset.instances else None
    boundaries: list[Boundaries] = []
    segments: list[tuple[float, float]] = []
    weighted: list[NDArray[np.float64]] = []
    counted = count_folder(pairing, dataset, decoding, workers=workers, boundary=boundary)
    for batch in _batches(counted, on_pair):
        corners = _stacked([counts.corner for counts in batch])
        raw[: corners.shape[1], : corners.shape[2]] += corners.sum(axis=0)
        targets, preds = _histograms(corners.sum(axis=2)), _histograms(corners.sum(axis=1))
        good = []
        for index, counts in enumerate(batch):
            if problem := counts.problem or decoding.problem(targets[index], preds[index]):
                problems.append(f"{counts.sample.id}: {problem}")
                continue
            if instances is not None and counts.hits is not None:
                try:
                    weighted.append(instances.add(InstanceHits(counts.hits.values, to_ids(counts.hits.pred, decoding.pred_ids))))
                except LabelError as error:
                    problems.append(f"{counts.sample.id}: {error}")
                    continue
            boundaries += [counts.boundaries] if counts.boundaries else []
            segments += [astuple(counts.segments)] if counts.segments else []
            good.append(index)
        folded = fold_pairs(corners[good], decoding.target_index, decoding.pred_index, classes)
        matrices[len(histograms) :][: len(good)] = folded
        histograms += zip((batch[index].sample.id for index in good), to_ids(targets[good], decoding.target_ids), strict=True)
    refuse_suspects(raw, decoding, problems)
    refuse_misreading(raw, decoding, problems)
    if problems:
        summary = f"{len(problems)} of {len(dataset)} pairs cannot be scored, so nothing is:"
        raise DataError(summary, problems, way_out_of(raw, labels))
    total = pairs_to_ids(raw, decoding.target_ids, decoding.pred_ids)
    per_image = PerImage(
        matrices,
        np.stack([image.counts for image in boundaries]) if boundaries else None,
        np.stack(weighted) if weighted else None,
        np.array(segments) if segments else None,
    )
    return FolderScores(dataset, total, per_image, histograms, instances, tuple(boundaries), mapping)


def _batches(counted: Iterable[PairCounts], on_pair: Callable[[], None]) -> Iterator[list[PairCounts]]:
    """Some pairs at a time, for a call of numpy costs as much for one as for all of them."""
    batch = []
    for counts in counted:
        on_pair()
        batch.append(counts)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _stacked(corners: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """int64[N, R, K] of N corners of different size."""
    stack = np.zeros((len(corners), *np.max([corner.shape for corner in corners], axis=0)), np.int64)
    for row, corner in zip(stack, corners, strict=True):
        row[: corner.shape[0], : corner.shape[1]] = corner
    return stack


def _histograms(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[N, 256] of the counts of the first bytes."""
    histograms = np.zeros((len(counts), 256), np.int64)
    histograms[:, : counts.shape[1]] = counts
    return histograms
