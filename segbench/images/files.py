"""Reading and writing the three kinds of picture: photographs, label maps, 16-bit maps.

A label map must be a single channel of whole numbers. What a lenient reader would quietly turn into something else (colour, 1 bit, JPEG
noise, values that do not fit a byte) is an :class:`~segbench.errors.ImageError` that says what the file is instead. The usual label maps
and photographs are decoded by :mod:`segbench.images.png` and :mod:`segbench.images.jpeg`, everything else by Pillow.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from segbench.errors import ImageError
from segbench.images import jpeg, png
from segbench.images.buffers import Allocate, photograph_room

if TYPE_CHECKING:
    from segbench.images.color_ids import ColorIds

_LABEL_MODES = {"L", "P", "I;16", "I;16B", "I"}


class Picture(Protocol):
    """What an image is read from: a Path, or a part of a larger file that can be read as one (a page of a stack)."""

    def exists(self) -> bool:
        """Whether the file is there."""

    def read_bytes(self) -> bytes:
        """An encoded image. OSError or ImageError: it cannot be read."""


def read_image(path: Picture, allocate: Allocate | None = None) -> NDArray[np.uint8]:
    """A photograph as uint8[H, W, 3], RGB; grey is repeated, alpha is dropped.

    :param allocate: gives the memory that is written to, once the size is known: pinned memory for instance.
    :raises ImageError: the file is missing, truncated or no picture.
    """
    content = _content(path)
    for kind in (png, jpeg):
        if content.startswith(kind.SIGNATURE):
            try:
                decoded = kind.decode_photograph(content, allocate)
            except ValueError as error:
                raise ImageError(path, f"the file is damaged ({error})") from None
            if decoded is not None:
                return decoded
    pixels = np.asarray(_as_photograph(_open(path, content)))
    height, width, channels = pixels.shape
    out = photograph_room((height, width, channels), allocate)
    out[...] = pixels
    return out


def _as_photograph(image: Image.Image) -> Image.Image:
    """RGB of 8 bits, as a picture is meant to be seen: the place of every rule about pictures that are not stored so.

    :mod:`segbench.images.png` and :mod:`segbench.images.jpeg` decode what no rule here would change, and leave all else to this.
    """
    return image if image.mode == "RGB" else image.convert("RGB")


def read_labels(path: Picture) -> NDArray[np.uint8]:
    """A label map as uint8[H, W]: the bytes as they stand in the file; of a palette image the indices, not the colours.

    :raises ImageError: the file is unreadable, has several channels, one bit a pixel, lossy compression or values over 255.
    """
    values = _read_single_channel(path, "label map")
    if values.dtype == np.uint8:
        return values
    if values.size and (int(values.min()) < 0 or int(values.max()) > 255):
        raise ImageError(path, f"values up to {int(values.max())} do not fit a label map of bytes; is this an instance map?")
    return values.astype(np.uint8)


def read_color_ids(path: Picture, table: ColorIds) -> NDArray[np.uint8] | None:
    """A colour-coded map as uint8[H, W], the ids of its colours, of which alpha is dropped; ``None``: a colour has no id.

    :raises ImageError: the file is missing, truncated or no picture.
    """
    from segbench.images.color_ids import ids_of_pixels  # see png

    content = _content(path)
    if content.startswith(png.SIGNATURE):
        try:
            ids = png.decode_colors(content, table)
        except ValueError as error:
            raise ImageError(path, f"the file is damaged ({error})") from None
        if ids is not None:
            return ids
    return ids_of_pixels(read_image(path), table)


def read_uint16(path: Path) -> NDArray[np.uint16]:
    """A 16-bit map (instance ids, disparity) as uint16[H, W].

    :raises ImageError: the file is unreadable or is not a single channel of whole numbers in 0..65535.
    """
    values = _read_single_channel(path, "16-bit map")
    if values.dtype != np.uint16 and values.size and (int(values.min()) < 0 or int(values.max()) > 65535):
        raise ImageError(path, f"values from {int(values.min())} to {int(values.max())} do not fit 16 bits")
    return values.astype(np.uint16, copy=False)


def read_wide_rgb(path: Picture) -> NDArray[np.uint16]:
    """A PNG of 16 bits a channel as uint16[H, W, 3]; Pillow alone would keep the upper byte of each.

    :raises ImageError: the file is missing, truncated or something else.
    """
    content = _content(path)
    upper, lower = (np.array(_open(path, content, bytes_of=which)).astype(np.uint16) for which in ("RGB;16B", "RGB;16L"))
    return upper << 8 | lower


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


def _content(path: Picture) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError(path, "the file is missing") from None
    except OSError as error:
        raise ImageError(path, f"the file cannot be read ({error.strerror})") from None


def _open(path: Picture, content: bytes, bytes_of: str | None = None) -> Image.Image:
    """A fully decoded picture; decoding is lazy in Pillow, so a truncated file shows itself only here.

    ``bytes_of``: of RGB in 16 bits, which PNG stores upper byte first, take the first byte (``RGB;16B``) or the second (``RGB;16L``).
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            if bytes_of is not None:
                if [str(tile[3]) for tile in image.tile] != ["RGB;16B"]:
                    raise ImageError(path, f"{image.format} of mode {image.mode}: this must be a PNG of RGB in 16 bits a channel")
                image.tile = [(*image.tile[0][:3], bytes_of)]
            image.info["stretched"] = any(_is_stretched(tile[0], str(tile[3])) for tile in getattr(image, "tile", ()))
            image.load()
    except UnidentifiedImageError:
        raise ImageError(path, "this is not a picture") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(path, f"the file is damaged ({error})") from None
    return image


def _is_stretched(codec: str, arguments: str) -> bool:
    """Whether Pillow stretches grey levels to 0..255 while decoding: 2 and 4 bits, and a PGM whose maximum is not the usual one."""
    return "L;2" in arguments or "L;4" in arguments or codec.startswith("ppm")


def _read_single_channel(path: Picture, kind: str) -> NDArray[np.generic]:
    content = _content(path)
    if content.startswith(png.SIGNATURE):
        try:
            values = png.decode(content)
        except ValueError as error:
            raise ImageError(path, f"the file is damaged ({error})") from None
        if values is not None:
            return values
    image = _open(path, content)
    if image.format in {"JPEG", "MPO", "JPEG2000", "WEBP"}:
        raise ImageError(path, f"{image.format} is lossy: a {kind} must be stored without loss, as PNG")
    if image.mode == "1":
        raise ImageError(path, f"1 bit a pixel: a {kind} needs whole ids, this is a mask")
    if image.info["stretched"]:
        raise ImageError(path, f"{image.format} of fewer than 8 bits: the ids would be stretched; store 8 bits a pixel as PNG")
    if image.mode not in _LABEL_MODES:
        hint = "; a colour-coded map is read with --encoding color" if image.mode in {"RGB", "RGBA"} else ""
        raise ImageError(path, f"mode {image.mode}: a {kind} is a single channel of whole numbers{hint}")
    return np.array(image)
