"""What was counted in every image, beside a record: ``NAME.npz`` for ``NAME.json``, with ``ids`` and the fields of a PerImage.

``counts`` int64[N, C, C+1] are the confusion matrices. Where they were asked for there are ``boundary`` int64[N, C, 3] (Boundary IoU),
``errors`` int64[N, C, 5, 2] (by cause) with ``sizes`` int64[N, C, 3, 4], ``trimap`` int64[N, C, W, 3], ``calibration`` float64[N, S]
(:mod:`segbench.kernels.confidence_bins`), and ``ood`` int64[N, 4, 2, 255] with ``ood_by_image`` float64[N, 4, 3]
(:mod:`segbench.metrics.ood`); where the dataset has them ``instances`` float64[N, C, 2] and ``segments`` float64[N, 2] (V_rand and V_info).
New statistics need no second run: :mod:`segbench.metrics.uncertainty` works on these.

Matrices that would be more than :data:`DENSE` bytes are written as the cells that occur instead of ``counts``: ``classes``, C; ``cells``
int64[K], row times C+1 plus column, image after image; ``pixels`` int64[K]; and ``ends`` int64[N], where the cells of each image end.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import RecordError
from segbench.files.atomic import alone_in, replacing
from segbench.files.foreign import NOT_ARRAYS
from segbench.files.json_text import write_text
from segbench.metrics.confusion import require_exact
from segbench.metrics.extras import STATISTICS
from segbench.metrics.image_counts import Counted
from segbench.metrics.jackknife import intervals
from segbench.metrics.matrices import CellLog, Matrices
from segbench.metrics.per_image import PerImage
from segbench.records.run_record import RunRecord

LARGEST = 8 << 30  # bytes, unfolded: a million images of 19 classes take 3 GB
DENSE = 64 << 20
"""Bytes of matrices that are written as they are: 22 000 images of 19 classes, 370 of 150."""


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
    more: dict[str, Any] = {name: counted.beside[name] for name in counted.extras}
    matrices = counted.matrices
    dense = 8 * len(matrices) * matrices.classes * (matrices.classes + 1) <= DENSE
    with replacing(path) as partial:
        if dense:
            np.savez_compressed(partial, ids=np.array(list(ids), dtype=np.str_), counts=counted.confusion, **more)
            return
        log = matrices.canonical()
        ends, number = log.ends, int(log.ends[-1])
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            whole = {"ids": np.array(list(ids), dtype=np.str_), "classes": np.array(matrices.classes), "ends": ends, **more}
            for name, values in whole.items():
                _write_array(archive, name, values.dtype, values.shape, [values])
            _write_array(archive, "cells", np.dtype(np.int64), (number,), (block.cells for block in log.blocks()))
            _write_array(archive, "pixels", np.dtype(np.int64), (number,), (block.pixels for block in log.blocks()))


def _write_array(archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...], parts: Iterable[NDArray[Any]]) -> None:
    """Write an array that is there in parts, as numpy would."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        facts = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, facts)
        for part in parts:
            file.write(np.ascontiguousarray(part, dtype).tobytes())


def read_per_image(path: Path) -> tuple[list[str], PerImage]:
    """Sample ids, and what was counted, as they were written.

    :raises RecordError: the file is missing or holds something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if (size := sum(each.file_size for each in archive.infolist())) > LARGEST:
                raise ValueError(f"it unfolds to {size} bytes")
        with path.open("rb") as file, np.load(file) as data:
            ids = data["ids"].tolist()
            counts = data["counts"] if "counts" in data else _matrices(*(data[name] for name in ("classes", "ends", "cells", "pixels")))
            counted = PerImage(counts, {name: data[name] for name in STATISTICS.known(data.files)})
    except (OSError, *NOT_ARRAYS) as error:
        raise RecordError(f"{path}: not the matrices of a record's images ({error})") from error
    if isinstance(counts, Matrices):
        if len(counts) != len(ids):
            raise RecordError(f"{path}: {len(ids)} ids and matrices of {len(counts)} images do not fit together")
        return ids, counted
    if counts.dtype != np.int64 or counts.ndim != 3 or counts.shape != (len(ids), counts.shape[1], counts.shape[1] + 1):
        raise RecordError(f"{path}: {len(ids)} ids and {counts.dtype}{list(counts.shape)} matrices do not fit together")
    try:
        require_exact(counts)
    except ValueError as error:
        raise RecordError(f"{path}: {error}") from error
    return ids, counted


def _matrices(classes: NDArray[Any], ends: NDArray[Any], cells: NDArray[Any], pixels: NDArray[Any]) -> Matrices:
    """The matrices of cells that occur.

    :raises ValueError: the arrays do not fit together.
    """
    number = int(classes)
    if not 0 < number <= 1 << 16 or any(each.dtype != np.int64 or each.ndim != 1 for each in (ends, cells, pixels)):
        raise ValueError("cells, pixels and ends must be int64[K], and classes a number up to 65536")
    lengths = np.diff(ends, prepend=0)
    if (lengths < 0).any() or {len(cells), len(pixels)} != {int(ends[-1]) if len(ends) else 0}:
        raise ValueError(f"{len(cells)} cells, {len(pixels)} numbers of pixels and the ends of {len(ends)} images do not fit together")
    if len(cells) and not 0 <= int(cells.min()) <= int(cells.max()) < number * (number + 1):
        raise ValueError(f"there are cells that a matrix of {number} classes does not have")
    require_exact(pixels)
    return Matrices(CellLog.of(ends, cells, pixels), number, number + 1)


def matrices_of(record: RunRecord, path: Path) -> PerImage:
    """What was counted in every image of a record.

    :raises RecordError: the file is missing or holds something else, or what does not add up to the record.
    """
    _, counted = read_per_image(path)
    if not counted.matrices.total().equals(record.confusion.cells):
        raise RecordError(f"{path}: these matrices do not add up to the record beside them; remove the file or run again")
    return counted


def with_intervals(record: RunRecord, path: Path) -> RunRecord:
    """The record with the intervals that it holds, else with those of the matrices in ``path``; as it is where there are neither.

    :raises RecordError: see :func:`matrices_of`.
    """
    if record.intervals is not None or not path.is_file():
        return record
    return replace(record, intervals=intervals(record.labels, matrices_of(record, path)))
