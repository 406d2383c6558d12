"""What the test of every reader asks: the properties of a dataset hold for a tiny set that lies in its official layout."""

from __future__ import annotations

from segbench.dataset_contract import check_dataset
from segbench.datasets.base import Dataset


def broken(dataset: Dataset) -> list[str]:
    """The properties that do not hold."""
    return [f"{finding.claim}: {finding.problem}" for finding in check_dataset(dataset) if not finding.holds]
