"""What a record says of its data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from segbench.datasets.base import Dataset


def data_facts(dataset: Dataset, targets: Sequence[tuple[str, NDArray[np.int64]]]) -> dict[str, Any]:
    """What a record says of its data. ``targets`` that were evaluated: (sample id, pixels of each target id int64[256]), void included."""
    return {
        "name": dataset.name,
        "split": dataset.split,
        "images": len(targets),
        "of": dataset.split_size,
        "pixels": sum(int(histogram.sum()) for _, histogram in targets),
        "targets_sha256": targets_fingerprint(targets),
        **({"unofficial": departures} if (departures := list(_departures(dataset, targets))) else {}),
        **dataset.facts,
    }


def _departures(dataset: Dataset, targets: Sequence[tuple[str, NDArray[np.int64]]]) -> Iterator[str]:
    """In what the data differ from what is handed out."""
    if dataset.official_images not in (None, dataset.split_size):
        yield f"{dataset.split_size} images instead of {dataset.official_images}"
    if dataset.official_size is not None:
        height, width = dataset.official_size
        if resized := sum(int(histogram.sum()) != height * width for _, histogram in targets):
            yield f"{resized} targets are not {width}x{height}"


def targets_fingerprint(targets: Iterable[tuple[str, NDArray[np.int64]]]) -> str:
    """SHA-256 over (sample id, pixels of each target id int64[256]) in order: which targets were scored, however they are stored.

    It is taken from the counts, so it costs nothing and does not depend on how a PNG was compressed. It tells apart other images, another
    encoding, another size and edited labels; it does not see pixels that merely changed places.
    """
    digest = hashlib.sha256()
    for sample_id, histogram in targets:
        digest.update(sample_id.encode(errors="surrogateescape") + b"\0" + np.ascontiguousarray(histogram, dtype="<i8").tobytes())
    return digest.hexdigest()
