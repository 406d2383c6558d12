"""What a record says of its data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

    from segbench.datasets.base import Dataset


def data_facts(dataset: Dataset, targets: Iterable[tuple[str, NDArray[np.int64]]]) -> dict[str, Any]:
    """What a record says of its data. ``targets`` that were evaluated: (sample id, pixels of each target id int64[256]), void included.

    Of wide maps the pixels are int64[2, K]: the ids that occur, ascending, and the pixels of each.
    """
    images, pixels, resized, digest = 0, 0, 0, hashlib.sha256()
    size = dataset.official_size
    for sample_id, histogram in targets:
        here = int(histogram[-1].sum()) if histogram.ndim == 2 else int(histogram.sum())
        images, pixels = images + 1, pixels + here
        resized += size is not None and here != size[0] * size[1]
        _add(digest, sample_id, histogram)
    departures = list(_departures(dataset, resized))
    return {
        "name": dataset.name,
        "split": dataset.split,
        "images": images,
        "of": dataset.split_size,
        "pixels": pixels,
        "targets_sha256": digest.hexdigest(),
        **({"unofficial": departures} if departures else {}),
        **dataset.facts,
    }


def _departures(dataset: Dataset, resized: int) -> Iterator[str]:
    """In what the data differ from what is handed out. ``resized``: how many targets have another number of pixels."""
    if dataset.official_images not in (None, dataset.split_size):
        yield f"{dataset.split_size} images instead of {dataset.official_images}"
    if dataset.official_size is not None and resized:
        height, width = dataset.official_size
        yield f"{resized} targets are not {width}x{height}"


def targets_fingerprint(targets: Iterable[tuple[str, NDArray[np.int64]]]) -> str:
    """SHA-256 over (sample id, pixels of each target id int64[256]) in order: which targets were scored, however they are stored.

    It is taken from the counts, so it costs nothing and does not depend on how a PNG was compressed. It tells apart other images, another
    encoding, another size and edited labels; it does not see pixels that merely changed places.
    """
    digest = hashlib.sha256()
    for sample_id, histogram in targets:
        _add(digest, sample_id, histogram)
    return digest.hexdigest()


def _add(digest: Digest, sample_id: str, histogram: NDArray[np.int64]) -> None:
    digest.update(sample_id.encode(errors="surrogateescape") + b"\0" + np.ascontiguousarray(histogram, dtype="<i8").tobytes())
