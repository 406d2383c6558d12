"""A bounded pool over an endless supply of work: results in order, memory independent of how much there is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ordered(function: Callable[[Item], Result], items: Iterable[Item], workers: int, ahead: int = 4) -> Iterator[Result]:
    """``map(function, items)`` on threads, in order, with at most ``workers + ahead`` results alive.

    Threads, not processes: the decoders and the counting kernels release the interpreter's lock.
    """
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= workers + ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def map_shared(function: Callable[[Item], Result], items: Iterable[Item], threads: int, ahead: int = 4) -> Iterator[Result]:
    """As :func:`map_ordered`, on so many threads of which the calling one is one: whenever it would wait, it works.

    For a caller with little else to do. As a thread more than there are cores, it would take a core from the others to collect a result.
    """
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        tasks: deque[_Task[Item, Result]] = deque()
        try:
            for item in items:
                tasks.append(_Task(item, pool.submit(function, item)))
                if len(tasks) >= threads + ahead:
                    yield _first(function, tasks)
            while tasks:
                yield _first(function, tasks)
        finally:
            for task in tasks:
                task.result.cancel()


@dataclass
class _Task(Generic[Item, Result]):
    item: Item
    result: Future[Result]


def _first(function: Callable[[Item], Result], tasks: deque[_Task[Item, Result]]) -> Result:
    """Take the first task's result; until it is there, do what no other thread has begun."""
    while not tasks[0].result.done() and (mine := next((task for task in tasks if task.result.cancel()), None)):
        mine.result = Future()
        try:
            mine.result.set_result(function(mine.item))
        except Exception as error:  # raised where its turn is
            mine.result.set_exception(error)
    return tasks.popleft().result.result()
