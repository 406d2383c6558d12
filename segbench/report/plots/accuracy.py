"""Pictures of records: SVG, and PNG on request."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from segbench.errors import RecordError
from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord
from segbench.report.plots.pareto import pareto_front
from segbench.report.plots.placing import place_labels
from segbench.report.plots.style import BLUE, EMPTY, HEAT, INK, MUTED, ON_DEEP, ON_PALE, PAPER, SKY, drawing
from segbench.report.tables.frames import NO_SEEDS, SCORES, Seeds, mean_of, ranked, row_labels, setting, speeds_of
from segbench.report.tables.numbers import MOST_DRAWN, count


@dataclass(frozen=True)
class _Across:
    """What stands to the right: a ``name``, a place for each record with its interval if it has one, how ticks are written, and a note."""

    name: str
    places: Sequence[float]
    tick: Callable[[float], str]
    note: str
    spans: Sequence[tuple[float, float] | None] = ()


def miou_against_latency(
    records: Sequence[RunRecord],
    profiles: Sequence[Profile],
    svg: Path | BinaryIO,
    png: Path | None = None,
    *,
    seeds: Seeds = NO_SEEDS,
) -> None:
    """The mIoU over the median latency of the network alone, for the records that have a profile; profiles of one setting.

    :param seeds: rows that are several trainings stand at their mean, without an interval.
    :raises RecordError: no record has a profile, or the settings of the profiles differ.
    """
    rows = ranked(records)
    pairs = [(record, profile) for record, profile in zip(rows, speeds_of(rows, profiles), strict=True) if profile]
    if not pairs:
        raise RecordError("no record has a profile of its network, arguments and precision: there is no latency to draw")
    batch, title = pairs[0][1].batch_size, setting(pairs[0][1])
    axis = f"network latency (ms{f' per batch of {batch}' if batch > 1 else ''}), median"
    with drawing(svg, png, 7.2, 4.6) as figure:
        spans = [profile.network.interval for _, profile in pairs]
        across = _Across(axis, [p.network_ms for _, p in pairs], lambda x: f"{x:g}", title, spans)
        _scatter(figure, [r for r, _ in pairs], across, seeds)


def miou_against_macs(records: Sequence[RunRecord], svg: Path | BinaryIO, png: Path | None = None, *, seeds: Seeds = NO_SEEDS) -> None:
    """The mIoU over multiply-accumulates, for the records that know theirs.

    :param seeds: as for :func:`miou_against_latency`.
    :raises RecordError: no record does.
    """
    rows = [record for record in ranked(records) if record.model.get("macs")]
    if not rows:
        raise RecordError("no record knows its model's MACs: there is nothing to draw")
    sizes = {tuple(record.model.get("macs_input") or ()) for record in rows}
    size = next(iter(sizes), ()) if len(sizes) == 1 else ()
    title = f"one image of {size[0]}x{size[1]}" if len(size) == 2 else ""
    with drawing(svg, png, 7.2, 4.6) as figure:
        across = _Across("multiply-accumulates (MACs)", [float(record.model["macs"]) for record in rows], count, title)
        _scatter(figure, rows, across, seeds)


def class_iou_heatmap(records: Sequence[RunRecord], svg: Path | BinaryIO, png: Path | None = None) -> None:
    """A row a model, best first, a column a class and one for the mean; the best model of each is in bold. No IoU is a dash.

    :raises RecordError: there are more than :data:`~segbench.report.tables.numbers.MOST_DRAWN` classes.
    """
    _refuse_many(records[0])
    rows = ranked(records)
    names = [*rows[0].labels.class_names, "mIoU"]
    iou = np.array([[*record.scores.class_iou, record.scores.miou] for record in rows])
    labels = row_labels(rows)
    width, height = 0.34 * len(names), 0.27 * len(rows)
    margins = 0.07 * max(map(len, labels)) + 0.3, 0.075 * max(map(len, names)) + 0.5
    with drawing(svg, png, max(width + margins[0], 4.0), height + margins[1]) as figure:
        axes = figure.subplots()
        axes.set_facecolor(EMPTY)
        axes.pcolormesh(100 * iou, cmap=HEAT, vmin=0, vmax=100, edgecolors=PAPER, linewidth=0.8)
        _write_values(axes, 100 * iou)
        axes.set_xticks(np.arange(len(names)) + 0.5, names, rotation=90, fontsize=8)
        axes.set_yticks(np.arange(len(rows)) + 0.5, labels, fontsize=8)
        axes.tick_params(length=0, labeltop=True, labelbottom=False)
        axes.axvline(len(names) - 1, color=INK, linewidth=1)
        axes.set(xlim=(0, len(names)), ylim=(len(rows), 0))
        axes.set_title("class IoU (%)" + "; bold: the best of its column" * (len(rows) > 1), loc="left", fontsize=8.5, color=MUTED)
        for spine in axes.spines.values():
            spine.set_visible(False)


def _write_values(axes: Axes, values: NDArray[np.float64]) -> None:
    best = np.where(np.isnan(values), -1.0, values).max(axis=0)
    for (row, column), value in np.ndenumerate(values):
        text = "–" if math.isnan(value) else f"{value:.0f}"
        color = INK if math.isnan(value) else ON_DEEP if value > 52 else ON_PALE
        weight = "bold" if value == best[column] and len(values) > 1 else "normal"
        place: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5, "in_layout": False}
        axes.text(column + 0.5, row + 0.5, text, color=color, fontweight=weight, **place)


def confusion_heatmap(record: RunRecord, svg: Path | BinaryIO, png: Path | None = None) -> None:
    """Where the pixels of each target class went, in per cent of its row; a class without pixels is an empty row.

    :raises RecordError: there are more than :data:`~segbench.report.tables.numbers.MOST_DRAWN` classes.
    """
    _refuse_many(record)
    counts = record.confusion.counts
    totals = counts.sum(axis=1, keepdims=True)
    share = np.divide(100.0 * counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    names, classes = record.labels.class_names, len(counts)
    side = max(0.36 * classes, 1.5) if classes <= 40 else 0.11 * classes
    margin = 0.075 * max(map(len, names)) + 0.6
    with drawing(svg, png, side + margin + 1.0, side + margin + 0.4) as figure:
        axes = figure.subplots()
        mesh = _heat(axes, share, vector=classes <= 40)
        size = 8.0 if classes <= 40 else 5.0
        axes.set_xticks(np.arange(classes + 1) + 0.5, [*names, "no class"], rotation=90, fontsize=size)
        axes.set_yticks(np.arange(classes) + 0.5, names, fontsize=size)
        axes.tick_params(length=0)
        axes.axvline(classes, color=INK, linewidth=1)
        axes.set(xlabel="predicted class", ylabel="target class")
        axes.set_title(row_labels([record])[0], loc="left")
        bar = figure.colorbar(mesh, ax=axes, shrink=0.75, pad=0.02, aspect=30, ticks=[0, 1, 5, 10, 25, 50, 75, 100])
        bar.outline.set_visible(False)
        bar.set_label("pixels of the target class (%)")


def _refuse_many(record: RunRecord) -> None:
    if (classes := len(record.labels.classes)) > MOST_DRAWN:
        raise RecordError(
            f"classes are drawn up to {MOST_DRAWN}, and {record.labels.name} has {classes}; "
            "record.scores has the IoU of each, and record.confusion.cells what was taken for what"
        )


def _scatter(figure: Figure, records: Sequence[RunRecord], across: _Across, seeds: Seeds) -> None:
    """Points of (x, mIoU) with their intervals and labels, x to a logarithmic scale where it spans much; the Pareto front is a line."""
    x, title, spans = across.places, across.note, across.spans
    axes = figure.subplots()
    y = [100 * mean_of(record, seeds, SCORES["mIoU"]) for record in records]
    alone = [record for record in records if record not in seeds]
    texts = [_two_lines(text) for text in row_labels(records)]
    front = pareto_front(x, y)
    axes.grid()
    axes.plot([x[i] for i in front], [y[i] for i in front], drawstyle="steps-post", color=SKY, linewidth=1.5)
    notes = [title] * bool(title) + ["filled: Pareto front"]
    notes += ["bars: 95 % intervals"] * any(record.intervals is not None for record in alone)
    notes += ["several seeds: their mean"] * (len(alone) < len(records))
    bars = [((x[i], low), (x[i], high)) for i, record in enumerate(records) for low, high in _interval(record, seeds)]
    bars += [((span[0], y[i]), (span[1], y[i])) for i, span in enumerate(spans) if span is not None]
    for (x0, y0), (x1, y1) in bars:
        axes.plot([x0, x1], [y0, y1], color=BLUE, linewidth=1.1, zorder=1.5)
    for i in range(len(records)):
        axes.plot(x[i], y[i], "o", markersize=7, markerfacecolor=BLUE if i in front else PAPER, markeredgecolor=BLUE, markeredgewidth=1.3)
    axes.margins(x=0.14, y=0.16)
    _x_scale(axes, x, across.tick)
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.set(xlabel=across.name, ylabel="mIoU (%)")
    axes.set_title(
        "; ".join(notes),
        loc="left",
        fontsize=8.5,
        color=MUTED,
    )
    figure.draw_without_rendering()
    place_labels(axes, list(zip(x, y, strict=True)), texts, [(x[i], y[i]) for i in front], bars)


def _interval(record: RunRecord, seeds: Seeds) -> list[tuple[float, float]]:
    """The interval of the mIoU in per cent, if it has one."""
    if record.intervals is None or record in seeds:
        return []
    low, high = (100 * record.intervals.bounds["miou"]).tolist()
    return [(low, high)]


def _x_scale(axes: Axes, x: Sequence[float], tick: Callable[[float], str]) -> None:
    if x and min(x) > 0 and max(x) > 3 * min(x):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if max(x) < 1000 * min(x) else (1.0,)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def _heat(axes: Axes, share: NDArray[np.float64], *, vector: bool) -> Any:
    """Colours, and numbers where there is room. The scale is a square root, so that a confusion of 2 % can be seen."""
    rows, columns = share.shape
    norm = PowerNorm(0.5, 0, 100)
    axes.set_facecolor(EMPTY)
    if vector:
        mesh: Any = axes.pcolormesh(share, cmap=HEAT, norm=norm, edgecolors=PAPER, linewidth=0.6)
        for row, column in np.argwhere(np.nan_to_num(share) >= 0.5):
            color = ON_DEEP if share[row, column] > 22 else ON_PALE
            axes.text(
                column + 0.5, row + 0.5, f"{share[row, column]:.0f}", ha="center", va="center", fontsize=7, color=color, in_layout=False
            )
    else:
        mesh = axes.imshow(share, cmap=HEAT, norm=norm, extent=(0, columns, rows, 0), interpolation="none")
    axes.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal")
    for spine in axes.spines.values():
        spine.set_visible(False)
    return mesh


def _two_lines(text: str) -> str:
    """The name above, its arguments below, one a line where they are long."""
    name, bracket, rest = text.partition(" (")
    arguments = rest.rstrip(")") if rest.endswith(")") else rest
    if not bracket:
        return text
    return f"{name}\n" + (arguments if len(arguments) <= 22 else arguments.replace(", ", "\n"))
