"""Datasets by name."""

from __future__ import annotations

from pathlib import Path

from segbench.core.labels import LabelSpace
from segbench.datasets import BUILTIN, GROUP, LABEL_SPACES
from segbench.datasets.base import Dataset
from segbench.errors import UnknownNameError
from segbench.registry import resolve, resolve_attribute


def open_dataset(name: str, data: Path | None = None, split: str | None = None) -> Dataset:
    """A registered dataset; ``split=None`` is the one that it is evaluated on.

    :raises UnknownNameError: no such dataset.
    :raises DataError: its files are not where they should be.
    """
    factory = resolve(name, BUILTIN, GROUP)
    dataset = factory(data) if split is None else factory(data, split)
    if not isinstance(dataset, Dataset):
        raise UnknownNameError(f"{name!r} gave a {type(dataset).__name__}; a dataset factory returns a Dataset")
    return dataset


def label_space(name: str) -> LabelSpace:
    """The label space of a builtin dataset, without its files.

    :raises UnknownNameError: no such dataset.
    """
    space: LabelSpace = resolve_attribute(name, LABEL_SPACES, "label space")
    return space
