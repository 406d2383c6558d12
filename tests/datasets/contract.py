"""What the test of every reader asks: the properties of a dataset hold for a tiny set that lies in its official layout, without strays."""

from __future__ import annotations

from segbench.checks.dataset_contract import check_dataset
from segbench.checks.dataset_files import strays
from segbench.datasets.base import Dataset


def broken(dataset: Dataset) -> list[str]:
    """The properties that do not hold, and images that `segbench data check` would take for strays."""
    lacking = [f"{finding.claim}: {finding.problem}" for finding in check_dataset(dataset) if not finding.holds]
    return lacking + ([] if dataset.shared_folders else strays(dataset))
