"""What was counted in every image, beside a record: ``NAME.npz`` for ``NAME.json``, with ``ids`` and the fields of a PerImage.

``counts`` int64[N, C, C+1] are the confusion matrices; ``boundary`` int64[N, C, 3], ``instances`` float64[N, C, 2] and ``segments``
float64[N, 2] (V_rand and V_info) are there where Boundary IoU was asked for and where the dataset has instances or segments. New statistics
need no second run: :mod:`segbench.metrics.uncertainty` works on these. Images are of one group where they resemble each other, and their
names say which: :data:`GROUPS`.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from segbench.errors import DataError, RecordError
from segbench.files.atomic import replacing
from segbench.labels.space import LabelSpace
from segbench.metrics.per_image import EXTRAS, PerImage
from segbench.metrics.uncertainty import Intervals, bootstrap
from segbench.records.run_record import RunRecord

# How a group's name is taken from the name of an image, without its folders; and what the groups are called.
GROUPS: dict[str, tuple[str, Callable[[str], str]]] = {
    "city": ("cities", lambda name: name.partition("_")[0]),
    "sequence": ("sequences", lambda name: name.rpartition("_")[0]),
}


def write_per_image(path: Path, ids: Sequence[str], counted: PerImage) -> None:
    """Write what was counted in every image, compressed, in one step."""
    more = {name: getattr(counted, name) for name in counted.extras}
    with replacing(path) as partial:
        np.savez_compressed(partial, ids=np.array(ids, dtype=np.str_), counts=counted.confusion, **more)


def read_per_image(path: Path) -> tuple[list[str], PerImage]:
    """Sample ids, and what was counted, as they were written.

    :raises RecordError: the file is missing or holds something else.
    """
    try:
        with path.open("rb") as file, np.load(file) as data:
            ids, counts = data["ids"].tolist(), data["counts"]
            counted = PerImage(counts, *(data.get(name) for name in EXTRAS))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RecordError(f"{path}: not the matrices of a record's images ({error})") from error
    if counts.dtype != np.int64 or counts.shape[:1] != (len(ids),):
        raise RecordError(f"{path}: {len(ids)} ids and {counts.dtype}{list(counts.shape)} matrices do not fit together")
    return ids, counted


def groups_of(ids: Sequence[str], how: str) -> list[str]:
    """The group of each image, by a key of :data:`GROUPS`.

    :raises DataError: names have no group, or all have the same.
    """
    unit, group_of = GROUPS[how]
    groups = [group_of(sample_id.rpartition("/")[2]) for sample_id in ids]
    if nameless := [sample_id for sample_id, group in zip(ids, groups, strict=True) if not group or group == sample_id]:
        raise DataError(
            f"{len(nameless)} of {len(ids)} images have no {how} in their name, e.g. {nameless[0]!r}", way_out="leave out --groups"
        )
    if len(set(groups)) < 2:
        raise DataError(f"there are no {unit} to draw: all {len(ids)} images are of one", way_out="leave out --groups")
    return groups


def intervals_of(labels: LabelSpace, ids: Sequence[str], counted: PerImage, groups: str | None = None) -> Intervals:
    """Intervals over images, or over groups of them by a key of :data:`GROUPS`.

    :raises DataError: see :func:`groups_of`.
    """
    if groups is None:
        return bootstrap(labels, counted)
    return bootstrap(labels, counted, groups=groups_of(ids, groups), unit=GROUPS[groups][0])


def with_intervals(record: RunRecord, path: Path) -> RunRecord:
    """The record with the intervals that it holds, else with those of the matrices in ``path``; as it is where there are neither.

    :raises RecordError: the matrices cannot be read, or are not those of the record.
    """
    if record.intervals is not None or not path.is_file():
        return record
    _, counted = read_per_image(path)
    if not np.array_equal(counted.confusion.sum(axis=0), record.confusion.counts):
        raise RecordError(f"{path}: these matrices do not add up to the record beside them; remove the file or run again")
    return replace(record, intervals=bootstrap(record.labels, counted))
