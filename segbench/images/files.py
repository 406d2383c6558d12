"""Reading and writing the three kinds of picture: photographs, label maps, 16-bit maps.

Usual photographs are decoded by :mod:`segbench.images.png` and :mod:`segbench.images.jpeg`, everything else by Pillow. Label maps and
16-bit maps are numbers (:mod:`segbench.images.stored`): what a lenient reader would quietly turn into something else (noise of JPEG, values
that do not fit a byte, the first of several pages) is an :class:`~segbench.errors.ImageError` that says what the file is instead.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segbench.errors import ImageError
from segbench.images import jpeg, png
from segbench.images.buffers import Allocate, photograph_room
from segbench.images.content import Picture as Picture
from segbench.images.content import read_content
from segbench.images.library import identify, load
from segbench.images.photographs import decode_with_library
from segbench.images.stored import read_stored
from segbench.images.whole_numbers import describe_wide, outside, require_whole


def read_image(path: Picture, allocate: Allocate | None = None) -> NDArray[np.uint8]:
    """A photograph as uint8[H, W, 3], RGB, upright; grey is repeated, alpha is dropped.

    :param allocate: gives the memory that is written to, once the size is known: pinned memory for instance.
    :raises ImageError: the file is missing, truncated, no picture or several.
    """
    content = read_content(path)
    for kind in (png, jpeg):
        if content.startswith(kind.SIGNATURE):
            try:
                decoded = kind.decode_photograph(content, allocate)
            except ValueError as error:
                raise ImageError(path, f"the file is damaged ({error})") from None
            if decoded is not None:
                photograph: NDArray[np.uint8] = decoded
                return photograph
    pixels = decode_with_library(path, content)
    height, width, channels = pixels.shape
    out = photograph_room((height, width, channels), allocate)
    out[...] = pixels
    return out


def read_labels(path: Picture) -> NDArray[np.uint8]:
    """A label map as uint8[H, W]: the numbers as they stand in the file, of a palette image the indices.

    :class:`segbench.images.label_maps.LabelMaps` knows in whose labels it is, and so understands more.

    :raises ImageError: the file is unreadable, has several channels or images, lossy compression or values over 255.
    """
    stored = read_stored(path)
    if stored.in_colors or stored.transparent:
        raise ImageError(path, f"{stored.bands}; a label map has one band")
    if stored.white > 1:
        raise ImageError(path, f"{stored.format} in which {stored.white} is white: write 8 bits a pixel as PNG")
    values = require_whole(path, stored.values, "a label map")
    if (wide := outside(values)).size:
        raise ImageError(path, describe_wide(wide))
    return values.astype(np.uint8, copy=False)


def read_uint16(path: Path) -> NDArray[np.uint16]:
    """A 16-bit map (instance ids, disparity) as uint16[H, W].

    :raises ImageError: the file is unreadable or is not a single channel of whole numbers in 0..65535.
    """
    what = "a 16-bit map"
    stored = read_stored(path, what)
    if stored.in_colors or stored.transparent or stored.white:
        raise ImageError(path, f"{stored.bands if not stored.white else 'fewer than 8 bits a pixel'}; {what} has one band of 8 or 16 bits")
    values = require_whole(path, stored.values, what)
    if values.dtype != np.uint16 and values.size and (int(values.min()) < 0 or int(values.max()) > 65535):
        raise ImageError(path, f"values from {int(values.min())} to {int(values.max())} do not fit 16 bits")
    narrow: NDArray[np.uint16] = np.asarray(values, dtype=np.uint16)
    return narrow


def read_wide_rgb(path: Picture) -> NDArray[np.uint16]:
    """A PNG of 16 bits a channel as uint16[H, W, 3]; Pillow alone would keep the upper byte of each.

    :raises ImageError: the file is missing, truncated or something else.
    """
    content = read_content(path)
    upper, lower = (_first_or_second_byte(path, content, which).astype(np.uint16) for which in ("RGB;16B", "RGB;16L"))
    wide: NDArray[Any] = upper << 8 | lower
    return wide


def _first_or_second_byte(path: Picture, content: bytes, bytes_of: str) -> NDArray[np.uint8]:
    """Of RGB in 16 bits, which PNG stores upper byte first: the first (``RGB;16B``) or the second (``RGB;16L``)."""
    with identify(path, content) as image:
        if [str(tile[3]) for tile in image.tile] != ["RGB;16B"]:
            raise ImageError(path, f"{image.format} of mode {image.mode}: this must be a PNG of RGB in 16 bits a channel")
        tile: Any = image.tile[0]
        tiles: Any = [tile._replace(args=bytes_of) if hasattr(tile, "_replace") else (*tile[:3], bytes_of)]
        image.tile = tiles
        return np.array(load(path, image))


def write_labels(path: Path, labels: NDArray[np.uint8], colors: NDArray[np.uint8] | None = None) -> None:
    """Write uint8[H, W] as a PNG; with ``colors`` (uint8[n, 3]) as a palette image, whose indices are the labels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_labels(labels, colors))


def encode_labels(labels: NDArray[np.uint8], colors: NDArray[np.uint8] | None = None) -> bytes:
    """The PNG file that :func:`write_labels` writes."""
    image = Image.fromarray(np.ascontiguousarray(labels, dtype=np.uint8))
    if colors is not None:
        image.putpalette(np.ascontiguousarray(colors, dtype=np.uint8).tobytes())
    content = io.BytesIO()
    image.save(content, format="PNG")
    return content.getvalue()


def write_uint16(path: Path, values: NDArray[np.uint16]) -> None:
    """Write uint16[H, W] as a 16-bit PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(values, dtype=np.uint16)).save(path, format="PNG")


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """Write uint8[H, W, 3] RGB as a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(image, dtype=np.uint8)).save(path, format="PNG")
