"""What is said while images are counted, and of a part that was counted."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import groupby
from typing import TypeVar

from segbench.benchmark.events import Continued, Event, Progress, ShardCounted
from segbench.console.terminal import NOTE, console, progress_bar, table

Result = TypeVar("Result")


def print_parts(events: Generator[Event, None, Result]) -> Result:
    """Print how far ranks or a shard are, when it happens. Returns what the events end with."""
    results: list[Result] = []

    def all_events() -> Iterator[Event]:
        results.append((yield from events))

    for work, members in groupby(all_events(), lambda event: event.work if isinstance(event, Progress) else ""):
        if work:
            draw_progress(work, members)
            continue
        for event in members:
            if isinstance(event, Continued):
                print_continued(event)
            elif isinstance(event, ShardCounted):
                print_shard(event)
    return results[0]


def draw_progress(work: str, events: Iterable[Event]) -> None:
    """Draw a bar of one piece of work until it is done."""
    with progress_bar(work) as bar:
        task = bar.add_task(work, total=None)
        for event in events:
            if isinstance(event, Progress):
                bar.update(task, completed=event.done, total=event.total)


def print_continued(event: Continued) -> None:
    """That a run goes on where it was interrupted, and how to prevent that, on standard error."""
    counted = f"{event.done} of {event.images} images that were evaluated before"
    console(stderr=True).print(f"continuing after {counted}; to begin again, remove {event.unfinished}", markup=False, soft_wrap=True)


def print_shard(event: ShardCounted) -> None:
    """Where the counts of a shard are, and what to do with them."""
    print_failures(event.failed)
    console().print(f"shard {event.shard}: {event.images} images counted, {event.path}", markup=False, soft_wrap=True)
    note = f"when all {event.shard.of} are there: segbench merge {event.path.parent}"
    console().print(note, style=NOTE, markup=False, soft_wrap=True)


def print_failures(failed: Mapping[str, str]) -> None:
    """A table of the models that failed, and why."""
    if failed:
        console().print(table(["model", "error"], [[name, why] for name, why in failed.items()], text=["error"]))
