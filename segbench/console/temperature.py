"""`segbench temperature`: the temperature at which each model's NLL is the lowest."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from segbench.benchmark.events import Event, Progress
from segbench.benchmark.temperatures import Tempered
from segbench.console.parts import draw_progress
from segbench.console.terminal import NOTE, console, table
from segbench.metrics.tempering import Fitted

HEADER = ["model", "temperature", "NLL", "NLL at 1", "pixels"]


def print_temperatures(events: Iterable[Event | Tempered]) -> None:
    """Print how far it is, on standard error, and then a table."""
    for work, members in groupby(events, lambda event: event.work if isinstance(event, Progress) else ""):
        if work:
            draw_progress(work, members)  # type: ignore[arg-type]
            continue
        for event in members:
            if isinstance(event, Tempered):
                show = console()
                show.print(table(HEADER, [[name, *_cells(own)] for name, own in zip(event.names, event.found, strict=True)]))
                show.print(f"wrote {event.path}; segbench run --temperature {event.path}", style=NOTE, markup=False, soft_wrap=True)


def _cells(own: Fitted) -> list[str]:
    half = max(own.high - own.temperature, own.temperature - own.low)
    return [f"{own.temperature:.4f} ± {half:.2g}", f"{own.nll:.4f}", f"{own.nll_before:.4f}", str(own.pixels)]
