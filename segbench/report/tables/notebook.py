"""Values as notebooks show them: HTML tables without colours, so that they take those of the notebook, dark or light."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from segbench.metrics.scores import Scores
from segbench.metrics.uncertainty import Comparison, holm
from segbench.records.comparison import Compared, Difference
from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord
from segbench.report.tables.frames import setting
from segbench.report.tables.intervals import half_width, interval_note, paired_method
from segbench.report.tables.metrics import ALWAYS, CLASS_SCORES, METRICS
from segbench.report.tables.numbers import count, interval, p_value, percent, signed
from segbench.report.tables.speed import row_name

Rows = Iterable[Sequence[str]]
OF_DIFFERENCES = ("difference", "95 % interval", "p")


def html_of(value: object) -> str:
    """The HTML of a value of one of :data:`PAGES`.

    :raises TypeError: it is of another type.
    """
    for kind, page in PAGES.items():
        if isinstance(value, kind):
            return f'<div class="segbench">{page(value)}</div>'
    raise TypeError(f"a {type(value).__name__} has no page")


def _scores(scores: Scores) -> str:
    whole = {name: float(getattr(scores, METRICS[name].field)) for name in ALWAYS}
    rows = [
        [str(index), *(percent(float(getattr(scores, field)[index])) for field in CLASS_SCORES.values())]
        for index in range(len(scores.class_iou))
    ]
    return _table([*whole], [[percent(value) for value in whole.values()]], "scores in per cent") + _table(["class", *CLASS_SCORES], rows)


def _record(record: RunRecord) -> str:
    known = {name: float(metric.of(record)) for name, metric in METRICS.items()}
    shown = [name for name, value in known.items() if name in ALWAYS or not math.isnan(value)]
    values = [percent(known[name], float(half_width(record, METRICS[name].field))) for name in shown]
    widths = {field: half_width(record, field) for field in CLASS_SCORES.values()}
    rows = [
        [name, *(percent(float(getattr(record.scores, field)[i]), float(widths[field][i])) for field in CLASS_SCORES.values())]
        for i, name in enumerate(record.labels.class_names)
    ]
    title = f"{record.name} on {record.dataset['name']}-{record.dataset['split']}, {record.dataset['images']} images, per cent"
    return _table(shown, [values], title) + _table(["class", *CLASS_SCORES], rows) + _notes(interval_note([record]), record.signature)


def _compared(compared: Compared) -> str:
    names = (compared.a.name, compared.b.name) if compared.a.name != compared.b.name else ("A", "B")
    metrics = [(name, known) for name, metric in METRICS.items() if (known := compared.metric(metric.field))]
    tables = [("metric", metrics), ("class IoU", [(each.name, each) for each in compared.classes("class_iou")])]
    parts = [_table([first, *names, *OF_DIFFERENCES], [_difference(name, each) for name, each in rows]) for first, rows in tables]
    return "".join(parts) + _notes(paired_method(compared.found.intervals), compared.a.signature)


def _difference(name: str, each: Difference) -> list[str]:
    return [name, percent(each.a), percent(each.b), signed(each.difference), interval(*each.interval), p_value(each.p)]


def _comparison(found: Comparison) -> str:
    """Classes have no names here: they are numbered."""
    rows = [
        [name, signed(float(found.difference[metric.field])), interval(*found.intervals.bounds[metric.field]), p]
        for name, metric in METRICS.items()
        if metric.field in found.difference
        for p in [p_value(float(found.p_value[metric.field]))]
    ]
    p_values = holm(found.p_value["class_iou"].tolist())
    differences = enumerate(zip(found.difference["class_iou"], found.intervals.bounds["class_iou"], p_values, strict=True))
    classes = [[str(index), signed(float(each)), interval(*bounds), p_value(p)] for index, (each, bounds, p) in differences]
    tables = _table(["metric", *OF_DIFFERENCES], rows) + _table(["class IoU", *OF_DIFFERENCES], classes)
    return tables + _notes(paired_method(found.intervals))


def _profile(profile: Profile) -> str:
    times = [
        [name, *(f"{timing.percentiles.get(each, math.nan):.2f}" for each in ("p50", "p90", "p99")), _bounds(timing.interval)]
        for name, timing in (("network_ms", profile.network), ("predict_ms", profile.predict))
    ]
    memory = "–" if profile.peak_memory_mb is None else f"{profile.peak_memory_mb:.0f}"
    sizes = [[count(profile.params), count(profile.macs), memory]]
    return (
        _table(["time", "median", "p90", "p99", "95 % interval"], times, row_name(profile))
        + _table(["params", "MACs", "peak MB"], sizes)
        + _notes(setting(profile))
    )


def _bounds(bounds: tuple[float, float] | None) -> str:
    return "–" if bounds is None else f"{bounds[0]:.2f} to {bounds[1]:.2f}"


PAGES: Mapping[type, Callable[[Any], str]] = {
    Scores: _scores,
    RunRecord: _record,
    Compared: _compared,
    Comparison: _comparison,
    Profile: _profile,
}
"""What can be shown, and how."""


def _table(header: Sequence[str], rows: Rows, caption: str = "") -> str:
    title = f'<caption style="text-align: left; color: inherit">{html.escape(caption)}</caption>' if caption else ""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _notes(*notes: str) -> str:
    return "".join(f'<p style="opacity: 0.7"><small>{html.escape(note)}</small></p>' for note in notes if note)
