"""The drawing of the causes of errors: for each a scene that has no other.

``python -m docs.extension.causes_drawing`` writes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from numpy.typing import NDArray

from segbench.report.plots.causes import COLOURS
from segbench.report.plots.style import EMPTY, INK, MUTED, PAPER, drawing

FILE = Path(__file__).parents[1] / "images" / "errors.svg"
SKY, HOUSE, TREE, VOID = range(4)
"""Class indices of the scenes; void is beyond the last class."""
CLASSES = 3
SAID = {
    "border": "outline 2 px off",
    "extent": "goes on beyond void",
    "missed": "not predicted",
    "invented": "not in the target",
    "confusion": "predicted as a tree",
}
Map = NDArray[np.uint8]


def scenes() -> dict[str, tuple[Map, Map]]:
    """For each cause a target and a prediction, uint8[24, 32] of class indices, whose wrong pixels all have it."""
    target = np.full((24, 32), SKY, np.uint8)
    target[8:20, 5:17] = HOUSE
    found = {}
    for cause in COLOURS:
        true, pred = target.copy(), target.copy()
        if cause == "border":
            pred[8:20, 17:19], pred[8:10, 5:17] = HOUSE, SKY
        elif cause == "extent":
            true[8:20, 17:21] = VOID
            pred[8:20, 5:25] = HOUSE  # beyond the void there is no edge of a house
        elif cause == "missed":
            pred[pred == HOUSE] = SKY
        elif cause == "invented":
            pred[4:12, 22:29] = TREE
        else:
            pred[pred == HOUSE] = TREE
        found[cause] = true, pred
    return found


def draw(svg: Path, png: Path | None = None) -> None:
    """Write the drawing: predicted classes as fields, the outline of the house in the target, wrong pixels in the colour of their cause."""
    fields = ListedColormap([EMPTY, "#C3CBD2", "#CFC6AE"])
    place: Any = {"extent": (0, 32, 24, 0), "interpolation": "nearest"}
    with drawing(svg, png, 7.2, 1.75) as figure:
        for axes, (cause, (target, pred)) in zip(figure.subplots(1, len(COLOURS)), scenes().items(), strict=True):
            axes.imshow(pred, cmap=fields, **place, vmin=0, vmax=CLASSES - 1)
            axes.imshow(np.ma.masked_equal(target == VOID, False), cmap=ListedColormap([PAPER]), **place)
            wrong = np.ma.masked_equal((target != pred) & (target < CLASSES), False)
            axes.imshow(wrong, cmap=ListedColormap([COLOURS[cause]]), **place)
            axes.contour(np.arange(32) + 0.5, np.arange(24) + 0.5, target == HOUSE, levels=[0.5], colors=INK, linewidths=1)
            axes.set(xticks=[], yticks=[], aspect="equal", ylim=(24, 0))
            axes.set_title(cause, fontsize=9)
            axes.set_xlabel(SAID[cause], fontsize=7.5)
            for spine in axes.spines.values():
                spine.set(visible=True, color=MUTED)


if __name__ == "__main__":
    draw(FILE)
