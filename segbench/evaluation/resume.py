"""A run that was killed goes on where it was: what was counted in each image is kept in a file until the records are written.

    OUT/unfinished-1f3a....jsonl     one line for each image, in the dataset's order: {"id": ..., "counts": [...]}, for each model
                                     :meth:`~segbench.metrics.image_counts.ImageCounts.to_dict`

The file's name is a fingerprint of everything that the counts depend on: models, their code, weights, protocol, data. Another run does not
find it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from segbench import __version__
from segbench.datasets.base import Dataset
from segbench.evaluation.inference import Evaluated
from segbench.evaluation.protocol import Protocol
from segbench.metrics.image_counts import ImageCounts
from segbench.models.segmenter import Segmenter

FORMAT = 2
"""Of the lines; the fingerprint holds it, so that no version finds the files of another one."""


def unfinished_file(out: Path, segmenters: Sequence[Segmenter], dataset: Dataset, protocol: Protocol, **options: Any) -> Path | None:
    """Where a run of these keeps what it has counted; ``None`` if they cannot be recognised again.

    That is so for weights that have no checksum, and for data that are not plain files.
    """
    files = [picture for sample in dataset.samples for picture in (sample.image, sample.target, *sample.extras.values())]
    if not all(isinstance(file, Path) and file.is_file() for file in files):
        return None
    if any(segmenter.weights_sha256 is None for segmenter in segmenters):
        return None
    models = [
        (
            s.name,
            dict(s.arguments),
            s.weights_sha256,
            s.runtime.code_sha256,
            s.output,
            s.channels,
            s.grid,
            asdict(s.normalize),
            str(s.device),
        )
        for s in segmenters
    ]
    mappings = [s.mapping.signature if s.mapping else None for s in segmenters]
    stats = [(str(file), *_stat(file)) for file in files if isinstance(file, Path)]
    facts = [__version__, FORMAT, models, mappings, dataset.title, stats, dataset.labels.to_dict(), protocol.to_dict(), options]
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
    done, size = _read(path, dataset)
    for sample, counts in zip(dataset.samples, done, strict=False):
        yield Evaluated(sample, counts, [])
    with path.open("ab") as file:
        file.truncate(size)  # a line that was being written when the run was killed
        for result in evaluate(replace(dataset, samples=dataset.samples[len(done) :])):
            yield result
            file.write(_line(result))
            file.flush()


def images_done(path: Path | None, dataset: Dataset) -> int:
    """How many images were counted before."""
    return len(_read(path, dataset)[0]) if path else 0


def _read(path: Path, dataset: Dataset) -> tuple[list[list[ImageCounts]], int]:
    """Of the whole lines that belong to the first samples the counts, for each model, and how many bytes they take."""
    done: list[list[ImageCounts]] = []
    size, classes = 0, len(dataset.labels.classes)
    if path.is_file():
        with path.open("rb") as file:
            for line, sample in zip(file, dataset.samples, strict=False):
                if not line.endswith(b"\n") or (data := json.loads(line))["id"] != sample.id:
                    break
                done.append([ImageCounts.from_dict(counts, classes) for counts in data["counts"]])
                size += len(line)
    return done, size


def _line(result: Evaluated) -> bytes:
    return json.dumps({"id": result.sample.id, "counts": [counts.to_dict() for counts in result.counts]}).encode() + b"\n"
