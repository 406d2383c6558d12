"""Characters that the font of pictures does not have: names of classes and models may be in any script.

An SVG keeps text as text, and its viewer has fonts of its own. A PNG holds what is drawn here, so another font of this machine draws what
the first one cannot; where none can, that is said once.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

FIRST = "DejaVu Sans"
NO_FONT = ("Last Resort", "LastResort", "Noto Sans Adlam Unjoined")
"""Fonts that have a box for every character, and those that matplotlib cannot draw."""


@contextmanager
def without_glyph_warnings() -> Iterator[None]:
    """Matplotlib warns for each character that it measures or draws as a box; what a reader must know is said by :func:`covered`."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from", UserWarning)
        yield


@contextmanager
def covered(page: Figure) -> Iterator[None]:
    """Draw the texts of a page with fonts that have their characters, as far as this machine has some; warns of the others once."""
    texts = [text for text in page.findobj(Text) if isinstance(text, Text)]
    missing = "".join(sorted(set("".join(text.get_text() for text in texts)) - _characters(_file_of_first()) - {"\n"}))
    before = [(text, text.get_fontfamily()) for text in texts] if missing else []
    families, boxes = others(missing)
    if boxes:
        _warn(boxes)
    for text, own in before:
        text.set_fontfamily([*own, *families])
    try:
        yield
    finally:
        for text, own in before:
            text.set_fontfamily(own)


@lru_cache(maxsize=32)
def others(missing: str) -> tuple[tuple[str, ...], str]:
    """The fewest families of this machine, taken one after the other, that have these characters; and the characters that none has."""
    families, rest = [], set(missing)
    seen: set[str] = {FIRST}
    for entry in sorted(font_manager.fontManager.ttflist, key=lambda entry: (entry.name, entry.style != "normal", entry.fname)):
        if rest and entry.name not in seen and not entry.name.startswith(NO_FONT):
            seen.add(entry.name)
            if found := rest & _characters(entry.fname):
                families.append(entry.name)
                rest -= found
    return tuple(families), "".join(sorted(rest))


def _file_of_first() -> str:
    return font_manager.findfont(FIRST)


@lru_cache(maxsize=256)
def _characters(file: str) -> frozenset[str]:
    try:
        return frozenset(map(chr, FT2Font(file).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()


@lru_cache(maxsize=32)
def _warn(boxes: Sequence[str]) -> None:
    shown = "".join(boxes[:12]) + ("..." if len(boxes) > 12 else "")
    warnings.warn(
        f"no font of this machine has the characters {shown}: PNGs show boxes in their place, SVGs show them; install a font that has them "
        "(Noto Sans CJK, for instance) and draw again",
        stacklevel=2,
    )
