"""A table written down: Markdown, CSV, LaTeX (booktabs) and HTML. Rounding and per cent happen here and nowhere before.

The frames are those of :mod:`segbench.report.tables.frames`. The best of a column (of a row, in the table of classes) is bold and the
second best underlined; a lone value is the best of nothing. CSV alone keeps every digit, and fractions.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import rich.markup

from segbench.errors import UnknownNameError, nearest
from segbench.leaderboards.board_scores import MORE
from segbench.report.tables.frames import BOUNDS, SEEDS, SEEDS_SD, SIZES, SPEEDS
from segbench.report.tables.intervals import plus_minus
from segbench.report.tables.metrics import OTHERWISE
from segbench.report.tables.numbers import count, percent

DASH = "–"
TEXT = ("model", "class")
COSTS = ("rank", *SIZES, "network_ms")
LESS = frozenset(name for name, score in MORE.items() if score.less)
PLAIN = frozenset(name for name, score in MORE.items() if not score.percent)
FORMATS = ("markdown", "latex", "html")


@dataclass(frozen=True)
class Shown:
    """A rounded cell: ``place`` is ``best`` or ``second`` of its column or row, or nothing; ``more`` stands behind it."""

    text: str
    place: str = ""
    more: str = ""


@dataclass(frozen=True)
class Markup:
    """How a format shows text as it is, what is best, and what is second; templates take the cell."""

    escape: Callable[[str], str]
    best: str
    second: str

    def of(self, cell: Shown) -> str:
        """A cell in this format."""
        template = {"best": self.best, "second": self.second}.get(cell.place, "{}")
        return template.format(self.escape(cell.text)) + self.escape(cell.more)


def escape(text: str) -> str:
    """Text that Markdown shows as it is, in a table too."""
    return re.sub(r"([\\|*`\[\]#~]|\b_\b|(?<!\w)_|_(?!\w))", r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")


def escape_latex(text: str) -> str:
    """Text that LaTeX shows as it is, in any font encoding and at the beginning of a row."""
    return re.sub(r"[\\&%$#_{}~^|<>±–]|^[\[*]|([-,'`])(?=\1)", lambda found: _LATEX[found[0]], re.sub(r"\s+", " ", text))


_LATEX = {
    **{character: "\\" + character for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    DASH: r"\textendash{}",
    **{character: f"{{{character}}}" for character in "[*"},  # behind the end of a row they would be its arguments
    **{character: character + "{}" for character in "-,'`"},  # two of them would be one character
}
MARKDOWN = Markup(escape, "**{}**", "<u>{}</u>")
LATEX = Markup(escape_latex, r"\textbf{{{}}}", r"\underline{{{}}}")
HTML = Markup(html.escape, "<strong>{}</strong>", "<u>{}</u>")
TERMINAL = Markup(rich.markup.escape, "[bold]{}[/bold]", "[underline]{}[/underline]")


def shown(table: pd.DataFrame, *, best_in: str = "column", widths: pd.DataFrame | None = None) -> tuple[list[str], list[list[Shown]]]:
    """The header and the rows in words.

    :param widths: half the widths of the intervals of other cells, by the table's row and column; NaN where there is none.
    """
    known = pd.DataFrame(index=table.index) if widths is None else widths.reindex(table.index)
    if "mIoU" in table and BOUNDS[0] in table:
        known = known.assign(mIoU=(table[BOUNDS[1]] - table[BOUNDS[0]]) / 2)
    table = without_bounds(table)
    if table.index.name is not None:
        table, known = table.reset_index(), known.reset_index(drop=True)
    names = [str(name) for name in table.columns]
    scores = table[[name for name in names if name not in TEXT and (best_in == "row" or name not in _FORMATS or name in PLAIN)]]
    places = (
        _places_in_rows(scores) if best_in == "row" else {name: _places(-scores[name] if name in LESS else scores[name]) for name in scores}
    )
    columns, nothing = [], [""] * len(table)
    for name in names:
        more = map(_plain_width if name in PLAIN else plus_minus, known[name]) if name in known else nothing
        columns.append(list(map(Shown, map(_FORMATS.get(name, _percent), table[name]), places.get(name, nothing), more)))
    return names, [list(row) for row in zip(*columns, strict=True)]


def texts_of(table: pd.DataFrame, markup: Markup = TERMINAL, **options: Any) -> tuple[list[str], list[list[str]]]:
    """The header and the rows as text of a format; ``options`` are those of :func:`shown`."""
    names, rows = shown(table, **options)
    return [markup.escape(name) for name in names], [[markup.of(cell) for cell in row] for row in rows]


def arranged(table: pd.DataFrame, columns: Sequence[str] = (), sort: str | None = None) -> pd.DataFrame:
    """The table with these columns behind the first one, in this order, and with its rows sorted by a column, the best first.

    Costs and names ascend, everything else descends; undefined values come last. An interval stays with its mIoU. Columns may be asked for
    by other names that they have, and are called so then.

    :raises UnknownNameError: there is no such column.
    """
    table = table.assign(**{name: table[OTHERWISE[name]] for name in columns if OTHERWISE.get(name) in table})
    sort = OTHERWISE.get(sort or "", sort)
    known = [str(name) for name in table.columns if name not in BOUNDS]
    for name in (*columns, *([sort] if sort else [])):
        if name not in known:
            raise UnknownNameError(f"no column {name!r}; {nearest(name, known, 'there are')}")
    if sort:
        table = table.sort_values(sort, ascending=sort in (*TEXT, *COSTS), kind="stable", na_position="last")
    if not columns:
        return table
    first = [] if table.index.name is not None else known[:1]
    chosen = list(dict.fromkeys([*first, *columns]))
    kept = [each for name in chosen for each in ([name, *BOUNDS] if name == "mIoU" and BOUNDS[0] in table else [name])]
    return table[kept]


def to_csv(table: pd.DataFrame) -> str:
    """Comma-separated fractions, every digit kept, nothing where a value is undefined.

    Text that a spreadsheet would run as a formula has an apostrophe in front, as spreadsheets write it.
    """
    inert = table.apply(lambda column: column if pd.api.types.is_numeric_dtype(column) else column.map(_without_formula))
    inert.index = inert.index.map(_without_formula)
    return str(inert.to_csv(index=table.index.name is not None, lineterminator="\n"))


def _without_formula(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def to_markdown(table: pd.DataFrame, **options: Any) -> str:
    """A GitHub table; ``options`` are those of :func:`shown`."""
    header, rows = texts_of(table, MARKDOWN, **options)
    return markdown_lines(header, rows, text=TEXT)


def to_latex(table: pd.DataFrame, **options: Any) -> str:
    """A ``tabular`` with the rules of the booktabs package, which the document must load; ``options`` are those of :func:`shown`."""
    header, rows = texts_of(table, LATEX, **options)
    columns = "".join("l" if name in TEXT else "r" for name in header)
    return "% \\usepackage{booktabs}\n" + str(pd.DataFrame(rows, columns=header).to_latex(index=False, escape=False, column_format=columns))


def to_html(table: pd.DataFrame, **options: Any) -> str:
    """A ``<table>`` without styles; ``options`` are those of :func:`shown`."""
    header, rows = texts_of(table, HTML, **options)
    return str(pd.DataFrame(rows, columns=header).to_html(index=False, escape=False, border=0)) + "\n"


def page_of(table: pd.DataFrame, form: str, signature: str, notes: Sequence[str], **options: Any) -> str:
    """A table in one of :data:`FORMATS` with its signature and notes below it; ``options`` are those of :func:`shown`."""
    if form == "markdown":
        return "\n".join([to_markdown(table, **options), f"Signature: `{signature}`\n", *(f"{escape(note)}\n" for note in notes)])
    if form == "latex":
        breakable = r"|\allowbreak{}".join(map(escape_latex, signature.split("|")))
        below = [rf"Signature: \texttt{{{breakable}}}", *map(escape_latex, notes)]
        return to_latex(table, **options) + "".join(f"\\par\\noindent{{\\footnotesize {line}\\par}}\n" for line in below)
    below = [f"Signature: <code>{html.escape(signature)}</code>", *map(html.escape, notes)]
    return to_html(table, **options) + "".join(f"<p><small>{line}</small></p>\n" for line in below)


def markdown_lines(header: Sequence[str], rows: Sequence[Sequence[str]], *, text: Sequence[str]) -> str:
    """A GitHub table of cells that are Markdown already; columns named in ``text`` are left-aligned, the others right-aligned."""
    lines = [header, [":---" if name in text else "---:" for name in header], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def without_bounds(table: pd.DataFrame) -> pd.DataFrame:
    """The table as it is read by people, who get ``±`` instead."""
    return table.drop(columns=list(BOUNDS), errors="ignore")


def _places_in_rows(scores: pd.DataFrame) -> dict[str, Sequence[str]]:
    """By column, what each value is among those of its row."""
    rows = map(_places, scores.itertuples(index=False))
    return dict(zip(map(str, scores.columns), zip(*rows, strict=True), strict=False))  # no rows, no columns


def _places(values: Iterable[float]) -> list[str]:
    """``best``, ``second`` or nothing for each value among these; of one there is no best, and of two no second."""
    values = list(values)
    defined = [value for value in values if not pd.isna(value)]
    first = sorted(set(defined), reverse=True)[: min(2, len(defined) - 1)]
    names = dict(zip(first, ("best", "second"), strict=False))
    return [names.get(value, "") for value in values]


def _plain_width(half_width: float) -> str:
    return "" if math.isnan(half_width) else f" ± {half_width:.3f}"


def _percent(value: Any) -> str:
    return DASH if pd.isna(value) else percent(value)


_FORMATS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(TEXT, str),
    **dict.fromkeys(("rank", SEEDS), lambda value: DASH if pd.isna(value) else str(value)),
    SEEDS_SD: _percent,
    **dict.fromkeys(PLAIN, lambda value: DASH if pd.isna(value) else f"{value:.3f}"),
    **dict.fromkeys(SIZES, lambda value: DASH if pd.isna(value) else count(value)),
    **dict.fromkeys(SPEEDS, lambda value: DASH if pd.isna(value) else f"{value:.1f}"),
}
