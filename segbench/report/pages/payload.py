"""What the page draws, as plain data for JSON. Everything is computed and rounded here; the page only lays it out.

Scores, their intervals and shares are whole tenths of a per cent, ``None`` where undefined, so that differences on the page are exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segbench.files.foreign import web_address
from segbench.leaderboards.board import Board
from segbench.metrics.latency import Interval
from segbench.records.portable import portable
from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord
from segbench.report.pages.counted_beside import counted_beside
from segbench.report.pages.html_tables import PERCENT, Cell, Table
from segbench.report.pages.image_sums import ImageSums
from segbench.report.pages.tenths import tenths
from segbench.report.plots.pareto import pareto_front
from segbench.report.tables.frames import SCORES, Group, by_setting, mean_of, row_labels, speeds_of
from segbench.report.tables.intervals import half_width
from segbench.report.tables.metrics import ALWAYS, METRICS
from segbench.report.tables.numbers import MOST_DRAWN, count, shown_classes
from segbench.report.tables.seeds import score_of_row
from segbench.report.tables.speed import row_names


@dataclass(frozen=True)
class Images:
    """What is known of images: the ``sums`` of all models of a table, and of each model its ``strips`` and its ``files`` on the board."""

    sums: ImageSums
    strips: Sequence[Sequence[Mapping[str, str]]]
    files: Sequence[str]


def model_data(group: Group, ids: Sequence[str], table: Table, images: Images) -> dict[str, Any]:
    """Comparable models: their classes and images, and what each model's view shows.

    Of more than :data:`~segbench.report.tables.numbers.MOST_DRAWN` classes those that the first model does worst and best, without what one
    is taken for.

    :param table: the measured table of the group, whose rows are in the group's order.
    """
    labels = group.records[0].labels
    whole = len(labels.classes) <= MOST_DRAWN
    shown = list(range(len(labels.classes))) if whole else shown_classes(group.records[0].scores.class_iou.tolist())
    iou = np.array([record.scores.class_iou[shown] for record in group.records])
    best = np.where(np.isnan(iou), -math.inf, iou).max(axis=0)
    names = row_labels(group.records)
    places = _places(images.sums.ids)
    columns = [position for position, column in enumerate(table.columns) if column.kind == "number"]
    return {
        "classes": [labels.class_names[index] for index in shown],
        "averaged": list(labels.averaged) if whole else [],
        "colors": ["#{:02x}{:02x}{:02x}".format(*labels.classes[index].color) for index in shown],
        "best": tenths(np.where(np.isinf(best), math.nan, best)),
        "images": list(images.sums.ids),
        "targets": images.sums.targets,
        "models": [
            {
                "id": ids[i],
                "name": names[i],
                "short": row.cells[0].text,
                "file": images.files[i],
                "seeds": len(group.seeds.get(record, ())),
                "facts": _facts(record),
                "scores": [_score(table.columns[column].name, row.cells[column]) for column in columns],
                **_classes(record, shown),
                "gallery": [{**strip, "image": places.get(strip["id"])} for strip in images.strips[i]],
                **(_matrix(record) | images.sums.of_model(i) if whole else _NO_MATRIX),
                **({} if record in group.seeds else counted_beside(record)),
            }
            for i, (record, row) in enumerate(zip(group.records, table.rows, strict=True))
        ],
    }


def _places(ids: Sequence[str]) -> dict[str, int]:
    """Where images stand, by the last part of their ids; without those that share it."""
    names = [Path(id).name for id in ids]
    return {name: place for place, name in enumerate(names) if names.count(name) == 1} if len(names) < 5000 else {}


def score_plots(board: Board, groups: Iterable[tuple[Group, Sequence[str]]]) -> list[dict[str, Any]]:
    """The mIoU over latency, one plot a setting, and over MACs, for each group of comparable records with their ids."""
    plots = []
    for group, ids in groups:
        of = f" ({group.difference})" if group.difference else ""
        for setting, profiles in by_setting(group.records, board.profiles).items():
            speeds = speeds_of(group.records, profiles)
            x = [None if profile is None else _Place(profile.network_ms, _ms(profile), profile.network.interval) for profile in speeds]
            plots.append(_score_plot("latency" + of, _LATENCY, group, ids, x, f"{setting}."))
        macs = [record.model.get("macs") for record in group.records]
        x = [_Place(value, f"{count(value)} MACs") if value else None for value in macs]
        plots.append(_score_plot("MACs" + of, _MACS, group, ids, x, ""))
    return [plot for plot in plots if plot["points"]]


def speed_plot(name: str, profiles: Sequence[Profile]) -> dict[str, Any]:
    """Latency over MACs, for a board without scores. No front: neither coordinate is what the networks are for."""
    rows = sorted((each for each in profiles if each.macs), key=lambda each: (each.macs, each.network_ms))
    points = [
        {
            "id": "",
            "name": name,
            "label": name,
            "x": profile.macs,
            "y": round(profile.network_ms, 2),
            "upright": _rounded(profile.network.interval),
            "front": False,
            "text": [_ms(profile), f"{count(profile.macs)} MACs"],
        }
        for profile, name in zip(rows, row_names(rows), strict=True)
    ]
    note = "Where the names have no room, point at a dot or walk with the arrow keys."
    return {"name": name, "x": _MACS, "y": _LATENCY, "log": [True, True], "points": points, "note": note}


_LATENCY, _MACS = "network latency (ms), median", "multiply-accumulates (MACs)"


@dataclass(frozen=True)
class _Place:
    """Where a model stands on the axis to the right, in words too, and its interval there."""

    value: float
    text: str
    interval: Interval | None = None


def _score_plot(name: str, x_name: str, group: Group, ids: Sequence[str], x: Sequence[_Place | None], note: str) -> dict[str, Any]:
    """The mIoU over something, from left to right; records without a place or a score are left out."""
    names, short = row_labels(group.records), [record.name for record in group.records]
    mious = [mean_of(record, group.seeds, SCORES["mIoU"]) for record in group.records]
    shown = [(place, i) for i, place in enumerate(x) if place is not None and not math.isnan(mious[i])]
    shown.sort(key=lambda each: (each[0].value, each[1]))
    front = pareto_front([place.value for place, _ in shown], [mious[i] for _, i in shown])
    metrics = shown_metrics(group)[1:]
    points = []
    for position, (place, i) in enumerate(shown):
        record = group.records[i]
        points.append(
            {
                "id": ids[i],
                "name": names[i],
                "label": short[i] if short.count(short[i]) == 1 else names[i],
                "x": round(place.value, 2),
                "y": round(100 * mious[i], 2),
                "across": _rounded(place.interval),
                "upright": _bounds(record, group, "mIoU"),
                "front": position in front,
                "text": [f"mIoU {score_of_row(record, group)}", place.text],
                "others": [_other(record, group, metric) for metric in metrics],
            }
        )
    values = [place.value for place, _ in shown]
    logarithmic = bool(values) and max(values) > 3 * min(values) > 0
    note = f"Filled: no other is better in both. Thin lines: intervals. {note}".strip()
    axes = {"x": x_name, "y": "mIoU (%)", "log": [logarithmic, False], "metrics": ["mIoU", *metrics]}
    return {"name": name, **axes, "points": points, "note": note}


def shown_metrics(group: Group) -> list[str]:
    """The metrics of a table: those of every record, the mIoU first, and those that one of its records has."""
    return [name for name, value in SCORES.items() if name in ALWAYS or any(not math.isnan(value(record)) for record in group.records)]


def _other(record: RunRecord, group: Group, metric: str) -> list[Any]:
    """A metric in per cent and its interval."""
    value = 100 * mean_of(record, group.seeds, SCORES[metric])
    return [None if math.isnan(value) else round(value, 2), _bounds(record, group, metric)]


def _bounds(record: RunRecord, group: Group, metric: str) -> list[float] | None:
    """The interval of a metric in per cent; ``None`` where there is none, or the row is several trainings."""
    field = METRICS[metric].field
    if record.intervals is None or record in group.seeds or field not in record.intervals.bounds:
        return None
    low, high = (100 * record.intervals.bounds[field]).tolist()
    return _rounded((low, high))


def _ms(profile: Profile) -> str:
    return f"{profile.network_ms:.1f} ms"


def _rounded(interval: Interval | None) -> list[float] | None:
    if interval is None or math.isnan(interval[0]):
        return None
    return [round(end, 2) for end in interval]


def _score(name: str, cell: Cell) -> list[Any]:
    """Name, text, and tenths of a per cent where the column is one of scores."""
    tenth = tenths([cell.value / 100])[0] if name in PERCENT and cell.value is not None else None
    return [name, f"{cell.text} {cell.more}".strip(), tenth]


def _classes(record: RunRecord, shown: Sequence[int]) -> dict[str, Any]:
    classes = len(record.labels.classes)
    bounds = record.intervals.bounds["class_iou"] if record.intervals else np.full((classes, 2), math.nan)
    return {
        "iou": tenths(record.scores.class_iou[shown]),
        "half": tenths(half_width(record, "class_iou")[shown]),
        "low": tenths(bounds[shown, 0]),
        "high": tenths(bounds[shown, 1]),
    }


_NO_MATRIX = dict.fromkeys(("counts", "shares", "sums", "most"))


def _matrix(record: RunRecord) -> dict[str, Any]:
    counts = record.confusion.counts
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, math.nan), where=totals > 0)
    return {"counts": counts.tolist(), "shares": tenths(shares)}


def _facts(record: RunRecord) -> list[list[str]]:
    """Name, text and possibly an address."""
    paper, trained = record.model.get("paper") or {}, record.model.get("trained_on") or {}
    facts = []
    if paper.get("title"):
        year = f", {paper['year']}" if paper.get("year") else ""
        facts.append(["paper", f"{paper['title']}{year}", *([url] if (url := web_address(paper.get("url", ""))) else [])])
    if trained.get("dataset"):
        images = f" ({trained['images']} images)" if trained.get("images") else ""
        facts.append(["trained on", f"{trained['dataset']} {trained.get('split', '')}".rstrip() + images])
    if record.model.get("weights_sha256"):
        facts.append(["weights", f"sha256 {str(record.model['weights_sha256'])[:16]}…"])
    if record.command:
        facts.append(["command", portable(record.command)])
    return [*facts, ["signature", record.signature]]
