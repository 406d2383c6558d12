"""The confusion matrix of every image, beside a record: ``NAME.npz`` for ``NAME.json``, with ``ids`` and ``counts`` int64[N, C, C+1].

``boundary`` int64[N, C, 3] holds the counts of Boundary IoU where they were asked for (:class:`segbench.core.boundaries.Boundaries`).

New statistics need no second run: :mod:`segbench.core.uncertainty` works on these matrices.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.core.uncertainty import bootstrap
from segbench.errors import RecordError
from segbench.records import RunRecord


def write_per_image(path: Path, ids: Sequence[str], counts: NDArray[np.int64], **more: NDArray[np.int64]) -> None:
    """Write the confusion matrix of every image, int64[N, C, C+1], as a compressed ``.npz``, in one step; ``more`` by name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{os.getpid()}.{path.name}")
    np.savez_compressed(partial, ids=np.array(ids, dtype=np.str_), counts=counts, **more)
    partial.replace(path)


def read_per_image(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Sample ids and int64[N, C, C+1] as they were written.

    :raises RecordError: the file is missing or holds something else.
    """
    try:
        with path.open("rb") as file, np.load(file) as data:
            ids, counts = data["ids"].tolist(), data["counts"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RecordError(f"{path}: not the matrices of a record's images ({error})") from error
    if counts.dtype != np.int64 or counts.shape[:1] != (len(ids),):
        raise RecordError(f"{path}: {len(ids)} ids and {counts.dtype}{list(counts.shape)} matrices do not fit together")
    return ids, counts


def with_intervals(record: RunRecord, path: Path) -> RunRecord:
    """The record with the intervals that it holds, else with those of the matrices in ``path``; as it is where there are neither.

    :raises RecordError: the matrices cannot be read, or are not those of the record.
    """
    if record.intervals is not None or not path.is_file():
        return record
    _, counts = read_per_image(path)
    if not np.array_equal(counts.sum(axis=0), record.confusion.counts):
        raise RecordError(f"{path}: these matrices do not add up to the record beside them; remove the file or run again")
    return replace(record, intervals=bootstrap(record.labels, counts))
