"""What was counted in every image, beside a record: ``NAME.npz`` for ``NAME.json``, with ``ids`` and the fields of a PerImage.

``counts`` int64[N, C, C+1] are the confusion matrices; ``boundary`` int64[N, C, 3], ``instances`` float64[N, C, 2] and ``segments``
float64[N, 2] (V_rand and V_info) are there where Boundary IoU was asked for and where the dataset has instances or segments. New statistics
need no second run: :mod:`segbench.metrics.uncertainty` works on these.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from segbench.errors import RecordError
from segbench.files.atomic import alone_in, replacing
from segbench.files.foreign import NOT_ARRAYS
from segbench.files.json_text import write_text
from segbench.metrics.confusion import require_exact
from segbench.metrics.image_counts import Counted
from segbench.metrics.per_image import STATISTICS, PerImage
from segbench.metrics.uncertainty import bootstrap
from segbench.records.run_record import RunRecord

LARGEST = 8 << 30  # bytes, unfolded: a million images of 19 classes take 3 GB


def write_run(path: Path, record: RunRecord, counted: Counted) -> None:
    """Write a record, and what was counted in every image beside it; nothing beside a terminal or a pipe.

    Of two processes that write one record at once, both files are those of one.
    """
    if path.exists() and not path.is_file():
        write_text(path, record.to_json())
        return
    with alone_in(path.parent):
        write_per_image(images_file(path), counted.ids, counted.per_image)
        write_text(path, record.to_json())


def images_file(record: Path) -> Path:
    """Where the counts of every image lie beside a record: ``NAME.npz`` for ``NAME.json``."""
    return record.with_name(f"{record.name.removesuffix('.json')}.npz")


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
        with zipfile.ZipFile(path) as archive:
            if (size := sum(each.file_size for each in archive.infolist())) > LARGEST:
                raise ValueError(f"it unfolds to {size} bytes")
        with path.open("rb") as file, np.load(file) as data:
            ids, counts = data["ids"].tolist(), data["counts"]
            counted = PerImage(counts, *(data.get(name) for name in STATISTICS))
    except (OSError, *NOT_ARRAYS) as error:
        raise RecordError(f"{path}: not the matrices of a record's images ({error})") from error
    if counts.dtype != np.int64 or counts.shape[:1] != (len(ids),):
        raise RecordError(f"{path}: {len(ids)} ids and {counts.dtype}{list(counts.shape)} matrices do not fit together")
    try:
        require_exact(counts)
    except ValueError as error:
        raise RecordError(f"{path}: {error}") from error
    return ids, counted


def matrices_of(record: RunRecord, path: Path) -> PerImage:
    """What was counted in every image of a record.

    :raises RecordError: the file is missing or holds something else, or what does not add up to the record.
    """
    _, counted = read_per_image(path)
    if not np.array_equal(counted.confusion.sum(axis=0), record.confusion.counts):
        raise RecordError(f"{path}: these matrices do not add up to the record beside them; remove the file or run again")
    return counted


def with_intervals(record: RunRecord, path: Path) -> RunRecord:
    """The record with the intervals that it holds, else with those of the matrices in ``path``; as it is where there are neither.

    :raises RecordError: see :func:`matrices_of`.
    """
    if record.intervals is not None or not path.is_file():
        return record
    return replace(record, intervals=bootstrap(record.labels, matrices_of(record, path)))
