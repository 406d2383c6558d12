"""What a TIFF file says of its pages, without decoding any: sizes, bits, bands, compression, orientation.

A library that decodes the first page of a kind that it knows is silent about all of this, and calls what it does not know no picture.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segbench.errors import ImageError
from segbench.images.content import Picture

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _DESCRIPTION = 256, 257, 258, 259, 262, 270
_ORIENTATION, _BANDS, _SUBFILE, _EXTRA, _FORMAT, _DEPTH, _NODATA = 274, 277, 254, 338, 339, 32997, 42113
_REDUCED, _MASK = 1, 4  # bits of _SUBFILE
_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q"}
_MOST_PAGES = 1 << 16

WHITE_IS_ZERO, PALETTE = 0, 3
_JPEG_2000 = {33003, 33005, 34712}
LOSSY = {6: "JPEG", 7: "JPEG", 34892: "JPEG", 50002: "JPEG XL", 52546: "JPEG XL"} | dict.fromkeys(_JPEG_2000, "JPEG 2000")
WEBP = 50001
KINDS = {1: "uint", 2: "int", 3: "float", 4: "uint", 5: "complex int", 6: "complex"}


class Content(Protocol):
    """Bytes of which some are taken at a time: those of a file that is mapped into memory, or of one that is read in parts."""

    def __getitem__(self, some: slice, /) -> bytes:
        """Some of them."""


@dataclass(frozen=True)
class Page:
    """A page: ``bits`` of each band, ``kind`` of numbers (uint, int, float). ``data``: where its first strip or tile is."""

    width: int
    height: int
    bits: tuple[int, ...]
    kind: str
    compression: int
    photometric: int
    orientation: int
    subfile: int
    extra: tuple[int, ...]
    images: int
    nodata: str
    data: int

    @property
    def bands(self) -> int:
        """How many numbers a pixel has."""
        return len(self.bits)

    @property
    def numbers(self) -> str:
        """The type of its numbers, as numpy calls it."""
        return f"{self.kind}{self.bits[0]}"

    def is_reduced(self, of: Page) -> bool:
        """Whether this is an overview of another page: it says so, or it is smaller in one proportion."""
        if self.subfile & _REDUCED:
            return True
        factor = round(Fraction(of.width, self.width))
        return factor > 1 and abs(self.width * factor - of.width) <= factor and abs(self.height * factor - of.height) <= factor

    @property
    def is_mask(self) -> bool:
        """Whether it says which pixels of another page are valid."""
        return bool(self.subfile & _MASK)


def read_pages(path: Picture, content: Content) -> list[Page]:
    """The pages of a TIFF file in their order.

    :raises ImageError: the file is cut short, or its directory makes no sense.
    """
    try:
        pages = [_page(tags) for tags in _directories(content)]
        if not pages:
            raise ValueError("no page")
        if not all(page.bits for page in pages):
            raise ValueError("a page of numbers without bits")
        if not all(page.width and page.height for page in pages):
            raise ValueError("a page without pixels")
        return pages
    except (struct.error, ValueError, IndexError, ZeroDivisionError, OverflowError):
        raise ImageError(path, "the file is damaged (its directory of pages cannot be read)") from None


def first_page(path: Picture, content: Content) -> tuple[Page, Tags]:
    """The first page of a TIFF file, and the entries of its directory.

    :raises ImageError: as :func:`read_pages`.
    """
    page = read_pages(path, content)[0]
    return page, next(_directories(content))


def _unpacked(form: str, content: Content, place: int) -> tuple[Any, ...]:
    """The numbers at a place; raises struct.error behind the end."""
    return struct.unpack(form, content[place : place + struct.calcsize(form)])


def _directories(content: Content) -> Iterator[Tags]:
    order = "<" if content[:2] == b"II" else ">"
    big = 43 in content[2:4]
    count_type, entry, inline = ("Q", 20, 8) if big else ("H", 12, 4)
    offset_type = "Q" if big else "I"
    (offset,) = _unpacked(order + offset_type, content, 8 if big else 4)
    seen: set[int] = set()
    while offset and offset not in seen and len(seen) < _MOST_PAGES:
        seen.add(offset)
        (count,) = _unpacked(order + count_type, content, offset)
        start = offset + struct.calcsize(count_type)
        tags = {}
        for position in range(start, start + count * entry, entry):
            tag, kind, number = _unpacked(f"{order}HH{offset_type}", content, position)
            tags[tag] = (kind, number, position + entry - inline)
        yield Tags(content, order, offset_type, inline, tags)
        (offset,) = _unpacked(order + offset_type, content, start + count * entry)


@dataclass(frozen=True)
class Tags:
    """The entries of a directory: ``entries`` are type, number of values, and where they or their place are."""

    content: Content
    order: str
    offset_type: str
    inline: int
    entries: dict[int, tuple[int, int, int]]

    def numbers(self, tag: int, default: tuple[int, ...]) -> tuple[int, ...]:
        """Whole numbers of a tag, 16 at most."""
        if tag not in self.entries:
            return default
        kind, count, place = self.entries[tag]
        code = _TYPES.get(kind, "B")
        if count * struct.calcsize("=" + code) > self.inline:
            (place,) = _unpacked(self.order + self.offset_type, self.content, place)
        return _unpacked(f"{self.order}{min(count, 16)}{code}", self.content, place)

    def array(self, tag: int, count: int) -> NDArray[np.int64]:
        """So many whole numbers of a tag.

        :raises ValueError, struct.error: it has others.
        """
        kind, there, place = self.entries.get(tag, (0, 0, 0))
        if kind not in _TYPES or there != count:
            raise ValueError(f"tag {tag} has {there} values, not {count}")
        code = _TYPES[kind]
        if count * struct.calcsize("=" + code) > self.inline:
            (place,) = _unpacked(self.order + self.offset_type, self.content, place)
        return np.frombuffer(self.content[place : place + count * struct.calcsize("=" + code)], self.order + code, count).astype(np.int64)

    def number(self, tag: int, default: int) -> int:
        """The first number of a tag."""
        return (*self.numbers(tag, ()), default)[0]

    def text(self, tag: int) -> str:
        """A short text."""
        if tag not in self.entries:
            return ""
        _, count, place = self.entries[tag]
        if count > self.inline:
            (place,) = _unpacked(self.order + self.offset_type, self.content, place)
        return self.content[place : place + min(count, 4096)].rstrip(b"\0 ").decode("latin-1")


def _page(tags: Tags) -> Page:
    bands = tags.number(_BANDS, 1)
    bits = tags.numbers(_BITS, (1,))
    description = tags.text(_DESCRIPTION)
    stack = [line.partition("=")[2] for line in description.splitlines() if line.startswith("images=")] if "ImageJ=" in description else []
    return Page(
        width=tags.number(_WIDTH, 0),
        height=tags.number(_HEIGHT, 0),
        bits=(bits * bands)[:bands] if len(bits) < bands else bits[:bands],
        kind=KINDS.get(tags.number(_FORMAT, 1), "number of unknown kind "),
        compression=tags.number(_COMPRESSION, 1),
        photometric=tags.number(_PHOTOMETRIC, 1),
        orientation=tags.number(_ORIENTATION, 1),
        subfile=tags.number(_SUBFILE, 0),
        extra=tags.numbers(_EXTRA, ()),
        images=max(tags.number(_DEPTH, 1), int(stack[0]) if stack and stack[0].strip().isdecimal() else 1),
        nodata=tags.text(_NODATA),
        data=(*tags.numbers(273, ()), *tags.numbers(324, ()), 0)[0],
    )
