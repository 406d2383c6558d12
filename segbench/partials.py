"""Counting label maps in any engine that maps a function over a list: Dask, Ray, Spark, a queue of one's own.

    table = partials.count([("a", "preds/a.png"), ("b", "preds/b.png")], dataset)     anywhere, for any part
    counted = partials.merge([*table, *others], dataset)                              once, for all

A row of a table is text alone, so engines store it as they like. Which images it holds is its name; how many parts there were, and in which
order they come back, does not matter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.errors import DataError, UsageError
from segbench.files.remote import locate
from segbench.labels.decoding import Decoding
from segbench.labels.encodings import Encoding
from segbench.metrics.image_counts import NOTHING, Beside, Counted, Counting, ImageCounts
from segbench.scoring.folder import require_scorable
from segbench.scoring.pair_counting import count_pairs_of

Row = dict[str, str]
"""``id`` of the sample, and ``counts`` as JSON."""


def counting_of(
    dataset: Dataset,
    *,
    encoding: Encoding = "auto",
    target_encoding: Encoding = "auto",
    beside: Beside = NOTHING,
) -> Counting:
    """What is counted of label maps against a dataset; see :func:`segbench.score_folder` for the arguments."""
    decoding = Decoding.of_files(dataset.labels, encoding=encoding, target_encoding=target_encoding)
    return Counting(decoding, instances=dataset.instances, segments=dataset.segments, **beside.of_label_maps())


def count(pairs: Iterable[tuple[str, Path | str]], dataset: Dataset, *, counting: Counting | None = None) -> list[Row]:
    """Count label maps: sample ids and the files of their predictions. A row for each, in order; nothing is kept between calls.

    A pair that cannot be scored is a row too, which says why; :func:`merge` names it.

    :param counting: of :func:`counting_of`, the same in every call.
    :raises UsageError: an id is of no sample of the dataset.
    """
    samples, pairs = {sample.id: sample for sample in dataset.samples}, list(pairs)
    if unknown := [name for name, _ in pairs if name not in samples]:
        raise UsageError(f"{dataset.title} has no samples {', '.join(unknown)}")
    counted = count_pairs_of([(samples[name], locate(file)) for name, file in pairs], dataset, counting or counting_of(dataset))
    return [{"id": name, "counts": json.dumps(counts.to_dict())} for name, counts in counted]


def merge(rows: Iterable[Mapping[str, str]], dataset: Dataset, *, counting: Counting | None = None) -> Counted:
    """Put the rows of all parts together, in the dataset's order.

    :raises DataError: naming every image that is missing, there twice, of another data set, or that cannot be scored.
    """
    counting = counting or counting_of(dataset)
    found, problems, known = dict[str, ImageCounts](), list[str](), {sample.id for sample in dataset.samples}
    for row in rows:
        name = row["id"]
        if name in found:
            problems.append(f"{name}: twice")
        if name not in known:
            problems.append(f"{name}: no sample of {dataset.title}")
        found[name] = ImageCounts.from_dict(json.loads(row["counts"]), len(counting.decoding.labels.classes))
    problems += [f"{sample.id}: missing" for sample in dataset.samples if sample.id not in found]
    if problems:
        raise DataError(f"these rows are not the {len(dataset)} images of {dataset.title}, each once:", problems)
    counted = Counted.of(counting, ((sample.id, found[sample.id]) for sample in dataset.samples))
    require_scorable(counted)
    return counted
