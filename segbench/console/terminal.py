"""What a person sees in a terminal: tables and progress bars."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from segbench.files.names import printable

SECONDS_BETWEEN_LINES = 60
NOTE = "dim"
"""The style of what explains a result; `--quiet` leaves it out."""

_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


def be_quiet() -> None:
    """From now on show results, warnings and errors alone: no progress, no notes."""
    _quiet.set(True)


class _Shown(Console):
    """Prints text as it is to be seen: what would steer the terminal, in names of files for instance, is written out."""

    def print(self, *objects: Any, **options: Any) -> None:
        if _quiet.get() and options.get("style") == NOTE:
            return
        super().print(*(printable(each) if isinstance(each, str) else each for each in objects), **options)


def console(*, stderr: bool = False) -> Console:
    """A console that never cuts a table when its output is not a terminal."""
    out = _Shown(stderr=stderr, highlight=False, emoji=False)
    if not out.is_terminal:
        out = _Shown(stderr=stderr, highlight=False, emoji=False, width=200)
    return out


class _Lines(Progress):
    """Where standard error is a file, of a cluster's job for instance: a line now and then says how far it is, and nothing is drawn."""

    def __init__(self, *columns: ProgressColumn, **options: Any) -> None:
        super().__init__(*columns, **options)
        self._said = time.monotonic()

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._say(task_id)

    def stop(self) -> None:
        """Nothing was drawn; rich before 14.3 prints an empty line here."""

    def update(self, task_id: TaskID, **fields: Any) -> None:
        super().update(task_id, **fields)
        self._say(task_id)

    def _say(self, task_id: TaskID) -> None:
        if _quiet.get() or time.monotonic() - self._said < SECONDS_BETWEEN_LINES:
            return
        self._said = time.monotonic()
        task = self._tasks[task_id]
        fields = "".join(f"  {value}" for value in task.fields.values())
        left = f", {task.time_remaining:.0f} s left" if task.time_remaining else ""
        done = f"{task.completed:.0f} of {task.total:.0f}, {task.elapsed or 0:.0f} s{left}"
        print(f"{task.description}: {done}{fields}", file=sys.stderr, flush=True)


@contextmanager
def progress_bar(description: str, *columns: str) -> Iterator[Progress]:
    """A progress bar on standard error, gone when it is done; a line a minute where standard error is no terminal.

    ``columns`` name task fields that are shown after the bar.
    """
    drawn = Console(stderr=True).is_terminal and not _quiet.get()
    bar = (Progress if drawn else _Lines)(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *(TextColumn("{task.fields[" + name + "]}") for name in columns),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not drawn,
    )
    with bar:
        yield bar


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, text: Sequence[str] = ()) -> Table:
    """A table of numbers, beside the first column and those named in ``text``, which may take several lines."""
    result = Table()
    for index, name in enumerate(header):
        result.add_column(printable(name), justify="left" if index == 0 or name in text else "right", no_wrap=name not in text)
    for row in rows:
        result.add_row(*map(printable, row))
    return result
