from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest
import torch

from segbench.profiling import timing
from segbench.profiling.timing import Effort, stopwatch, time_in_turns, warm_up


def passes(times: Iterator[float]) -> timing.Pass:
    """A pass that says it took so long, and takes no time."""

    def once() -> tuple[float, float]:
        ms = next(times)
        return ms / 2, ms

    return once


def timed(works: Sequence[timing.Pass], effort: Effort) -> tuple[list[list[tuple[float, float]]], list[float]]:
    """The samples, and the shares of the work that were yielded on the way."""
    turns, shares = time_in_turns(works, effort), list[float]()
    while True:
        try:
            shares.append(next(turns))
        except StopIteration as end:
            return end.value, shares


def test_a_warm_up_ends_when_the_median_no_longer_moves() -> None:
    falling = itertools.chain((100.0 / n for n in range(1, 30)), itertools.repeat(3.0))
    assert warm_up(passes(falling), Effort()) == {"passes": 45, "stable": True}


def test_a_warm_up_of_a_slow_or_restless_network_is_bounded_and_says_so() -> None:
    assert warm_up(passes(itertools.repeat(5000.0)), Effort(warmup_seconds=3)) == {"passes": 2, "stable": False}
    assert warm_up(passes(map(float, itertools.count(1))), Effort(repeats=12)) == {"passes": 25, "stable": False}


@pytest.mark.parametrize(
    ("ms", "effort", "expected"),
    [
        (1.0, Effort(repeats=20, seconds=10), 20),
        (100.0, Effort(repeats=500, seconds=2), 20),
        (60_000.0, Effort(repeats=500, seconds=5), 3),
        (60_000.0, Effort(repeats=1, seconds=5), 1),
    ],
    ids=["fast", "middling", "slow", "one"],
)
def test_fast_networks_are_timed_often_and_slow_ones_three_times(
    ms: float, effort: Effort, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "TURN_SECONDS", 0)
    ((samples,), _) = timed([passes(itertools.repeat(ms))], effort)
    assert samples == [(ms / 2, ms)] * expected


def test_networks_take_turns_and_the_first_pass_of_a_turn_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))  # a second passes between two looks at the clock
    monkeypatch.setattr(timing, "TURN_SECONDS", 2.5)
    order: list[str] = []

    def named(name: str) -> timing.Pass:
        def once() -> tuple[float, float]:
            order.append(name)
            return 1.0, float(len(order))

        return once

    (a, b), shares = timed([named("a"), named("b")], Effort(repeats=4, seconds=100))
    assert "".join(order) == "aaabbbaaabbb"
    assert [whole for _, whole in a] == [2, 3, 8, 9]
    assert [whole for _, whole in b] == [5, 6, 11, 12]
    assert shares[-1] == 1
    assert shares == sorted(shares)


def test_a_stopwatch_measures_milliseconds() -> None:
    mark, between = stopwatch(torch.device("cpu"))
    start = mark()
    end = mark()
    assert 0 <= between(start, end) < 1000
    assert between(1.0, 1.5) == 500
