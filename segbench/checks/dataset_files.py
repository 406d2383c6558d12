"""Whether the files of a dataset are what its authors handed out, each bad one named, and how often each class occurs.

The contract says what the rest of segbench relies on and shows a few examples of what is wrong; this goes through a download, and reads
each file once, and the images of other splits, of which none may be here. Images and targets without a partner are the readers' own errors,
before there is a dataset to check.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segbench.checks.class_places import Places
from segbench.checks.dataset_contract import (
    DATASET_PROPERTIES,
    has_known_labels,
    has_target_and_image_of_one_size,
    has_targets_of_bytes,
    inspect,
    reads,
)
from segbench.checks.findings import Finding, problem_of, some, title
from segbench.datasets.base import Dataset, Sample, read_photograph
from segbench.errors import DataError
from segbench.files.remote import FILES
from segbench.images.library import UPRIGHT, orientation_in
from segbench.kernels.counting import count_pairs
from segbench.labels.encodings import suspect_target
from segbench.labels.space import LabelSpace
from segbench.parallel import map_shared

FILE_PROPERTIES = (has_targets_of_bytes, has_target_and_image_of_one_size, has_known_labels)
OFFICIAL_NUMBER = "There are as many images as were handed out"
NO_STRAYS = "No image lies beside those of the dataset without a target"
NO_TWINS = "No two images are the same picture"
NO_LEAKS = "No image is in another split, too"
LABEL_IDS = "Targets look like label ids"
IN_PLACE = "Classes lie where their names say"
SHOWN = 8


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
        self.of_ids = np.zeros(256, np.int64)

    def add(self, pixels: NDArray[np.int64]) -> None:
        """Count one more target, of which int64[256] says how many pixels each id has."""
        self.of_ids += pixels
        of_kind = self.has_id @ pixels
        self.pixels += of_kind
        self.images += of_kind > 0

    def frequencies(self) -> list[Frequency]:
        """The classes in order, void, and those ids that no label owns but some target holds."""
        counted = enumerate(zip(self.kinds, self.pixels.tolist(), self.images.tolist(), strict=True))
        return [Frequency(*kind, pixels, images) for row, (kind, pixels, images) in counted if pixels or row < self.known]


@dataclass(frozen=True, eq=False)
class _Seen:
    """A sample's (property, problem) pairs; the digest and EXIF orientation of its picture and its target, as far as they can be read."""

    sample: Sample
    problems: list[tuple[str, str]]
    digest: bytes | None = None
    target: NDArray[np.uint8] | None = None
    orientation: int = UPRIGHT


class Checked(NamedTuple):
    """A finding for each bad file, or one for a property that all have; how often classes occur; what is no problem, but good to know."""

    findings: list[Finding]
    frequencies: list[Frequency]
    notes: list[str]


def check_files(
    dataset: Dataset, others: Sequence[Dataset] = (), *, workers: int = 1, on_sample: Callable[[], None] = lambda: None
) -> Checked:
    """Check every file of a dataset, as far as it can be read.

    :param others: splits in which its images must not be, too; one that is a part of it by its files, or the other way round, is none.
    """
    own = {sample.image for sample in dataset.samples}
    apart = [other for other in others if not ((images := {sample.image for sample in other.samples}) <= own or own <= images)]
    problems = _of_the_list(dataset)
    problems |= {title(holds): [] for holds in (reads, *FILE_PROPERTIES)} | {NO_TWINS: []}
    census, places = Census(dataset.labels), Places(dataset.labels)
    pictures, turned = dict[bytes, list[str]](), list[str]()
    for seen in map_shared(partial(_look, dataset), dataset.samples, workers):
        for what, problem in seen.problems:
            problems[what].append(f"{seen.sample.id}: {problem}")
        if seen.digest is not None:
            pictures.setdefault(seen.digest, []).append(seen.sample.id)
        if seen.target is not None:
            census.add(count_pairs(seen.target, seen.target).diagonal())
            places.add(seen.target)
        turned += [f"{seen.sample.id} ({seen.orientation})"] if seen.orientation != UPRIGHT else []
        on_sample()
    problems[NO_TWINS] = [" = ".join(ids) for ids in pictures.values() if len(ids) > 1]
    problems |= {NO_LEAKS: _leaks(dataset, pictures, apart, workers, on_sample)} if apart else {}
    problems |= _of_the_classes(dataset.labels, census, places)
    said: dict[str, list[str] | list[None]] = {what: found or [None] for what, found in problems.items()}
    findings = [Finding(dataset.title, what, problem) for what, found in said.items() for problem in found]
    notes = [f"{len(turned)} photographs are turned as EXIF says, as viewers show them: {some(turned, SHOWN)}"] if turned else []
    return Checked(findings, census.frequencies(), notes)


