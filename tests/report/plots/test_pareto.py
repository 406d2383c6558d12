from __future__ import annotations

from segbench.report.plots.pareto import pareto_front


def test_the_front_is_what_nothing_beats():
    assert pareto_front([3, 1, 2, 2, 4], [30, 10, 5, 20, 30]) == [1, 3, 0]


def test_an_undefined_score_is_on_no_front():
    assert pareto_front([1, 2], [float("nan"), 5]) == [1]
