from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.parallel import map_ordered, map_shared

Mapping = Callable[..., Iterator[Any]]
BOTH = pytest.mark.parametrize("mapping", [map_ordered, map_shared])


@BOTH
@given(items=st.lists(st.integers(), max_size=30), workers=st.integers(1, 3), ahead=st.integers(0, 4))
def test_results_are_those_of_map_in_order(mapping: Mapping, items: list[int], workers: int, ahead: int) -> None:
    assert list(mapping(lambda x: x * 2, items, workers, ahead)) == [x * 2 for x in items]


@BOTH
def test_an_endless_supply_is_read_only_a_little_ahead(mapping: Mapping) -> None:
    taken: list[int] = []

    def supply() -> Iterator[int]:
        for number in count():
            taken.append(number)
            yield number

    assert list(islice(mapping(lambda x: x, supply(), 2, 3), 10)) == list(range(10))
    assert 10 <= len(taken) <= 10 + 2 + 3


@BOTH
def test_an_exception_arrives_at_its_place_and_ends_the_threads(mapping: Mapping) -> None:
    before = threading.active_count()
    results = mapping(lambda x: 1 // (3 - x), range(100), 2)
    assert list(islice(results, 3)) == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before


def test_work_is_done_on_other_threads() -> None:
    here = threading.get_ident()
    assert here not in set(map_ordered(lambda _: threading.get_ident(), range(8), workers=2))


def test_shared_work_is_done_on_the_calling_thread_too_and_on_no_more_than_were_asked_for() -> None:
    threads, together = 3, threading.Barrier(3)
    used = set(map_shared(lambda _: (together.wait(timeout=10), threading.get_ident())[1], range(threads), threads))
    assert threading.get_ident() in used
    assert len(used) == threads
    assert set(map_shared(lambda _: threading.get_ident(), range(8), 1)) == {threading.get_ident()}


def test_threads_that_are_gone_without_a_word_are_no_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbench.parallel.SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr("concurrent.futures.thread._worker", lambda *_: None)  # as where a thread finds no memory to begin
    with pytest.raises(MemoryError, match="ended before its work"):
        list(map_ordered(str, range(3), workers=2))


def test_a_timeout_of_the_work_itself_is_told() -> None:
    def late(_: int) -> int:
        raise TimeoutError("the store does not answer")

    with pytest.raises(TimeoutError, match="the store"):
        list(map_ordered(late, range(3), workers=2))
