"""Datasets by name."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from segbench.datasets import DATASETS, LABEL_SPACES
from segbench.datasets.base import Dataset
from segbench.errors import SegbenchError, UnknownNameError
from segbench.files.remote import locate
from segbench.labels.space import LabelSpace

USUAL_SPLITS = ("train", "val", "test")
"""Splits that share no images, as nearly all datasets have them."""


def open_dataset(name: str, data: Path | str | None = None, split: str | None = None) -> Dataset:
    """Open a registered dataset, or the one that a YAML file describes; ``split=None`` is the one that it is evaluated on.

    :raises UnknownNameError: no such dataset.
    :raises DataError: its files are not where they should be.

    >>> import segbench
    >>> dataset = segbench.open_dataset("mydata.yaml")
    >>> len(dataset), dataset.labels.class_names
    (3, ('road', 'car', 'person'))
    """
    factory = DATASETS.resolve(located(name))
    data = None if data is None else locate(data)
    dataset = factory(data) if split is None else factory(data, split)
    if not isinstance(dataset, Dataset):
        raise UnknownNameError(f"{name!r} gave a {type(dataset).__name__}; a dataset factory returns a Dataset")
    return replace(dataset, opened_as=name)


def other_splits(dataset: Dataset) -> list[Dataset]:
    """The other splits of a dataset that are in the same folder; nothing is fetched for it."""
    usual = USUAL_SPLITS if dataset.split in USUAL_SPLITS and dataset.reference in DATASETS.names() else ()
    found = []
    for split in dataset.splits or usual:
        if split != dataset.split:
            with suppress(SegbenchError):  # it was not downloaded, or has no targets
                found.append(open_dataset(dataset.reference, dataset.root, split))
    return found


def located(name: str) -> str:
    """The name with its adapter: ``mydata.yaml`` is ``folder:mydata.yaml``."""
    return f"folder:{name}" if name.endswith((".yaml", ".yml")) and not DATASETS.is_adapted(name) else name


def is_dataset(name: str) -> bool:
    """Whether a name is that of a registered dataset or of a YAML file, and not of a function in a file or a module."""
    return DATASETS.is_adapted(located(name)) or name in DATASETS.names()


def label_space(name: str) -> LabelSpace:
    """The label space of a builtin dataset; none of its files is needed.

    :raises UnknownNameError: no such dataset, or one that says itself where its targets are.

    >>> import segbench
    >>> segbench.label_space("cityscapes").class_names[:3]
    ('road', 'sidewalk', 'building')
    """
    if DATASETS.is_adapted(located(name)):
        raise UnknownNameError(f"{name!r} says itself where its targets are: leave GTS out, segbench score PREDS --dataset {name}")
    space: LabelSpace = LABEL_SPACES.resolve(name)
    return space
