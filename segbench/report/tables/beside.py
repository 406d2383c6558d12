"""What comparisons show of scores that are counted beside pairs: tables of rows, by title, of those that both sides have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from segbench.metrics.error_causes import CAUSES, SIZES
from segbench.metrics.surface import in_words


class Rows(NamedTuple):
    """A table of a comparison: what it is ``called`` in JSON, its ``title``, and its rows, (name, field of the score)."""

    called: str
    title: str
    rows: list[tuple[str, str]]


def rows_beside(fields: Iterable[str]) -> list[Rows]:
    """The tables of the scores that there are, by their names; empty ones are left out."""
    fields = list(fields)
    tables = [
        Rows("errors", "errors by cause", [(f"{cause}, {what}", f"{field}_{cause}") for cause in CAUSES for what, field in _OF_CAUSE]),
        Rows("sizes", "segments by size", [(f"{size}, {what}", f"{field}_{size}") for size in SIZES for what, field in _OF_SEGMENTS]),
        Rows("strata", "segments by quantiles of size", _matching(fields, _STRATUM, _stratum)),
        Rows("trimap", "mIoU near edges", _matching(fields, _TRIMAP, lambda found: f"within {found[1]} px")),
        Rows("surface", "boundaries", _matching(fields, _SURFACE, _surface)),
    ]
    there = set(fields)
    kept = [Rows(called, title, [row for row in rows if row[1] in there]) for called, title, rows in tables]
    return [each for each in kept if each.rows]


_OF_CAUSE = (("share", "share"), ("gain in mIoU", "gain"))
_OF_SEGMENTS = (("found", "found"), ("recall", "recall"))
_STRATUM = re.compile(r"(found|recall)_stratum_(\d+)_of_(\d+)")
_TRIMAP = re.compile(r"trimap_miou_(\d+)")
_SURFACE = re.compile(r"(image_)?(nsd|boundary_f)_(.+)")


def _matching(fields: list[str], form: re.Pattern[str], called: Callable[[re.Match[str]], str]) -> list[tuple[str, str]]:
    return [(called(found), field) for field in fields if (found := form.fullmatch(field))]


def _stratum(found: re.Match[str]) -> str:
    return f"{found[2]} of {found[3]} from the smallest, {found[1]}"


def _surface(found: re.Match[str]) -> str:
    of_images = " per image" if found[1] else ""
    return f"{'NSD' if found[2] == 'nsd' else 'boundary F'}{of_images}, within {in_words(float(found[3]))}"
