"""Where a network fails: for each class the image on which it does worst, with the target, the prediction and the errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.errors import RecordError
from segbench.labels.space import LabelSpace
from segbench.report.plots.samples import legend, panels_of, show
from segbench.report.plots.style import drawing

WIDTH = 12.0  # inches
ROOM = 44  # characters above a panel
LONGEST_ID = 44  # characters of an image's name, its end: what fits beside the title of a panel
LONGEST = 640  # pixels of a panel's longer side: more would not be seen


@dataclass(frozen=True, eq=False)
class Failure:
    """An image and the classes that fare worst on it, with their IoU there (fractions).

    ``image`` uint8[H, W, 3]; ``target`` and ``pred`` class indices uint8[H, W], C or more is void or outside.
    """

    id: str
    classes: tuple[tuple[str, float], ...]
    image: NDArray[np.uint8]
    target: NDArray[np.uint8]
    pred: NDArray[np.uint8]


def failure_gallery(failures: Sequence[Failure], labels: LabelSpace, title: str, png: Path) -> None:
    """Write a PNG with a row a failure: image, target, prediction, errors; above each row which classes it stands for.

    :raises RecordError: there is no failure to show.
    """
    if not failures:
        raise RecordError("no class occurs in any image: there is no failure to show")
    rows = [panels_of(_thinned(each.image), _thinned(each.target), _thinned(each.pred), labels) for each in failures]
    heights = [WIDTH / 4 * panels[0][1].shape[0] / panels[0][1].shape[1] + 0.24 for panels, *_ in rows]
    present = sorted({index for _, indices, _ in rows for index in indices})
    extra = {name: color for *_, special in rows for name, color in special.items()}
    lines = math.ceil((len(present) + len(extra)) / 8)
    with drawing(None, png, WIDTH, sum(heights) + 0.5 + 0.22 * lines, photo=True) as figure:
        figure.suptitle(title, fontsize=10, x=0.005, ha="left")
        grid = figure.subplots(len(rows), 4, squeeze=False, gridspec_kw={"height_ratios": heights})
        for axes, failure, (panels, *_) in zip(grid, failures, rows, strict=True):
            worst = ", ".join(f"{name} {100 * iou:.0f} %" for name, iou in failure.classes)
            for position, (each, (name, pixels)) in enumerate(zip(axes, panels, strict=True)):
                show(each, pixels, worst if position == 0 else "" if position == 1 and len(worst) > ROOM else name)
            axes[-1].set_title(failure.id[-LONGEST_ID:], fontsize=7, loc="right", color="0.45")
        legend(figure, labels, present, extra, columns=8)


def _thinned(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    step = math.ceil(max(plane.shape[:2]) / LONGEST)
    return plane[::step, ::step]
