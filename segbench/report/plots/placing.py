"""Where the names of points stand on a scatter plot: beside them, and on no other point, line or name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from segbench.report.plots.style import BACKING, FRAME

Point = tuple[float, float]


def place_labels(axes: Axes, points: list[Point], texts: list[str], front: list[Point], bars: Sequence[tuple[Point, Point]] = ()) -> None:
    """Put each text where it hides no point, no line and no other text: the first of a fixed list of offsets that costs the least.

    :param front: the corners of a line in steps.
    :param bars: from where to where each bar of an interval reaches.
    """
    scale = axes.figure.dpi / 72
    dots = [tuple(axes.transData.transform(point)) for point in points]
    obstacles = [_square(px, py, 6) for px, py in dots] + _along(axes, front) + [_around(axes, *bar) for bar in bars]
    inside = axes.get_window_extent()
    for (px, py), point, text in zip(dots, points, texts, strict=True):
        if math.isnan(py):
            continue
        note = axes.annotate(text, point, (0, 0), textcoords="offset points", fontsize=8, linespacing=1.25, bbox=BACKING, zorder=2)
        extent = note.get_window_extent()
        places = [_taken(px, py, dx * scale, dy * scale, extent) for dx, dy in OFFSETS]
        costs = [_cost(boxes, obstacles, inside) for boxes in places]
        best = costs.index(min(costs))
        dx, dy = OFFSETS[best]
        obstacles += places[best]
        note.set_position((dx, dy))
        note.set_horizontalalignment(_side(dx, ("right", "center", "left")))
        note.set_verticalalignment(_side(dy, ("top", "center", "bottom")))
        if len(places[best]) > 1:
            arrow = {"arrowstyle": "-", "color": FRAME, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 4}
            axes.annotate("", point, (dx, dy), textcoords="offset points", arrowprops=arrow)


OFFSETS = [
    (round(r * dx, 1), round(r * dy, 1))
    for r in (8, 13, 20, 30, 42, 56, 72)
    for dx, dy in ((1, 0), (0.7, 0.7), (0.7, -0.7), (-1, 0), (-0.7, 0.7), (-0.7, -0.7), (0, 1), (0, -1))
]


def _side(offset: float, words: tuple[str, str, str]) -> Any:
    return words[1 + (offset > 0) - (offset < 0)]


def _taken(px: float, py: float, dx: float, dy: float, extent: Bbox) -> list[Bbox]:
    """The room of a text of this extent that is pushed away from its point, and of the line that leads to it, if it needs one."""
    left = px + dx + {-1: -1.0, 0: -0.5, 1: 0.0}[(dx > 0) - (dx < 0)] * extent.width
    bottom = py + dy + {-1: -1.0, 0: -0.5, 1: 0.0}[(dy > 0) - (dy < 0)] * extent.height
    text = Bbox.from_bounds(left - 2, bottom - 2, extent.width + 4, extent.height + 4)
    if math.hypot(dx, dy) < 20:
        return [text]
    return [text, *(_square(px + t * dx, py + t * dy, 2.5) for t in np.linspace(0.35, 0.97, 12).tolist())]


def _cost(boxes: list[Bbox], obstacles: list[Bbox], inside: Bbox) -> float:
    """Square pixels that would be hidden, and four times those of the text (the first box) that would stick out of the frame."""
    hidden = sum(overlap(box, obstacle) for box in boxes for obstacle in obstacles)
    return hidden + 4 * (float(boxes[0].width * boxes[0].height) - overlap(boxes[0], inside))


def _square(x: float, y: float, half: float) -> Bbox:
    return Bbox.from_bounds(x - half, y - half, 2 * half, 2 * half)


def _along(axes: Axes, front: list[Point]) -> list[Bbox]:
    """Small boxes along the steps of the front."""
    boxes = []
    for (x0, y0), (x1, y1) in pairwise(front):
        a, b, c = axes.transData.transform([(x0, y0), (x1, y0), (x1, y1)])
        for start, end in ((a, b), (b, c)):
            boxes.append(Bbox([np.minimum(start, end) - 1.5, np.maximum(start, end) + 1.5]))
    return boxes


def _around(axes: Axes, start: Point, end: Point) -> Bbox:
    """The room of a bar."""
    a, b = axes.transData.transform([start, end])
    return Bbox([np.minimum(a, b) - 3, np.maximum(a, b) + 3])


def overlap(a: Bbox, b: Bbox) -> float:
    """The area, in square pixels, that two boxes share."""
    width, height = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
    return float(width * height) if width > 0 and height > 0 else 0.0
