"""A bounded pool over an endless supply of work: results in order, memory independent of how much there is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

SECONDS_BETWEEN_LOOKS = 2.0

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ordered(function: Callable[[Item], Result], items: Iterable[Item], workers: int, ahead: int = 4) -> Iterator[Result]:
    """``map(function, items)`` on threads, in order, with at most ``workers + ahead`` results alive.

    Threads, not processes: the decoders and the counting kernels release the interpreter's lock.
    """
    with ThreadPoolExecutor(workers) as pool:
        yield from _in_order(pool, function, items, workers + ahead, lambda tasks: None)


def map_shared(function: Callable[[Item], Result], items: Iterable[Item], threads: int, ahead: int = 4) -> Iterator[Result]:
    """As :func:`map_ordered`, on so many threads of which the calling one is one: whenever it would wait, it works.

    For a caller with little else to do. As a thread more than there are cores, it would take a core from the others to collect a result.
    """
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        yield from _in_order(pool, function, items, threads + ahead, partial(_work_until_first, function))


@dataclass
class _Task(Generic[Item, Result]):
    item: Item
    result: Future[Result]


def _result(pool: ThreadPoolExecutor, future: Future[Result]) -> Result:
    """What a future gives. A thread that found no memory even to begin is gone without a word, and nobody would ever hear of its work.

    :raises MemoryError: no thread of the pool is left.
    """
    while True:
        try:
            return future.result(timeout=SECONDS_BETWEEN_LOOKS)
        except TimeoutError:
            if future.done():  # it is the work's own error
                raise
            if not any(thread.is_alive() for thread in pool._threads):
                raise MemoryError("a thread ended before its work") from None


def _in_order(
    pool: ThreadPoolExecutor,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    at_most: int,
    before_waiting: Callable[[deque[_Task[Item, Result]]], None],
) -> Iterator[Result]:
    """The results; the tasks of those that are not there yet are given to ``before_waiting``, the next one first."""
    tasks: deque[_Task[Item, Result]] = deque()

    def first() -> Result:
        before_waiting(tasks)
        return _result(pool, tasks.popleft().result)

    try:
        for item in items:
            tasks.append(_Task(item, pool.submit(function, item)))
            if len(tasks) >= at_most:
                yield first()
        while tasks:
            yield first()
    finally:
        for task in tasks:
            task.result.cancel()


def _work_until_first(function: Callable[[Item], Result], tasks: deque[_Task[Item, Result]]) -> None:
    """Until the first result is there, do what no other thread has begun."""
    while not tasks[0].result.done() and (mine := next((task for task in tasks if task.result.cancel()), None)):
        mine.result = Future()
        try:
            mine.result.set_result(function(mine.item))
        except Exception as error:  # raised where its turn is
            mine.result.set_exception(error)
