"""Tables as they stand on the page: each cell its text, rounded here, and the number that it is sorted by."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from segbench.files.foreign import web_address
from segbench.leaderboards.rules import Reported
from segbench.records.profile import Profile
from segbench.report.pages.board_texts import SCALES
from segbench.report.tables import speed
from segbench.report.tables.formats import DASH, shown
from segbench.report.tables.frames import SCORES, SEEDS_SD, SIZES


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


LESS_IS_BETTER = frozenset({"rank", SEEDS_SD, *SIZES, "network_ms"})


def measured_table(heading: str, table: pd.DataFrame, ids: Sequence[str], *, signature: str, notes: Sequence[str]) -> Table:
    """What :func:`~segbench.report.tables.frames.score_table` gives; ``ids`` of its rows. Models come first, their ranks behind them."""
    table = table[["model", *(name for name in table.columns if name != "model")]]
    names, lines = shown(table)
    columns = [Column("model"), *(_column(name, "descending" if name == "mIoU" else "") for name in names[1:])]
    rows = []
    for i, (id, (model, *line)) in enumerate(zip(ids, lines, strict=True)):
        values = [_value(name, table[name].iloc[i]) for name in names[1:]]
        numbers = [Cell(cell.text, value, cell.place, cell.more.strip()) for cell, value in zip(line, values, strict=True)]
        rows.append(Row([model_cell(model.text), *numbers], id))
    return Table(heading, columns, rows, signature, notes, comparable=len(rows) > 1)


def _value(name: str, value: Any) -> float | None:
    """A number in the unit in which it is shown."""
    return None if pd.isna(value) else 100 * float(value) if name in (*SCORES, SEEDS_SD) else float(value)


def measured_speeds(heading: str, profiles: Sequence[Profile]) -> Table:
    """Profiles of one machine, the fastest first; names and ranks are those of :func:`segbench.report.tables.speed.speed_table`."""
    table = speed.speed_table(profiles).sort_values("predict_ms", kind="stable")
    known = [name for name in _OF_PROFILES if table[name].notna().any()]
    columns = [Column("model"), *(_column(name, "ascending" if name == "predict_ms" else "") for name in known)]
    rows = []
    for row in table.to_dict("records"):
        texts = speed.speed_texts(row)
        values = [None if pd.isna(row[name]) else row[name] for name in known]
        cells = [Cell(texts[name], value, more=_plus_minus(name, row)) for name, value in zip(known, values, strict=True)]
        rows.append(Row([model_cell(texts["network"]), *cells]))
    return Table(heading, columns, rows, notes=[f"{speed.speed_note(profiles).capitalize()}. ± is half the width of such an interval."])


_OF_PROFILES = ("rank", "predict_ms", "network_ms", "images_per_s", "params", "MACs", "peak_memory_mb", "runs")


def _plus_minus(name: str, row: Mapping[Hashable, Any]) -> str:
    """Half the width of a time's interval."""
    low, high = (row.get(f"{name} {bound}", math.nan) for bound in ("low", "high"))
    return "" if math.isnan(high - low) else f"± {speed.ms((high - low) / 2)}"


def model_cell(label: str) -> Cell:
    """A model's name, and behind it, pale, its arguments and how it was run."""
    name, *behind = re.split(r", | (?=[(@#])", label, maxsplit=1)
    return Cell(name, more="".join(behind))


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


def _column(name: str, sorted: Literal["", "ascending", "descending"] = "") -> Column:
    return Column(name, "number", "ascending" if name in LESS_IS_BETTER or name.endswith(("_ms", "_mb")) else "descending", sorted)
