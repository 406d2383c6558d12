"""What the page says of what was counted beside pairs, of one model and of two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segbench.kernels.confidence_bins import OF_BINS, OF_CLASSES, OF_STEPS, length
from segbench.metrics.calibration import Calibration
from segbench.metrics.error_causes import CAUSES, SIZES, Errors
from segbench.metrics.trimap import WIDTHS, Trimap
from segbench.records.run_record import RunRecord
from segbench.report.pages.counted_beside import counted_beside
from segbench.report.tables.causes import Causes
from tests.report.fakes import FAIR, GOOD, run_record

CLASSES = 3


def record(name: str, matrix: list[list[int]], border: int) -> RunRecord:
    """Wrong pixels of roads alone are all of the outline; those that are seen as no class are missed."""
    counts = np.zeros((CLASSES, len(CAUSES), 2), np.int64)
    counts[0, 0] = matrix[0][1], matrix[1][0]
    counts[1, 0] = matrix[1][0], matrix[0][1]
    counts[0, 2, 0] = matrix[0][3]
    sizes = np.zeros((CLASSES, len(SIZES), 4), np.int64)
    near = np.zeros((CLASSES, len(WIDTHS), 3), np.int64)
    near[:2] = np.arange(1, 7)[:, None] * [1, 2, 2]
    numbers = np.zeros(length(CLASSES))
    numbers[0] = 150
    bins = numbers[OF_BINS:OF_STEPS].reshape(-1, 3)
    bins[7] = 50, 20, 25.0
    bins[14] = 100, 100, 98.0
    steps, of_classes = numbers[OF_STEPS:OF_CLASSES].reshape(-1, 2), numbers[OF_CLASSES:].reshape(CLASSES, -1, 2)
    steps[0], steps[9] = (100, 0), (50, 30)
    of_classes[0, 14, 1], of_classes[1, 7, 1] = 100, 50
    made = run_record(name, matrix)
    return replace(made, errors=Errors(counts, border, sizes), trimap=Trimap(near), calibration=Calibration(numbers))


RECORDS = {"good": record("good", GOOD, 3), "fair": record("fair", FAIR, 3)}


def test_what_was_counted_is_told_in_tenths_of_a_per_cent() -> None:
    told = counted_beside(RECORDS["good"])
    gain = Causes(RECORDS["good"]).gain("border")
    assert told["causes"]["border"] == 3
    assert told["causes"]["rows"][0] == ["border", 750, round(1000 * gain), None]
    assert [cause for cause, *_ in told["causes"]["rows"]] == list(CAUSES)
    assert told["reliability"]["bins"] == [[500, 400, 333], [980, 1000, 667]]
    assert told["reliability"]["ece"].startswith(f"{100 * (5 + 2) / 150:.1f}")
    assert told["trimap"] == [[width, 333, None] for width in WIDTHS]


def test_what_was_not_counted_is_not_there() -> None:
    assert counted_beside(run_record("plain", GOOD)) == {}
