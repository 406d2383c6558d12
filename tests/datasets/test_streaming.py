from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.datasets.streaming import map_ordered


@given(st.lists(st.integers(), max_size=30), st.integers(1, 3), st.integers(0, 4))
def test_results_are_those_of_map_in_order(items: list[int], workers: int, ahead: int) -> None:
    assert list(map_ordered(lambda x: x * 2, items, workers, ahead)) == [x * 2 for x in items]


def test_an_endless_supply_is_read_only_a_little_ahead() -> None:
    taken: list[int] = []

    def supply() -> Iterator[int]:
        for number in count():
            taken.append(number)
            yield number

    assert list(islice(map_ordered(lambda x: x, supply(), workers=2, ahead=3), 10)) == list(range(10))
    assert 10 <= len(taken) <= 10 + 2 + 3


def test_an_exception_arrives_at_its_place_and_ends_the_threads() -> None:
    before = threading.active_count()
    results = map_ordered(lambda x: 1 // (3 - x), range(100), workers=2)
    assert list(islice(results, 3)) == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before


def test_work_is_done_on_other_threads() -> None:
    here = threading.get_ident()
    assert here not in set(map_ordered(lambda _: threading.get_ident(), range(8), workers=2))
