"""Whether the files of a dataset are what its authors handed out, each bad one named, and how often each class occurs.

The contract says what the rest of segbench relies on and shows a few examples of what is wrong; this goes through a download, and reads
each file once. Images and targets without a partner are the readers' own errors, before there is a dataset to check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.checks.dataset_contract import (
    DATASET_PROPERTIES,
    has_known_labels,
    has_target_and_image_of_one_size,
    has_targets_of_bytes,
    inspect,
    reads,
)
from segbench.checks.findings import Finding, problem_of, title
from segbench.datasets.base import Dataset, Sample
from segbench.kernels.counting import count_pairs
from segbench.labels.space import LabelSpace
from segbench.parallel import map_shared

FILE_PROPERTIES = (has_targets_of_bytes, has_target_and_image_of_one_size, has_known_labels)
OFFICIAL_NUMBER = "There are as many images as were handed out"
NO_STRAYS = "No image lies beside those of the dataset without a target"
NO_TWINS = "No two images are the same picture"


@dataclass(frozen=True)
class Frequency:
    """A label, or an id that nobody owns: its pixels, and the images in which it occurs."""

    name: str
    ids: tuple[int, ...]
    pixels: int
    images: int


class Census:
    """Counts pixels and images of each label of a space, target by target; memory does not grow with their number."""

    def __init__(self, labels: LabelSpace) -> None:
        kinds = [(label.name, label.byte_ids) for label in labels.labels if label.byte_ids]
        self.known = len(kinds)
        self.kinds = kinds + [("unknown", (i,)) for i in range(256) if i not in labels.known_ids]
        self.has_id = np.zeros((len(self.kinds), 256), np.int64)
        for row, (_, ids) in enumerate(self.kinds):
            self.has_id[row, list(ids)] = 1
        self.pixels, self.images = np.zeros((2, len(self.kinds)), np.int64)

    def add(self, pixels: NDArray[np.int64]) -> None:
        """Count one more target, of which int64[256] says how many pixels each id has."""
        of_kind = self.has_id @ pixels
        self.pixels += of_kind
        self.images += of_kind > 0

    def frequencies(self) -> list[Frequency]:
        """The classes in order, void, and those ids that no label owns but some target holds."""
        counted = enumerate(zip(self.kinds, self.pixels.tolist(), self.images.tolist(), strict=True))
        return [Frequency(*kind, pixels, images) for row, (kind, pixels, images) in counted if pixels or row < self.known]


@dataclass(frozen=True, eq=False)
class _Seen:
    """A sample's (property, problem) pairs; the digest of its picture and its pixels of each id, int64[256], as far as they can be read."""

    sample: Sample
    problems: list[tuple[str, str]]
    digest: bytes | None = None
    pixels: NDArray[np.int64] | None = None


def check_files(
    dataset: Dataset, *, workers: int = 1, on_sample: Callable[[], None] = lambda: None
) -> tuple[list[Finding], list[Frequency]]:
    """A finding for each bad file, or one for a property that all have; and how often the classes occur in the targets that can be read."""
    problems: dict[str, list[str]] = {}
    for holds in DATASET_PROPERTIES:
        problem = problem_of(partial(holds, dataset))
        problems[title(holds)] = [] if problem is None else [problem]
    if (official := dataset.official_images) is not None:
        problems[OFFICIAL_NUMBER] = [] if len(dataset) == official else [f"{len(dataset)} instead of {official}"]
    if not dataset.shared_folders:
        problems[NO_STRAYS] = strays(dataset)
    problems |= {title(holds): [] for holds in (reads, *FILE_PROPERTIES)} | {NO_TWINS: []}
    census, pictures = Census(dataset.labels), dict[bytes, list[str]]()
    for seen in map_shared(partial(_look, dataset), dataset.samples, workers):
        for what, problem in seen.problems:
            problems[what].append(f"{seen.sample.id}: {problem}")
        if seen.digest is not None:
            pictures.setdefault(seen.digest, []).append(seen.sample.id)
        if seen.pixels is not None:
            census.add(seen.pixels)
        on_sample()
    problems[NO_TWINS] = [" = ".join(ids) for ids in pictures.values() if len(ids) > 1]
    findings = [Finding(dataset.title, what, problem) for what, found in problems.items() for problem in found or [None]]
    return findings, census.frequencies()


def strays(dataset: Dataset) -> list[str]:
    """Images in the dataset's folders that belong to no sample."""
    images = [sample.image for sample in dataset.samples if isinstance(sample.image, Path)]
    known = {path for s in dataset.samples for path in (s.image, s.target, *s.extras.values())}
    suffixes = {path.suffix.lower() for path in images}
    beside = (path for folder in sorted({path.parent for path in images}) if folder.is_dir() for path in sorted(folder.iterdir()))
    return [str(path) for path in beside if path.suffix.lower() in suffixes and not path.name.startswith(".") and path not in known]


def _look(dataset: Dataset, sample: Sample) -> _Seen:
    read, problems = inspect(dataset, sample, FILE_PROPERTIES)
    if read is None:
        return _Seen(sample, problems)
    target = read.target
    pixels = count_pairs(target, target).diagonal() if target.dtype == np.uint8 and target.ndim == 2 else None
    return _Seen(sample, problems, None if read.image is None else _digest(read.image), pixels)


def _digest(image: NDArray[np.uint8]) -> bytes:
    """The same for two pictures of one size and of the same pixels, however they are stored."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image))
    return digest.digest()
