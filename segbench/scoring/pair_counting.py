"""Counts pairs of label maps: each pair is read and counted once, on threads; a pair that cannot be scored comes with its problem."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample, TargetFiles, read_instances
from segbench.errors import ImageError
from segbench.files.remote import read_ahead
from segbench.images.label_maps import LabelMaps, TallMap, advice_of_option, paired_windows
from segbench.images.library import size_of
from segbench.labels.decoding import Decoding
from segbench.labels.encodings import Encoding
from segbench.metrics.counting import count_maps, count_windows
from segbench.metrics.image_counts import Counting, ImageCounts
from segbench.metrics.pair_counts import EMPTY
from segbench.parallel import map_shared
from segbench.scoring.pairing import NO_PREDICTION, pair_predictions

Item = TypeVar("Item")
Items = Iterator[tuple[str, ImageCounts]]

TOGETHER = 8  # pairs that are handed to a thread at once, at most


def count_folder(
    preds: Path,
    dataset: Dataset,
    counting: Counting,
    *,
    names: str | None = None,
    workers: int = 2,
    samples: Sequence[Sample] | None = None,
) -> Items:
    """Read and count every pair, on threads: sample id and counts, in the dataset's order.

    :param preds: a folder, or the file of the dataset's only sample.
    :param names: a pattern of the predictions' names.
    :param samples: those that are counted; all of the dataset's take part in the pairing.
    :raises DataError: the folder does not exist or holds no label maps at all.
    """
    pairing = pair_predictions(preds, dataset, names)
    readers = _readers(dataset, counting.decoding)
    if samples is None and not pairing.unpaired:

        def count_pairs(pairs: Sequence[tuple[Sample, Path]]) -> list[tuple[str, ImageCounts]]:
            return [(sample.id, _count_pair(sample, path, readers, counting)) for sample, path in pairs]

        return _shared(count_pairs, pairing.pairs, workers, lambda pair: (*_files_of(pair[0], counting), pair[1]))
    files = {sample.id: path for sample, path in pairing.pairs}

    def count(samples: Sequence[Sample]) -> list[tuple[str, ImageCounts]]:
        return [(sample.id, count_sample(sample)) for sample in samples]

    def count_sample(sample: Sample) -> ImageCounts:
        if sample.id in pairing.unpaired:
            problem = pairing.unpaired[sample.id]
            return ImageCounts(EMPTY, problem=problem, way_out=pairing.way_out if problem == NO_PREDICTION else "")
        return _count_pair(sample, files[sample.id], readers, counting)

    rest = dataset.samples if samples is None else samples
    return _shared(count, rest, workers, lambda s: (*_files_of(s, counting), files.get(s.id)))


def _files_of(sample: Sample, counting: Counting) -> list[object]:
    """What is read of a sample, beside its prediction."""
    return [sample.target, *([sample.extras.get("instances")] if counting.instances else [])]


def _shared(
    count: Callable[[Sequence[Item]], list[tuple[str, ImageCounts]]],
    items: Sequence[Item],
    workers: int,
    files: Callable[[Item], Sequence[object]],
) -> Items:
    """Counts of some items at once, on threads; their ``files`` are read ahead if they lie behind URLs.

    Handing work to a thread costs a tenth of counting a pair; yet each thread needs several turns, or it waits for the last.
    """
    ahead = read_ahead(items, files)
    if ahead is not None:
        return chain.from_iterable(map_shared(count, ([item] for item in ahead), workers))
    at_once = max(1, min(TOGETHER, len(items) // (4 * workers)))
    return chain.from_iterable(map_shared(count, _split(items, at_once), workers))


def count_pairs_of(pairs: Sequence[tuple[Sample, Path]], dataset: Dataset, counting: Counting) -> list[tuple[str, ImageCounts]]:
    """Read and count some pairs, one after the other, in their order."""
    readers = _readers(dataset, counting.decoding)
    return [(sample.id, _count_pair(sample, path, readers, counting)) for sample, path in pairs]


class _Readers(NamedTuple):
    """How targets and predictions become bytes of their encodings."""

    target: Callable[[Sample], NDArray[np.uint8]]
    preds: LabelMaps

    def windows(self, sample: Sample, path: Path) -> Iterator[tuple[NDArray[Any], NDArray[Any]]] | None:
        """Both maps window by window, where they are too large to be held whole; ``None`` for all others.

        :raises ImageError: the sizes of the two differ, or one is damaged.
        """
        if not isinstance(self.target, TargetFiles):
            return None
        with ExitStack() as files:
            target = self.target.maps.open_tall(sample.target)
            files.callback(_close, target)
            pred = self.preds.open_tall(path)
            files.callback(_close, pred)
            if target is None and pred is None:
                return None
            of_target = size_of(sample.target)[::-1] if target is None else target.shape
            of_pred = size_of(path)[::-1] if pred is None else pred.shape
            if of_target != of_pred:  # before gigabytes are read for nothing
                refuse_sizes(path, of_target, of_pred)
            if target is None or pred is None:
                return None
            files.pop_all()
        return paired_windows(target, pred)


def _readers(dataset: Dataset, decoding: Decoding) -> _Readers:
    target, target_encoding = dataset.read_target, decoding.target_encoding
    if target_encoding == "color" or isinstance(target, TargetFiles):
        insists, advice = target_encoding == "ids", advice_of_option("--target-encoding")
        encoding = target.maps.encoding if isinstance(target, TargetFiles) and target_encoding == "auto" else _said(target_encoding)
        target = TargetFiles(LabelMaps(decoding.target_labels, encoding, insists=insists, advice=advice))
    insists, advice = decoding.encoding == "ids", advice_of_option("--encoding")
    preds = LabelMaps(decoding.pred_labels, _said(decoding.encoding), insists=insists, predicted=True, advice=advice)
    return _Readers(target, preds)


def _said(encoding: Encoding) -> Encoding:
    return "ids" if encoding == "auto" else encoding


def _close(opened: TallMap | None) -> None:
    if opened is not None:
        opened.tall.close()


def refuse_sizes(path: Path, target: tuple[int, ...], pred: tuple[int, ...]) -> NoReturn:
    """Say that a prediction is not of its target's (height, width).

    :raises ImageError: always.
    """
    raise ImageError(path, f"size {pred[1]}x{pred[0]}, its target is {target[1]}x{target[0]} (width x height)")


def _count_tall(sample: Sample, path: Path, readers: _Readers, counting: Counting) -> ImageCounts | None:
    """Of maps that are too large to be held whole; ``None`` for all others."""
    if counting.beside_pairs:
        return None
    try:
        windows = readers.windows(sample, path)
        return None if windows is None else count_windows(counting, windows)
    except ImageError as error:
        return _refused([error])


def _count_pair(sample: Sample, path: Path, readers: _Readers, counting: Counting) -> ImageCounts:
    if (counts := _count_tall(sample, path, readers, counting)) is not None:
        return counts
    read, refusals = list[NDArray[np.uint8]](), list[ImageError]()
    for reads in (partial(readers.target, sample), partial(readers.preds.read, path)):
        try:
            read.append(reads())
        except ImageError as error:
            refusals.append(error)
    if refusals:
        return _refused(refusals)
    target, pred = read
    try:
        if pred.shape != target.shape:
            refuse_sizes(path, target.shape, pred.shape)
        instances = read_instances(sample, target.shape) if counting.instances else None
    except ImageError as error:
        return _refused([error])
    return count_maps(counting, target, pred, instances)


def _refused(errors: Sequence[ImageError]) -> ImageCounts:
    ways_out = dict.fromkeys(error.way_out for error in errors if error.way_out)
    return ImageCounts(EMPTY, problem="; ".join(error.summary for error in errors), way_out="\n".join(ways_out))


def _split(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
