from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segbench.metrics.latency import is_faster, is_tied, median_interval, percentiles, ranks

DURATIONS = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=12)
INTERVALS = st.lists(st.none() | st.tuples(st.floats(0, 10), st.floats(0, 10)).map(lambda pair: (min(pair), max(pair))), max_size=6)


def test_percentiles_are_of_all_processes_together():
    assert percentiles([[1.0, 2.0], [3.0, 4.0, 5.0]]) == {"p50": 3.0, "p90": 4.6, "p99": 4.96}


@given(st.lists(DURATIONS, min_size=1, max_size=3))
def test_an_interval_of_the_median_holds_it_and_lies_in_the_range_of_the_samples(processes: list[list[float]]):
    interval = median_interval(processes, replicates=60)
    values = [value for samples in processes for value in samples]
    if len(values) == 1:
        assert interval is None
    else:
        assert interval is not None
        assert min(values) <= interval[0] <= interval[1] <= max(values)


def test_an_interval_covers_the_true_median_about_as_often_as_it_says():
    dice = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        low, high = median_interval([dice.lognormal(0, 0.2, 40)], replicates=200) or (0, 0)
        covered += low <= 1.0 <= high
    assert 0.91 <= covered / 300 <= 0.99


def test_processes_that_differ_widen_the_interval():
    near = [10.0, 10.1, 10.2, 10.1, 10.0]
    alike = median_interval([near, near, near])
    apart = median_interval([near, [value + 2 for value in near], [value + 4 for value in near]])
    assert alike is not None
    assert apart is not None
    assert apart[1] - apart[0] > 10 * (alike[1] - alike[0])


def test_the_same_samples_give_the_same_interval():
    samples = np.random.default_rng(0).lognormal(size=50)
    assert median_interval([samples]) == median_interval([samples])


def test_no_model_is_called_faster_while_the_intervals_overlap():
    assert is_faster((1.0, 2.0), (2.1, 3.0))
    assert not is_faster((1.0, 2.0), (2.0, 3.0))
    assert not is_faster((1.0, 2.2), (2.1, 3.0))
    assert not is_faster((2.1, 3.0), (1.0, 2.0))
    assert not is_faster(None, (2.0, 3.0))
    assert not is_faster((2.0, 3.0), None)


def test_models_that_cannot_be_told_apart_share_a_rank():
    intervals = [(1.0, 2.0), (1.9, 2.5), (3.0, 4.0), None, (3.9, 5.0), (6.0, 7.0)]
    assert ranks(intervals) == [1, 1, 3, None, 3, 5]
    assert [is_tied(i, intervals) for i in range(6)] == [True, True, True, False, True, False]


@given(INTERVALS)
def test_a_rank_is_better_only_where_some_model_is_faster(intervals: list[tuple[float, float] | None]):
    found = ranks(intervals)
    for a, own in zip(intervals, found, strict=True):
        for b, other in zip(intervals, found, strict=True):
            if is_faster(a, b):
                assert own is not None
                assert other is not None
                assert own < other
