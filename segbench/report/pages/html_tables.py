"""Tables as they stand on the page: each cell its text, rounded here, and the number that it is sorted by."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from segbench.files.foreign import web_address
from segbench.leaderboards.board_scores import BOARD_SCORES
from segbench.leaderboards.rules import Reported
from segbench.records.profile import Profile
from segbench.report.pages.board_texts import SCALES
from segbench.report.tables import speed
from segbench.report.tables.formats import DASH, LESS, PLAIN, shown
from segbench.report.tables.frames import SEEDS_SD, SIZES, Group, group_table, group_widths


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

    @property
    def metrics(self) -> list[str]:
        """The columns that it can be ranked by."""
        names = [column.name for column in self.columns if column.name in BOARD_SCORES and column.kind == "number"]
        return [] if self.reported else sorted(names, key=lambda name: name != self.ranked_by)

    @property
    def ranked_by(self) -> str:
        """The column that its ranks are of."""
        return next((column.name for column in self.columns if column.sorted), "")

    @property
    def limits(self) -> list[tuple[str, str]]:
        """What rows can be limited to by a press, and the words of the filter that say so."""
        names = {column.name for column in self.columns}
        return [] if self.reported else [(said, words) for name, (said, words) in LIMITS.items() if name in names]


LIMITS = {"network_ms": ("≤ 30 ms", "network_ms<=30"), "params": ("≤ 5 M params", "params<=5M")}
LESS_IS_BETTER = frozenset({"rank", SEEDS_SD, *SIZES, "network_ms", *LESS})
PERCENT = frozenset(BOARD_SCORES) - PLAIN


def measured_table(heading: str, group: Group, profiles: Sequence[Profile], ids: Sequence[str], notes: Sequence[str]) -> Table:
    """What :func:`~segbench.report.tables.frames.group_table` gives; ``ids`` of its rows. Models come first, their ranks behind them."""
    table = group_table(group, profiles)
    table = table[["model", *(name for name in table.columns if name != "model")]]
    names, lines = shown(table, widths=group_widths(group))
    labels = [model_cells(line[0].text) for line in lines]
    columns = [Column("model"), *(_column(name, _order(name) if name == group.rank else "") for name in names[1:])]
    rows = []
    for i, (id, (_, *line), (short, _)) in enumerate(zip(ids, lines, labels, strict=True)):
        values = [_value(name, table[name].iloc[i]) for name in names[1:]]
        numbers = [Cell(cell.text, value, cell.place, cell.more.strip()) for cell, value in zip(line, values, strict=True)]
        rows.append(Row([Cell(short), *numbers], id))
    columns, rows = _with_column("arguments", columns, rows, labels)
    return Table(heading, columns, rows, group.signature, notes, comparable=len(rows) > 1)


def _value(name: str, value: Any) -> float | None:
    """A number in the unit in which it is shown."""
    return None if pd.isna(value) else 100 * float(value) if name in (*PERCENT, SEEDS_SD) else float(value)


def measured_speeds(heading: str, profiles: Sequence[Profile]) -> Table:
    """Profiles of one machine, the fastest first; names and ranks are those of :func:`segbench.report.tables.speed.speed_table`."""
    table = speed.speed_table(profiles).sort_values("predict_ms", kind="stable")
    known = [name for name in _OF_PROFILES if table[name].notna().any()]
    labels = [model_cells(name) for name in table["network"]]
    columns = [Column("model"), *(_column(name, "ascending" if name == "predict_ms" else "") for name in known)]
    rows = []
    for row, (short, _) in zip(table.to_dict("records"), labels, strict=True):
        texts = speed.speed_texts(row)
        values = [None if pd.isna(row[name]) else row[name] for name in known]
        cells = [Cell(texts[name], value, more=_plus_minus(name, row)) for name, value in zip(known, values, strict=True)]
        rows.append(Row([Cell(short), *cells]))
    columns, rows = _with_column("variant", columns, rows, labels)
    return Table(heading, columns, rows, notes=[f"{speed.speed_note(profiles).capitalize()}. ± is half the width of such an interval."])


_OF_PROFILES = ("rank", "predict_ms", "network_ms", "images_per_s", "params", "MACs", "peak_memory_mb", "runs")


def _plus_minus(name: str, row: Mapping[Hashable, Any]) -> str:
    """Half the width of a time's interval."""
    low, high = (row.get(f"{name} {bound}", math.nan) for bound in ("low", "high"))
    return "" if math.isnan(high - low) else f"± {speed.ms((high - low) / 2)}"


def _with_column(name: str, columns: list[Column], rows: list[Row], labels: Sequence[tuple[str, str]]) -> tuple[list[Column], list[Row]]:
    """A table with what stands behind the names in a column of its own: the last, or where it tells rows apart, beside the name."""
    if not any(more for _, more in labels):
        return columns, rows
    at = len(columns) if len({short for short, _ in labels}) == len(labels) else 1
    cells = [Cell(more or DASH) for _, more in labels]
    rows = [replace(row, cells=[*row.cells[:at], cell, *row.cells[at:]]) for row, cell in zip(rows, cells, strict=True)]
    return [*columns[:at], Column(name), *columns[at:]], rows


def model_cells(label: str) -> tuple[str, str]:
    """A model's name, and in a column of their own its arguments and how it was run."""
    name, *behind = re.split(r", | (?=[(@#])", label, maxsplit=1)
    more = "".join(behind)
    return name, more[1:-1] if more.startswith("(") and more.find(")") == len(more) - 1 else more


def reported_tables(rows: Sequence[Reported]) -> list[Table]:
    """Published numbers, a table for each way of using scales, with what was said of how they came to be."""
    texts = [Column(name, "wrap") for name in ("input", "extra data", "measured by")]
    miou, year = Column("mIoU", "number", "descending", "descending"), Column("year", "number", "descending")
    columns = [Column("model"), miou, *texts, year, Column("source", "wrap")]
    note = "Each number is as it was printed, by others, under the protocol of its row; rows of different protocols are not comparable."
    members = {title: [Row(_published(row)) for row in rows if row.scales == scales] for scales, title in SCALES.items()}
    return [Table(title, columns, found, notes=(note,), reported=True) for title, found in members.items() if found]


def _published(row: Reported) -> list[Cell]:
    name = Cell(row.model, more=", ".join(filter(None, (row.variant, row.backbone))))
    how = [Cell(text or DASH) for text in (row.input, row.data, row.by)]
    return [name, Cell(row.miou, float(row.miou)), *how, Cell(str(row.year), row.year), Cell(row.source, url=web_address(row.url) or "")]


Order = Literal["ascending", "descending"]


def _order(name: str) -> Order:
    """How the best of a column comes first."""
    return "ascending" if name in LESS_IS_BETTER or name.endswith(("_ms", "_mb")) else "descending"


def _column(name: str, sorted: Literal["", Order] = "") -> Column:
    return Column(name, "number", _order(name), sorted)
