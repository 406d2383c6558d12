"""A run that was killed goes on where it was: what was counted in each image is kept in a file until the records are written.

    OUT/unfinished-1f3a....jsonl     one line for each image, in the dataset's order: {"id": ..., "counts": a list for each model of
                                     [target id, predicted class, pixels]}

The file's name is a fingerprint of everything that the counts depend on: models, weights, protocol, data. Another run does not find it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench import __version__
from segbench.datasets.base import Dataset, Sample
from segbench.evaluation.inference import Evaluated
from segbench.evaluation.protocol import Protocol
from segbench.labels.mapping import LabelMapping
from segbench.models.segmenter import Segmenter

Cells = list[list[int]]
"""[target id, predicted class, pixels] of each pair that occurs: of 65 536 few do."""


def unfinished_file(
    out: Path, segmenters: Sequence[Segmenter], mappings: Sequence[LabelMapping | None], dataset: Dataset, protocol: Protocol, **how: Any
) -> Path | None:
    """Where a run of these keeps what it has counted; ``None`` if they cannot be recognised again.

    That is so for weights that have no checksum, for data that are not plain files, and where class maps are needed beside counts.
    """
    files = [picture for sample in dataset.samples for picture in (sample.image, sample.target, *sample.extras.values())]
    if dataset.segments is not None or not all(isinstance(file, Path) and file.is_file() for file in files):
        return None
    if any(segmenter.weights_sha256 is None for segmenter in segmenters):
        return None
    models = [(s.name, dict(s.arguments), s.weights_sha256, asdict(s.normalize), str(s.device)) for s in segmenters]
    stands = [mapping.signature if mapping else None for mapping in mappings]
    stats = [(str(file), *_stat(file)) for file in files if isinstance(file, Path)]
    facts = [__version__, models, stands, dataset.title, stats, dataset.labels.to_dict(), protocol.to_dict(), how]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
    return out / f"unfinished-{digest[:16]}.jsonl"


def _stat(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def resumed(path: Path | None, dataset: Dataset, evaluate: Callable[[Dataset], Iterator[Evaluated]]) -> Iterator[Evaluated]:
    """What was counted before, without class maps, and then ``evaluate`` on the other samples; each image is kept once it was consumed."""
    if path is None:
        yield from evaluate(dataset)
        return
    done, size = _read(path, dataset.samples)
    for sample, counts in zip(dataset.samples, done, strict=False):
        yield Evaluated(sample, [_dense(cells) for cells in counts], [])
    with path.open("ab") as file:
        file.truncate(size)  # a line that was being written when the run was killed
        for result in evaluate(replace(dataset, samples=dataset.samples[len(done) :])):
            yield result
            file.write(_line(result))
            file.flush()


def images_done(path: Path | None, dataset: Dataset) -> int:
    """How many images were counted before."""
    return len(_read(path, dataset.samples)[0]) if path else 0


def _read(path: Path, samples: Sequence[Sample]) -> tuple[list[list[Cells]], int]:
    """Of the whole lines that belong to the first samples the counts, as they stand there, and how many bytes they take."""
    done: list[list[Cells]] = []
    size = 0
    if path.is_file():
        with path.open("rb") as file:
            for line, sample in zip(file, samples, strict=False):
                if not line.endswith(b"\n") or (data := json.loads(line))["id"] != sample.id:
                    break
                done.append(data["counts"])
                size += len(line)
    return done, size


def _line(result: Evaluated) -> bytes:
    return json.dumps({"id": result.sample.id, "counts": [_cells(pairs) for pairs in result.counts]}).encode() + b"\n"


def _cells(pairs: NDArray[np.int64]) -> Cells:
    rows, columns = np.nonzero(pairs)
    return np.stack([rows, columns, pairs[rows, columns]], 1).tolist()  # type: ignore[no-any-return]


def _dense(cells: Cells) -> NDArray[np.int64]:
    pairs = np.zeros((256, 256), np.int64)
    rows, columns, counts = np.array(cells, np.int64).reshape(-1, 3).T
    pairs[rows, columns] = counts
    return pairs
