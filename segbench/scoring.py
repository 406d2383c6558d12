"""Folders of label maps to pair counts: every pair is read once, every bad file is named, nothing is scored unless all are good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from segbench.core.boundaries import Boundaries, boundary_sums, boundary_width
from segbench.core.boundary_counting import count_boundaries
from segbench.core.confusion import ConfusionMatrix, fold_pairs
from segbench.core.counting import count_corner
from segbench.core.encodings import (
    FOREIGN,
    Encoding,
    foreign_bytes,
    id_of_byte,
    pairs_to_ids,
    suspect_pred,
    suspect_target,
    to_ids,
)
from segbench.core.instances import InstanceHits, InstanceScores, count_instances
from segbench.core.labels import LabelSpace
from segbench.core.misreadings import misreading
from segbench.core.replicates import PerImage
from segbench.core.segments import SegmentScores
from segbench.core.watershed import cell_scores
from segbench.datasets.base import Dataset, Sample, read_instances
from segbench.datasets.colors import read_colored
from segbench.datasets.images import read_labels
from segbench.datasets.mapping import LabelMapping
from segbench.datasets.pairing import Pairing, pair_predictions
from segbench.datasets.streaming import map_shared
from segbench.errors import DataError, ImageError, LabelError

Reading = Literal["auto", "ids", "train-ids", "color"]
Item = TypeVar("Item")

TOGETHER = 8  # pairs that are handed to a thread at once, at most
BATCH = 16  # pairs whose counts are folded at once, at most


@dataclass(frozen=True)
class PairCounts:
    """Of one pair of label maps: pair counts over *bytes*, instance hits if the dataset has instances; or what is wrong with it.

    ``corner`` int64[R, K] is what :func:`~segbench.core.counting.count_corner` gives.
    ``boundaries``: pixels near the edges of classes, if they were asked for. ``segments``: V_rand and V_info, if the dataset has them.
    """

    sample: Sample
    corner: NDArray[np.int64]
    hits: InstanceHits | None = None
    problem: str | None = None
    boundaries: Boundaries | None = None
    segments: SegmentScores | None = None


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


def count_folder(
    pairing: Pairing,
    dataset: Dataset,
    *,
    encoding: Reading = "auto",
    target_encoding: Reading = "auto",
    workers: int = 2,
    boundary: float | None = None,
    mapping: LabelMapping | None = None,
) -> Iterator[PairCounts]:
    """Read and count every pair, in the dataset's order, on threads; memory does not grow with the number of pairs."""

    def count(pairs: Sequence[tuple[Sample, Path]]) -> list[PairCounts]:
        return [_count_pair(*pair, dataset, encoding, target_encoding, boundary, mapping) for pair in pairs]

    # Handing work to a thread costs a tenth of counting a pair; yet each thread needs several turns, or it waits for the last.
    at_once = max(1, min(TOGETHER, len(pairing.pairs) // (4 * workers)))
    parts = list(_split(pairing.pairs, at_once))
    return chain.from_iterable(map_shared(count, parts, workers))


def score_folder(
    preds: Path,
    dataset: Dataset,
    *,
    encoding: Reading = "auto",
    target_encoding: Reading = "auto",
    workers: int = 2,
    boundary: float | None = None,
    mapping: LabelMapping | None = None,
    on_pair: Callable[[], None] = lambda: None,
) -> FolderScores:
    """Score a folder of label maps against a dataset.

    :param encoding: how the predictions are written; ``auto`` is label ids, and refuses what looks like something else.
    :param target_encoding: likewise for the targets.
    :param boundary: also count the pixels near the edges of classes, within this share of an image's diagonal (for Boundary IoU).
    :param mapping: the predictions are in its source's label ids, and stand for classes of the dataset as it says.
    :raises DataError: naming every file that is missing, ambiguous, unreadable or of the wrong kind, and every foreign id.
    """
    pairing = pair_predictions(preds, dataset)
    problems, matrices, histograms = list(pairing.problems), [], []
    whole = dataset
    if mapping is not None:
        dataset = replace(dataset, labels=mapping.compared)
    labels = dataset.labels
    target_table, pred_table = id_of_byte(labels, _byte_encoding(target_encoding)), _pred_table(labels, encoding, mapping)
    pred_labels = mapping.source if mapping else labels
    raw = np.zeros((256, 256), np.int64)
    instances = InstanceScores(labels, dataset.instances) if dataset.instances else None
    boundaries: list[Boundaries] = []
    segments: list[tuple[float, float]] = []
    weighted: list[NDArray[np.float64]] = []
    readings: dict[str, Reading] = {"encoding": encoding, "target_encoding": target_encoding}
    counted = count_folder(pairing, dataset, **readings, workers=workers, boundary=boundary, mapping=mapping)
    for batch in _batches(counted, on_pair):
        corners = _stacked([counts.corner for counts in batch])
        raw[: corners.shape[1], : corners.shape[2]] += corners.sum(axis=0)
        targets, preds = _histograms(corners.sum(axis=2)), _histograms(corners.sum(axis=1))
        good = []
        for index, counts in enumerate(batch):
            sides = ("target", targets[index], target_table, labels), ("prediction", preds[index], pred_table, pred_labels)
            if problem := counts.problem or _foreign(*sides):
                problems.append(f"{counts.sample.id}: {problem}")
                continue
            if instances is not None and counts.hits is not None:
                try:
                    weighted.append(instances.add(InstanceHits(counts.hits.values, to_ids(counts.hits.pred, pred_table))))
                except LabelError as error:
                    problems.append(f"{counts.sample.id}: {error}")
                    continue
            boundaries += [counts.boundaries] if counts.boundaries else []
            segments += [astuple(counts.segments)] if counts.segments else []
            good.append(index)
        matrices.append(fold_pairs(corners[good], labels.index_of_id[target_table], labels.index_of_id[pred_table], len(labels.classes)))
        histograms += zip((batch[index].sample.id for index in good), to_ids(targets[good], target_table), strict=True)
    # Under a mapping the predictions' bytes cannot agree with the targets', so they look like nothing.
    reading = "ids" if mapping and encoding == "auto" else encoding
    _refuse_suspects(raw, whole, reading, target_encoding, problems)
    _refuse_misreading(raw, target_table, labels, reading, problems)
    if problems:
        summary = f"{len(problems)} of {len(dataset)} pairs cannot be scored, so nothing is:"
        raise DataError(summary, problems, _way_out(raw, labels))
    total = pairs_to_ids(raw, target_table, pred_table)
    per_image = PerImage(
        np.concatenate(matrices),
        np.stack([image.counts for image in boundaries]) if boundaries else None,
        np.stack(weighted) if weighted else None,
        np.array(segments) if segments else None,
    )
    return FolderScores(dataset, total, per_image, histograms, instances, tuple(boundaries), mapping)


def _count_pair(
    sample: Sample,
    path: Path,
    dataset: Dataset,
    encoding: Reading,
    target_encoding: Reading,
    boundary: float | None,
    mapping: LabelMapping | None,
) -> PairCounts:
    try:
        target = dataset.read_target(sample) if target_encoding != "color" else read_colored(sample.target, dataset.labels)
        pred = read_labels(path) if encoding != "color" else read_colored(path, mapping.source if mapping else dataset.labels)
        if pred.shape != target.shape:
            (height, width), (target_height, target_width) = pred.shape, target.shape
            raise ImageError(path, f"size {width}x{height}, its target is {target_width}x{target_height} (width x height)")
        hits = None
        if dataset.instances is not None:
            hits = count_instances(read_instances(sample, target.shape), pred, dataset.instances)
    except ImageError as error:
        return PairCounts(sample, np.zeros((0, 0), np.int64), problem=str(error))
    boundaries = segments = None
    labels = dataset.labels
    if boundary is not None or dataset.segments is not None:
        tables = (id_of_byte(labels, _byte_encoding(target_encoding)), _pred_table(labels, encoding, mapping))
        # What a foreign byte becomes does not matter: a pair that holds one is not scored.
        of_target, of_pred = (labels.index_of_id[table] for table in tables)
    if boundary is not None:
        width = boundary_width(target.shape, boundary)
        table = count_boundaries(target, pred, of_target, of_pred, len(labels.classes), width)
        boundaries = Boundaries(boundary_sums(table), boundary, (width,))
    if dataset.segments is not None:
        cells = labels.class_names.index(dataset.segments)
        segments = cell_scores(of_target[target] == cells, of_pred[pred] == cells)
    return PairCounts(sample, count_corner(target, pred), hits, boundaries=boundaries, segments=segments)


def _split(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


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


def _pred_table(labels: LabelSpace, encoding: Reading, mapping: LabelMapping | None) -> NDArray[np.int16]:
    """int16[256]: predicted byte to label id of ``labels``."""
    reading = _byte_encoding(encoding)
    return id_of_byte(labels, reading) if mapping is None else mapping.id_of_byte(reading)


def _byte_encoding(reading: Reading) -> Encoding:
    # Colours are decoded to label ids while reading.
    return "train-ids" if reading == "train-ids" else "ids"


def _foreign(*sides: tuple[str, NDArray[np.int64], NDArray[np.int16], LabelSpace]) -> str | None:
    for role, histogram, table, space in sides:
        if foreign := foreign_bytes(histogram, table):
            return f"{role} ids {foreign} are not in {space.name!r}"
    return None


def _refuse_suspects(raw: NDArray[np.int64], dataset: Dataset, encoding: Reading, target_encoding: Reading, problems: list[str]) -> None:
    """Say what the maps look like instead, from the counts of the whole set.

    :raises DataError: targets or predictions look like another encoding, and the reading was left to us.
    """
    labels = dataset.labels
    target_reading = suspect_target(labels, raw) if target_encoding == "auto" else None
    target_table = id_of_byte(labels, target_reading or _byte_encoding(target_encoding))
    pred_reading = suspect_pred(labels, raw, target_table) if encoding == "auto" else None
    if target_reading is None and pred_reading is None:
        return
    suspects = {"targets": (target_reading, "--target-encoding"), "predictions": (pred_reading, "--encoding")}
    summary = "; ".join(f"these {role} look like {r.replace('-', ' ')}, not like label ids" for role, (r, _) in suspects.items() if r)
    options = " ".join(f"{option} {r}" for r, option in suspects.values() if r)
    raise DataError(summary, problems, f"score them with {options}, or insist on label ids with the same option and the value ids")


def _refuse_misreading(
    raw: NDArray[np.int64], target_table: NDArray[np.int16], labels: LabelSpace, encoding: Reading, problems: list[str]
) -> None:
    """Say that the predicted bytes mean something else than label ids, from the counts of the whole set.

    :raises DataError: they seem to, and the reading was left to us.
    """
    known = np.where((target_table != FOREIGN)[:, None], raw, 0)
    if encoding != "auto" or (found := misreading(labels, to_ids(known.T, target_table).T)) is None:
        return
    raise DataError(
        f"these predictions do not look like label ids of {labels.name!r}: {found}",
        problems,
        "write label ids; or say in YAML which ids they are (--pred-labels FILE --map by-name); or insist on label ids with --encoding ids",
    )


def _way_out(raw: NDArray[np.int64], labels: LabelSpace) -> str:
    way_out = "every target needs exactly one prediction of its own size, in the labels' ids"
    masks = [role for role, axis in (("targets", 1), ("predictions", 0)) if np.flatnonzero(raw.sum(axis=axis)).tolist() == [0, 255]]
    if not masks or 255 in labels.known_ids:
        return way_out
    described = "--labels" if masks != ["predictions"] else "--pred-labels, with --map by-name"
    return f"{way_out}; the {' and '.join(masks)} are masks of 0 and 255: say so with ids: [255] in the YAML of {described}"
