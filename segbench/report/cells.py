"""Tables as they stand on the page: each cell its text, rounded here, and the number that it is sorted by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from segbench.board_rules import Reported
from segbench.core.latency import ranks
from segbench.profiles import Profile, Timing
from segbench.report.formats import DASH, Markup, cells, without_bounds
from segbench.report.tables import SCORES, SIZES, label
from segbench.report.terminal import count


@dataclass(frozen=True)
class Cell:
    """``value`` is in the unit of the text (per cent, milliseconds), ``None`` where undefined; ``more`` follows the text, pale.

    ``mark``: ``best`` or ``second`` of its column, or nothing.
    """

    text: str
    value: float | None = None
    mark: str = ""
    more: str = ""
    url: str = ""


@dataclass(frozen=True)
class Column:
    """``kind``: ``number`` columns are sorted by value, others by text. ``first``: how the first press of the header sorts."""

    name: str
    kind: Literal["", "number", "wrap"] = ""
    first: Literal["", "ascending", "descending"] = ""
    sorted: Literal["", "ascending", "descending"] = ""


@dataclass(frozen=True)
class Row:
    """``id``: what links name the row's model by; empty if it has no page of its own."""

    cells: Sequence[Cell]
    id: str = ""


@dataclass(frozen=True)
class Table:
    """A table and what stands around it. ``comparable``: two rows can be ticked and compared."""

    heading: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    signature: str = ""
    notes: Sequence[str] = ()
    reported: bool = False
    comparable: bool = False


LESS_IS_BETTER = frozenset({"rank", *SIZES, "network_ms"})
_MARKED = Markup(str, "best\0{}", "second\0{}")  # a cell's class before its text


def measured_table(heading: str, table: pd.DataFrame, ids: Sequence[str], *, signature: str, notes: Sequence[str]) -> Table:
    """What :func:`~segbench.report.tables.leaderboard` gives; ``ids`` of its rows. The models come first, their ranks behind them."""
    table = table[["model", *(name for name in table.columns if name != "model")]]
    names, texts = cells(table, _MARKED)
    shown = without_bounds(table)
    columns = [Column("model"), *(_column(name, "descending" if name == "mIoU" else "") for name in names[1:])]
    rows = []
    for i, (id, line) in enumerate(zip(ids, texts, strict=True)):
        values = [_shown(name, shown[name].iloc[i]) for name in names[1:]]
        rows.append(Row([model_cell(line[0]), *map(_measured_cell, line[1:], values)], id))
    return Table(heading, columns, rows, signature, notes, comparable=len(rows) > 1)


def _shown(name: str, value: Any) -> float | None:
    """A number in the unit in which it is shown."""
    return None if pd.isna(value) else 100 * float(value) if name in SCORES else float(value)


def _measured_cell(text: str, value: float | None) -> Cell:
    mark, _, text = text.rpartition("\0")
    text, sign, width = text.partition("±")
    return Cell(text.strip(), value, mark, sign + width)


def speed_table(heading: str, profiles: Iterable[Profile], *, notes: Sequence[str] = ()) -> Table:
    """Profiles of one setting, the fastest first. Those whose intervals overlap are not told apart, which their ranks show."""
    rows = sorted(profiles, key=lambda p: (p.network_ms, label(p.model, p.arguments)))
    known = {name: [value(profile) for profile in rows] for name, value in _OF_PROFILE.items()}
    names = [name for name, values in known.items() if any(value is not None for value in values)]
    columns = [_column(name, "ascending" if name == "network_ms" else "") for name in names]
    places = ranks([profile.network.interval for profile in rows])
    if any(places):
        columns.insert(0, Column("rank", "number", "ascending"))
    lines = []
    for i, profile in enumerate(rows):
        more = {"network_ms": _interval(profile.network), "predict_ms": _interval(profile.predict)}
        place = [Cell(DASH if places[i] is None else str(places[i]), places[i])] if any(places) else []
        lines.append([model_cell(label(profile.model, profile.arguments)), *place])
        lines[i] += [_cell(name, known[name][i], more.get(name, "")) for name in names]
    return Table(heading, [Column("model"), *columns], [Row(each) for each in lines], notes=notes)


_OF_PROFILE: dict[str, Callable[[Profile], float | None]] = {
    "params": lambda p: p.params,
    "MACs": lambda p: p.macs,
    "network_ms": lambda p: p.network_ms,
    "network_p90_ms": lambda p: p.network.percentiles.get("p90"),
    "predict_ms": lambda p: p.predict_ms,
    "images_per_s": lambda p: p.images_per_s,
    "peak_memory_mb": lambda p: p.peak_memory_mb,
}


def model_cell(label: str) -> Cell:
    """A model's name, and behind it, pale, its arguments."""
    name, bracket, rest = label.partition(" (")
    return Cell(name, more=f"({rest}" if bracket else "")


def _interval(timing: Timing) -> str:
    return "" if timing.interval is None else f"± {_measure((timing.interval[1] - timing.interval[0]) / 2)}"


def reported_table(rows: Sequence[Reported]) -> Table:
    """Published numbers, with what was said of how they came to be."""
    texts = [Column(name, "wrap") for name in ("input", "extra data", "measured by")]
    miou, year = Column("mIoU", "number", "descending", "descending"), Column("year", "number", "descending")
    columns = [Column("model"), miou, Column("scales"), *texts, year, Column("source", "wrap")]
    note = "Each number is as it was printed, by others, under the protocol of its row; rows of different protocols are not comparable."
    return Table("Published results", columns, [Row(_published(row)) for row in rows], notes=(note,), reported=True)


def _published(row: Reported) -> list[Cell]:
    name = Cell(row.model, more=", ".join(filter(None, (row.variant, row.backbone))))
    how = [Cell(text or DASH) for text in (row.scales, row.input, row.data, row.by)]
    return [name, Cell(row.miou, float(row.miou)), *how, Cell(str(row.year), row.year), Cell(row.source, url=row.url)]


def _column(name: str, sorted: Literal["", "ascending", "descending"] = "") -> Column:
    return Column(name, "number", "ascending" if name in LESS_IS_BETTER or name.endswith(("_ms", "_mb")) else "descending", sorted)


def _cell(name: str, value: float | None, more: str = "") -> Cell:
    if value is None:
        return Cell(DASH)
    return Cell(count(value) if name in SIZES else _measure(value), value, more=more)


def _measure(value: float) -> str:
    """One decimal, and a second one where the first would say little."""
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"
