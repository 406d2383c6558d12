"""Rows as a table for a terminal, as JSON, and as the page ``leaderboards/evaluator-speed.md``."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.table import Table

from tests.bench import cuda
from tests.bench.rows import Row

PACKAGES = ("segbench", "numpy", "numba", "deflate", "pillow", "simplejpeg", "torch")
CUDA = Path(__file__).parents[2] / "leaderboards" / "evaluator-speed-cuda.jsonl"
HEADER = ("figure", "against", "ours", "theirs", "ratio", "per core", "at least", "")


def facts(cores: int) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "date": date.today().isoformat(),
        "processor": _processor(),
        "cores": cores,
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def cells(row: Row) -> tuple[str, ...]:
    """A line of the table."""
    return (
        row.name,
        row.against,
        _amount(row.ours_ms, row),
        _amount(row.peer_ms, row),
        _ratio(row),
        _per_core(row),
        _asked(row),
        state(row),
    )


def state(row: Row) -> str:
    """Whether a figure is what it should be."""
    if math.isnan(row.ratio):
        return "not measured"
    return "" if row.at_least is None else "missed" if row.missed else "reached"


def terminal_table(rows: Sequence[Row]) -> Table:
    """The rows, missed ones in red."""
    result = Table()
    for index, name in enumerate(HEADER):
        result.add_column(name, justify="left" if index in (0, 1, 7) else "right")
    for row in rows:
        result.add_row(*cells(row), style={"missed": "red", "not measured": "yellow"}.get(state(row), ""))
    return result


def document(
    rows: Sequence[Row], about: Mapping[str, Any], profiles: Mapping[str, Sequence[tuple[str, float]]], quick: bool
) -> dict[str, Any]:
    """Everything that was measured, as plain data; NaN is null."""
    plain = [{key: None if isinstance(value, float) and math.isnan(value) else value for key, value in asdict(row).items()} for row in rows]
    return {"schema": "segbench.bench/1", "quick": quick, **about, "rows": plain, "profiles": {k: list(v) for k, v in profiles.items()}}


# What a figure that was missed once is made of; what it is missed by is measured anew.
WHY = {
    "numpy _fast_hist and Pillow, a pair": " The bar was set with a Pillow that took 27 ms a pair; newer ones decode faster."
    " Of ours most is inflating and unfiltering, below.",
    "logits at stride 4 to counts": " A third of the time goes into reading 10 MB of logits,"
    " and planes that lie a power of two apart want the same places of a cache.",
}


def page(rows: Sequence[Row], about: Mapping[str, Any], profiles: Mapping[str, Sequence[tuple[str, float]]], quick: bool) -> str:
    """The page in Markdown."""
    counts = {name: sum(state(row) == name for row in rows) for name in ("reached", "missed", "not measured")}
    lines = [
        "# How fast the evaluation is",
        "",
        "<!-- Made by `python -m tests.bench`. -->",
        "",
        f"Measured on {about['date']} with {about['cores']} cores of {about['processor']} ({about['system']}), Python {about['python']}, "
        + ", ".join(f"{name} {number}" for name, number in about["versions"].items())
        + ". Read the columns as ratios: milliseconds belong to a machine.",
        "",
        "Every peer is installed in an environment of its own and works on the same files in the same run, in turn with segbench. Figures",
        "are medians, and what each tool counted is compared with ours before its figure is shown. Label maps are 1024x2048, drawn so",
        "that their PNG files cost what those of Cityscapes do: about 22 KB a target, 37 KB a prediction, 20 instances; photographs have",
        "2.3 MB. The ratio is theirs by ours: more is better; per core it is that of processor time, all threads of each together.",
        "",
    ]
    if quick:
        lines += ["**This was a quick run on small sets: its figures say little.**", ""]
    lines += [f"{counts['reached']} figures are reached, {counts['missed']} missed, {counts['not measured']} could not be measured.", ""]
    lines += _table(HEADER, [cells(row) for row in rows], "llrrrrrl")
    if noted := [row for row in rows if row.note]:
        lines += ["", "## Notes", "", *(f"- {row.name}, against {row.against}: {row.note}." for row in noted)]
    for row in rows:
        if row.missed and row.at_least is not None:
            lines += [
                "",
                f"**Missed: {row.name}, against {row.against}.** {_ratio(row)} of {_asked(row)}, {row.ratio / row.at_least - 1:.0%}."
                f"{WHY.get(row.name, '')}",
            ]
    for title, header, found in cuda.tables(CUDA):
        lines += ["", f"## {title}", "", *_table(header, found, "l" + "r" * (len(header) - 1))]
    for title, stages in profiles.items():
        total = sum(value for _, value in stages)
        body = [(name, f"{value:.2f}", f"{value / total:.0%}") for name, value in stages]
        lines += ["", f"## {title}", "", *_table(("stage", "ms", "share"), [*body, ("sum", f"{total:.2f}", "")], "lrr")]
    return "\n".join(lines) + "\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> list[str]:
    rule = [{"l": ":---", "r": "---:"}[side] for side in align]
    return [f"| {' | '.join(line)} |" for line in (header, rule, *rows)]


def _amount(value: float, row: Row) -> str:
    return "–" if math.isnan(value) else f"{value:.0f} {row.unit}" if value >= 100 else f"{value:.3g} {row.unit}"


def _per_core(row: Row) -> str:
    return "" if row.per_core is None else f"{row.per_core:.3g}x"


def _ratio(row: Row) -> str:
    if math.isnan(row.ratio):
        return "–"
    return f"{row.ratio:.0%}" if row.at_least is not None and row.at_least <= 1 else f"{row.ratio:.3g}x"


def _asked(row: Row) -> str:
    if row.at_least is None:
        return "–"
    return f"{row.at_least:.0%}" if row.at_least <= 1 else f"{row.at_least:g}x"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "an unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    wide = any(line.startswith("flags") and " avx512f" in line for line in lines)
    return (names[0] if names else "an unknown processor") + (" (AVX-512)" if wide else "")
