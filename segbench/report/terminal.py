"""What a person sees in a terminal: tables and progress bars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from segbench.report.intervals import plus_minus


def console(*, stderr: bool = False) -> Console:
    """A console that never cuts a table when its output is not a terminal."""
    out = Console(stderr=stderr, highlight=False, emoji=False)
    if not out.is_terminal:
        out = Console(stderr=stderr, highlight=False, emoji=False, width=200)
    return out


@contextmanager
def progress_bar(description: str, *columns: str) -> Iterator[Progress]:
    """A progress bar on standard error, gone when it is done; nothing at all where standard error is no terminal.

    ``columns`` name task fields that are shown after the bar.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *(TextColumn("{task.fields[" + name + "]}") for name in columns),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not Console(stderr=True).is_terminal,
    )
    with bar:
        yield bar


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, text: Sequence[str] = ()) -> Table:
    """A table of numbers, beside the first column and those named in ``text``, which may take several lines."""
    result = Table()
    for index, name in enumerate(header):
        result.add_column(name, justify="left" if index == 0 or name in text else "right", no_wrap=name not in text)
    for row in rows:
        result.add_row(*row)
    return result


def percent(fraction: float, half_width: float = math.nan) -> str:
    """A fraction as a per cent with one decimal, and half the width of its interval where it has one; a dash where it is undefined."""
    return "–" if math.isnan(fraction) else f"{100 * fraction:.1f}{plus_minus(half_width)}"


def count(number: object) -> str:
    """A count with a thousands suffix: 454.3 M; a dash for what is not known."""
    if not isinstance(number, float | Integral):
        return "–"
    number = float(number)
    for size, suffix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {suffix}" if number < 100 * size else f"{number / size:.0f} {suffix}"
    return f"{number:.0f}"
