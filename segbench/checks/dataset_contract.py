"""What every dataset must keep to: our own tests, `segbench check` and the authors of plugins run the same properties.

A property is a function that returns if a dataset, or one of its samples, has it and raises if not; the first line of its docstring says
what holds. Every sample is read, twice; a check of the whole of Cityscapes takes minutes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from segbench.checks.findings import Finding, problem_of, require, some, title
from segbench.datasets.base import Dataset, Sample, read_photograph, turned_by_exif

SHOWN = 3


@dataclass(frozen=True, eq=False)
class Read:
    """What a sample's files hold: image uint8[H, W, 3], target uint8[H, W], depth float32[H, W]; ``None`` for what it has not."""

    image: NDArray[np.uint8] | None
    target: NDArray[np.uint8]
    depth: NDArray[np.float32] | None


DatasetProperty = Callable[[Dataset], None]
SampleProperty = Callable[[Dataset, Sample, Read], None]


def check_dataset(dataset: Dataset, on_sample: Callable[[], None] = lambda: None) -> Iterator[Finding]:
    """Check a dataset: one finding for each property, of the list of samples first, then of what is in every file.

    >>> import segbench
    >>> all(finding.holds for finding in segbench.check_dataset(segbench.open_dataset("mydata.yaml")))
    True
    """
    for holds in DATASET_PROPERTIES:
        yield Finding(dataset.title, title(holds), problem_of(partial(holds, dataset)))
    problems: dict[str, list[str]] = {what: [] for what in (title(reads), *map(title, SAMPLE_PROPERTIES))}
    for sample in dataset.samples:
        for what, problem in inspect(dataset, sample, SAMPLE_PROPERTIES)[1]:
            problems[what].append(f"{sample.id}: {problem}")
        on_sample()
    for what, found in problems.items():
        shown = "; ".join(found[:SHOWN]) + (f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else "")
        yield Finding(dataset.title, what, shown or None)


def inspect(dataset: Dataset, sample: Sample, properties: Iterable[SampleProperty]) -> tuple[Read | None, list[tuple[str, str]]]:
    """What a sample's files hold, and (property, problem) of each property that it lacks; one that cannot be read lacks that only."""
    kept: list[Read] = []
    if unread := problem_of(lambda: kept.append(reads(dataset, sample))):
        return None, [(title(reads), unread)]
    found = ((title(holds), problem_of(partial(holds, dataset, sample, kept[0]))) for holds in properties)
    return kept[0], [(what, problem) for what, problem in found if problem]


def has_samples(dataset: Dataset) -> None:
    """There are samples."""
    require(bool(dataset.samples), f"{dataset.title} is empty")


def has_unique_ids(dataset: Dataset) -> None:
    """No two samples share an id."""
    repeated = [i for i, count in Counter(sample.id for sample in dataset.samples).items() if count > 1]
    require(not repeated, f"more than once: {some(repeated)}")


def has_ids_that_are_file_names(dataset: Dataset) -> None:
    """Every id is a relative path, for predictions are stored under it."""
    bad = [repr(sample.id) for sample in dataset.samples if {"", ".", ".."} & set(sample.id.split("/"))]
    require(not bad, f"not usable as file names: {some(bad)}")


def is_sorted(dataset: Dataset) -> None:
    """Samples are sorted by id, so that their order is the same everywhere."""
    ids = [sample.id for sample in dataset.samples]
    swapped = [f"{b!r} comes after {a!r}" for a, b in pairwise(ids) if b < a]
    require(not swapped, some(swapped, 1))


def reads(dataset: Dataset, sample: Sample) -> Read:
    """Every file can be read."""
    image = None if sample.image is None else read_photograph(sample)
    depth = None if dataset.read_depth is None or "depth" not in sample.extras else dataset.read_depth(sample)
    return Read(image, dataset.read_target(sample), depth)


def has_targets_of_bytes(dataset: Dataset, sample: Sample, read: Read) -> None:
    """Targets are uint8[H, W] and not empty."""
    target = read.target
    require(target.dtype == np.uint8 and target.ndim == 2 and target.size > 0, f"target is {target.dtype}{list(target.shape)}")


def has_target_and_image_of_one_size(dataset: Dataset, sample: Sample, read: Read) -> None:
    """Target, image and depth have one size."""
    sizes = {what: array.shape[:2] for what, array in vars(read).items() if array is not None}
    problem = ", ".join(f"{what} {size[0]}x{size[1]}" for what, size in sizes.items())
    differ = len(set(sizes.values())) > 1
    if differ and read.image is not None:
        problem += turned_by_exif(sample, read.image.shape[:2], read.target.shape)
    require(not differ, problem)


def has_known_labels(dataset: Dataset, sample: Sample, read: Read) -> None:
    """The label space owns every byte of the targets."""
    unknown = set(np.unique(read.target).tolist()) - dataset.labels.known_ids
    require(not unknown, f"ids {sorted(unknown)} are not in label space {dataset.labels.name!r}")


def reads_the_same_twice(dataset: Dataset, sample: Sample, read: Read) -> None:
    """Reading a sample again gives the same bytes."""
    again = vars(reads(dataset, sample))
    changed = [what for what, array in vars(read).items() if array is not None and array.tobytes() != again[what].tobytes()]
    require(not changed, f"{' and '.join(changed)} changed")


DATASET_PROPERTIES: tuple[DatasetProperty, ...] = (has_samples, has_unique_ids, has_ids_that_are_file_names, is_sorted)
SAMPLE_PROPERTIES: tuple[SampleProperty, ...] = (
    has_targets_of_bytes,
    has_target_and_image_of_one_size,
    has_known_labels,
    reads_the_same_twice,
)