def _of_the_list(dataset: Dataset) -> dict[str, list[str]]:
    """Claim to problems of what is known before a file is read."""
    problems: dict[str, list[str]] = {}
    for holds in DATASET_PROPERTIES:
        problem = problem_of(partial(holds, dataset))
        problems[title(holds)] = [] if problem is None else [problem]
    if (official := dataset.official_images) is not None:
        problems[OFFICIAL_NUMBER] = [] if len(dataset) == official else [f"{len(dataset)} instead of {official}"]
    if not dataset.shared_folders:
        problems[NO_STRAYS] = strays(dataset)
    return problems


def _of_the_classes(labels: LabelSpace, census: Census, places: Places) -> dict[str, list[str]]:
    """Claim to problems of what the ids seem to be."""
    suspect = suspect_target(labels, np.diag(census.of_ids))
    found = {LABEL_IDS: [] if suspect is None else [f"they look like {suspect.replace('-', ' ')}"]}
    return found | ({IN_PLACE: places.problems()} if places.are_known else {})


def _leaks(
    dataset: Dataset, pictures: Mapping[bytes, list[str]], others: Sequence[Dataset], workers: int, on_sample: Callable[[], None]
) -> list[str]:
    """A line for each image of another split that is one of this one."""
    found: list[str] = []
    for other in others:
        for name, digest in map_shared(_digest_of, other.samples, workers):
            found += [f"{i} of {dataset.split} = {name} of {other.split}" for i in pictures.get(digest, ())]
            on_sample()
    return found


def strays(dataset: Dataset) -> list[str]:
    """Images in the dataset's folders that belong to no sample, also in folders beside these that have none at all."""
    images = [sample.image for sample in dataset.samples if isinstance(sample.image, FILES)]
    known = {path for s in dataset.samples for path in (s.image, s.target, *s.extras.values())}
    suffixes, folders = {path.suffix.lower() for path in images}, {path.parent for path in images}
    above = Counter(folder.parent for folder in folders)  # one folder says nothing of those beside it
    folders |= {path for folder, number in above.items() if number > 1 for path in folder.iterdir() if path.is_dir()}
    beside = (path for folder in sorted(folders) if folder.is_dir() for path in sorted(folder.iterdir()))
    return [str(path) for path in beside if path.suffix.lower() in suffixes and not path.name.startswith(".") and path not in known]


def _look(dataset: Dataset, sample: Sample) -> _Seen:
    read, problems = inspect(dataset, sample, FILE_PROPERTIES)
    if read is None:
        return _Seen(sample, problems)
    target = read.target if read.target.dtype == np.uint8 and read.target.ndim == 2 else None
    if read.image is None or sample.image is None:
        return _Seen(sample, problems, target=target)
    return _Seen(sample, problems, _digest(read.image), target, orientation_in(sample.image))


def _digest_of(sample: Sample) -> tuple[str, bytes]:
    """A sample's id, and the digest of its picture; nothing of one that cannot be read, which is that split's problem."""
    try:
        return sample.id, b"" if sample.image is None else _digest(read_photograph(sample))
    except DataError:
        return sample.id, b""


def _digest(image: NDArray[np.uint8]) -> bytes:
    """The same for two pictures of one size and of the same pixels, however they are stored."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()
