"""TIFF files tag by tag, in kinds that no writer at hand writes."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHORT, _LONG, _ASCII = 3, 4, 2


def _page(values: NDArray[np.generic], **tags: Any) -> tuple[bytes, dict[int, tuple[int, Any]]]:
    """The pixels, and tag to (type, values)."""
    height, width, *bands = values.shape
    channels = bands[0] if bands else 1
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    entries: dict[int, tuple[int, Any]] = {
        254: (_LONG, [tags.pop("subfile", 0)]),
        256: (_LONG, [width]),
        257: (_LONG, [height]),
        258: (_SHORT, [8 * values.dtype.itemsize] * channels),
        259: (_SHORT, [tags.pop("compression", 1)]),
        262: (_SHORT, [tags.pop("photometric", 1)]),
        277: (_SHORT, [channels]),
        278: (_LONG, [height]),
        339: (_SHORT, [kind] * channels),
    }
    if channels > 1:
        entries[338] = (_SHORT, [0] * (channels - 1))
    if "nodata" in tags:
        entries[42113] = (_ASCII, tags.pop("nodata").encode() + b"\0")
    assert not tags
    return values.tobytes(), entries


class _Tiff:
    page = staticmethod(_page)

    def __call__(self, values: NDArray[np.generic], also: list[Any] | None = None, **tags: Any) -> bytes:
        """A file of one page, or of several; its byte order is that of the values."""
        order = ">" if values.dtype.byteorder == ">" else "<"
        content = bytearray((b"MM\0*" if order == ">" else b"II*\0") + b"\0\0\0\0")
        link = 4
        for pixels, entries in (_page(values, **tags), *(also or ())):
            start = len(content)
            content += pixels + b"\0" * (len(pixels) % 2)
            entries |= {273: (_LONG, [start]), 279: (_LONG, [len(pixels)])}
            packed = {}
            for tag, (kind, given) in sorted(entries.items()):
                data = given if kind == _ASCII else struct.pack(f"{order}{len(given)}{'H' if kind == _SHORT else 'I'}", *given)
                place = data.ljust(4, b"\0")
                if len(data) > 4:
                    place = struct.pack(order + "I", len(content))
                    content += data + b"\0" * (len(data) % 2)
                packed[tag] = struct.pack(order + "HHI", tag, kind, len(given)) + place
            content[link : link + 4] = struct.pack(order + "I", len(content))
            content += struct.pack(order + "H", len(packed)) + b"".join(packed.values())
            link = len(content)
            content += b"\0\0\0\0"
        return bytes(content)


tiff = _Tiff()
