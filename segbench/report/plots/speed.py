"""How fast networks are, as a picture: a row for each, so that no label can hide another one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from segbench.records.profile import Profile
from segbench.report.plots.style import BLUE, MUTED, SKY, VERMILLION, drawing
from segbench.report.tables.speed import fastest_first, row_names


def latency_dots(profiles: Sequence[Profile], title: str, svg: Path | BinaryIO, png: Path | None = None) -> None:
    """Median times of one machine with their intervals, the fastest on top, and how many MACs a second they come to."""
    rows = fastest_first(profiles)
    names = row_names(rows)
    width = 0.075 * max(map(len, names)) + 6.6
    with drawing(svg, png, width, 0.2 * len(rows) + 1.3) as figure:
        times, work = figure.subplots(1, 2, sharey=True, width_ratios=(2.4, 1))
        for y, profile in enumerate(rows):
            p90 = profile.predict.percentiles.get("p90", math.nan)
            times.plot([profile.network_ms, profile.predict_ms], [y, y], color=SKY, linewidth=1.2, zorder=1)
            times.plot(p90, y, "|", color=MUTED, markersize=7)
            times.plot(profile.network_ms, y, "o", markersize=4.5, markerfacecolor="white", markeredgecolor=BLUE)
            times.plot(profile.predict_ms, y, "o", markersize=4.5, color=BLUE)
            if profile.predict.interval:
                times.plot(profile.predict.interval, [y, y], color=VERMILLION, linewidth=2.2, solid_capstyle="butt", zorder=3)
            if profile.macs:
                work.plot(profile.macs * profile.batch_size / profile.network_ms / 1e6, y, "o", markersize=4.5, color=BLUE)
        times.set_yticks(range(len(rows)), names)
        times.set_ylim(len(rows) - 0.4, -0.6)
        _logarithmic(times, [profile.network_ms for profile in rows] + [profile.predict_ms for profile in rows])
        times.set(xlabel="ms, median; hollow: network, filled: to class maps\nred: 95 % interval of the median, grey tick: p90")
        work.set(xlabel="GMAC a second\nof the network")
        work.set_xlim(left=0)
        work.xaxis.set_major_locator(MaxNLocator(4))
        for axes in (times, work):
            axes.tick_params(axis="y", length=0)
            axes.grid()
        figure.suptitle(title, fontsize=8.5, color=MUTED)


def _logarithmic(axes: Axes, values: Sequence[float]) -> None:
    if max(values) <= 3 * min(values):
        return
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if max(values) < 100 * min(values) else (1.0,)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
