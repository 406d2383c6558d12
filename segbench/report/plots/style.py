"""How every picture looks, and how it is written: the same bytes for the same input.

Text stays text in the SVG: it can be searched and read aloud. Layouts are made for DejaVu Sans, which is wide; other fonts fit too.
Colours are Okabe and Ito's, which everybody can tell apart. Nothing here touches pyplot or the user's settings.

A picture is light, and dark where its reader asks for that: an SVG holds both (``prefers-color-scheme``), a PNG has a dark twin beside it.
The two differ in the colours of :data:`DARK` alone. What lies on a colour of its own, such as a number in a cell, keeps ``ON_*`` in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text

from segbench.report.plots.fonts import FIRST, covered, without_glyph_warnings

BLUE, SKY, ORANGE, VERMILLION, GREEN = "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#009E73"
PAPER, INK, MUTED, RULE, FRAME, EMPTY = "#FFFFFF", "#222222", "#767676", "#E4E4E4", "#9A9A9A", "#F2F2F2"
ON_PALE, ON_DEEP = "#232323", "#FEFEFE"
DARK = {PAPER: "#0D1117", INK: "#E6EDF3", MUTED: "#9198A1", RULE: "#2A313A", FRAME: "#6B737D", EMPTY: "#22272E", BLUE: "#2E95D3"}
VOID = (226, 226, 226)
HEAT = LinearSegmentedColormap.from_list("heat", ["#FDFDFD", "#C6DDEE", "#5FA4CF", "#0072B1", "#00395A"])
BACKING = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.6}
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": [FIRST, "Verdana", "Arial", "Helvetica"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.edgecolor": FRAME,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "xtick.color": FRAME,
    "ytick.color": FRAME,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "segbench",
}


@contextmanager
def drawing(svg: Path | BinaryIO | None, png: Path | None, width: float, height: float, *, photo: bool = False) -> Iterator[Figure]:
    """A figure in our style, whatever the user's settings are; written when the block ends. A ``photo`` stays light."""
    with mpl.rc_context(), without_glyph_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        page = Figure(figsize=(width, height), layout="constrained", dpi=100)
        FigureCanvasAgg(page)
        yield page
        if svg is not None:
            _write_svg(page, svg, photo)
        if png is not None:
            png.parent.mkdir(parents=True, exist_ok=True)
            with covered(page):
                page.savefig(png, format="png", dpi=180, metadata={"Software": None}, **TIGHT)
                if not photo:
                    _darken(page)
                    page.savefig(dark_twin(png), format="png", dpi=180, metadata={"Software": None}, **TIGHT)


TIGHT: Any = {"bbox_inches": "tight", "pad_inches": 0.08}


def dark_twin(png: Path) -> Path:
    """Where the dark version of a PNG lies."""
    return png.with_stem(f"{png.stem}-dark")


def _write_svg(page: Figure, svg: Path | BinaryIO, photo: bool) -> None:
    out = BytesIO()
    page.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, **TIGHT)
    data = out.getvalue() if photo else out.getvalue().replace(b"</style>", f"{_dark_rules()}</style>".encode(), 1)
    if isinstance(svg, Path):
        svg.parent.mkdir(parents=True, exist_ok=True)
        svg.write_bytes(data)
    else:
        svg.write(data)


def _dark_rules() -> str:
    """CSS that changes colours by what stands in the elements' own ``style``, where matplotlib writes them."""
    kinds = ("fill", "stroke")
    rules = [f'[style*="{kind}: {light.lower()}"]{{{kind}:{dark}!important}}' for light, dark in DARK.items() for kind in kinds]
    return "\n@media (prefers-color-scheme: dark) {\n" + "\n".join(rules) + "\n}\n"


def _darken(page: Figure) -> None:
    """Change the colours of everything that is drawn."""
    artists = page.findobj()
    artists += [box for box in (text.get_bbox_patch() for text in artists if isinstance(text, Text)) if box is not None]
    for artist in artists:
        for name in _COLOURS[next((kind for kind in _COLOURS if isinstance(artist, kind)), Artist)]:
            colour = getattr(artist, f"get_{name}")()
            one = colour if isinstance(colour, str) or not isinstance(artist, Collection) else list(colour)
            getattr(artist, f"set_{name}")([_dark(each) for each in one] if isinstance(one, list) else _dark(one))


_COLOURS: dict[type[Artist], tuple[str, ...]] = {
    Text: ("color",),
    Line2D: ("color", "markerfacecolor", "markeredgecolor"),
    Patch: ("facecolor", "edgecolor"),
    Collection: ("facecolor", "edgecolor"),
    Artist: (),
}


def _dark(colour: Any) -> Any:
    if isinstance(colour, str) and colour == "none":
        return colour
    opaque = to_hex(colour, keep_alpha=True).upper()
    return DARK.get(opaque[:7], colour) if opaque.endswith("FF") else colour
