from __future__ import annotations

import math

from segbench.report.tables.numbers import count, percent


def test_numbers_are_short_and_undefined_ones_are_dashes() -> None:
    assert [percent(0.5731), percent(0.5731, 0.008), percent(math.nan)] == ["57.3", "57.3 ± 0.8", "–"]
    assert [count(454_300_000), count(999), count(31_032_915), count(None)] == ["454 M", "999", "31 M", "–"]
