"""How every picture looks, and how it is written: the same bytes for the same input.

Text stays text in the SVG: it can be searched and read aloud. Layouts are made for DejaVu Sans, which is wide; other fonts fit too.
Colours are Okabe and Ito's, which everybody can tell apart. Nothing here touches pyplot or the user's settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

BLUE, SKY, ORANGE, VERMILLION, GREEN = "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#009E73"
INK, MUTED, RULE, PALE = "#222222", "#767676", "#E4E4E4", "#B5D3E7"
VOID = (226, 226, 226)
HEAT = LinearSegmentedColormap.from_list("heat", ["#FFFFFF", "#C6DDEE", "#5FA4CF", BLUE, "#00395A"])
BACKING = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9A9A9A",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": "#9A9A9A",
    "ytick.color": "#9A9A9A",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "segbench",
}


@contextmanager
def drawing(svg: Path | BinaryIO | None, png: Path | None, width: float, height: float) -> Iterator[Figure]:
    """A figure in our style, whatever the user's settings are; written when the block ends."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        page = Figure(figsize=(width, height), layout="constrained", dpi=100)
        FigureCanvasAgg(page)
        yield page
        for path in (svg, png):
            if isinstance(path, Path):
                path.parent.mkdir(parents=True, exist_ok=True)
        if svg is not None:
            page.savefig(svg, format="svg", bbox_inches="tight", pad_inches=0.08, metadata={"Date": None, "Creator": None})
        if png is not None:
            page.savefig(png, format="png", bbox_inches="tight", pad_inches=0.08, dpi=180, metadata={"Software": None})
