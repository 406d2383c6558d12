"""Label spaces of many classes, kept as tables: ``tables/NAME.csv`` with ``id``, ``name``, ``color``, ``evaluated``, and its source.

``color`` is ``#rrggbb``; a table without it is drawn in Pascal VOC's colours.
"""

from __future__ import annotations

import csv
from importlib.resources import files

from segbench.labels.space import LabelClass, LabelSpace


def read_label_table(name: str) -> LabelSpace:
    """The label space of ``tables/NAME.csv``: what is evaluated in the order of the rows, everything else void."""
    text = (files("segbench") / "labels" / "tables" / f"{name}.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    labels = [
        (row["evaluated"] == "yes", LabelClass(row["name"], (int(row["id"]),), _color(row), own_color="color" in row)) for row in rows
    ]
    return LabelSpace(name, tuple(label for evaluated, label in labels if evaluated), tuple(label for kept, label in labels if not kept))


def voc_color(label_id: int) -> tuple[int, int, int]:
    """Pascal VOC's colour of an id: its bits dealt to red, green and blue in turn, from the highest bit of each down."""
    red, green, blue = (sum((label_id >> 3 * step + channel & 1) << 7 - step for step in range(3)) for channel in range(3))
    return red, green, blue


def _color(row: dict[str, str]) -> tuple[int, int, int]:
    if "color" not in row:
        return voc_color(int(row["id"]))
    red, green, blue = bytes.fromhex(row["color"].removeprefix("#"))
    return red, green, blue
