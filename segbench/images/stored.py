"""The numbers of a picture as they are stored, in whatever lossless format, and what else they may stand for.

Nothing is scaled, inverted, turned, chosen from several or left out on the way: what a lenient reader would do in silence is an
:class:`~segbench.errors.ImageError` that says what the file is. What the numbers mean is for :mod:`segbench.images.label_maps` to say.
"""

from __future__ import annotations

import io
import logging
import struct
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segbench.errors import ImageError
from segbench.images import arrays, png, pnm, tiff
from segbench.images.content import Picture, read_content
from segbench.images.library import UPRIGHT, bands_of, identify, load, open_picture, orientation_of, require_one_page

OPAQUE = 255
LOSSY = {"JPEG", "MPO", "JPEG2000", "AVIF"}
_ONE_BAND = {"1", "L", "P", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
_OF_PILLOW = {"uint1", "int8", "uint8", "int16", "uint16", "int32", "uint32", "float32"}
_COMPRESSIONS_OF_PILLOW = {1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 50000}


@dataclass(frozen=True, eq=False)
class Stored:
    """``values``: [H, W] of any type, or uint8[H, W, 3] of a picture in colours.

    ``palette``: red, green, blue of each index, where the values are indices. ``white``: the value that is white, where fewer than 8 bits
    are stored, else 0. ``format`` is Pillow's name, ``bands`` says what a pixel has, alpha too, which is not among the values.
    ``nodata``: what a raster says that stands for no data.
    """

    values: NDArray[Any]
    palette: bytes = b""
    white: int = 0
    format: str = ""
    bands: str = "1 band"
    transparent: bool = False
    nodata: str = ""

    @property
    def in_colors(self) -> bool:
        """Whether a pixel has red, green and blue."""
        return self.values.ndim == 3


def read_stored(path: Picture, what: str = "a label map") -> Stored:
    """The numbers of a file.

    :param what: is wanted, for errors.
    :raises ImageError: the file is missing or damaged, or what it holds is not one lossless image that stands upright.
    """
    return stored_in(path, read_content(path), what)


def stored_in(path: Picture, content: bytes, what: str) -> Stored:
    """The numbers in what a file holds; see :func:`read_stored`."""
    if content.startswith(png.SIGNATURE):
        try:
            decoded = png.decode_indexed(content)
        except ValueError as error:
            raise ImageError(path, f"the file is damaged ({error})") from None
        if decoded is not None:
            return Stored(decoded[0], decoded[1], format="PNG")
    if content.startswith(arrays.SIGNATURES):
        return Stored(arrays.read_array(path, content), format="NumPy")
    if content.startswith(tiff.SIGNATURES):
        return _of_tiff(path, content, what)
    if content.startswith(pnm.SIGNATURES):
        values, white = pnm.read_grey(path, content)
        return Stored(values, white=white if white < 255 else 0, format="PGM")
    image = open_picture(path, content, what)
    _refuse_lossy(path, str(image.format), content, what)
    _refuse_turned(path, orientation_of(image), what)
    return _of_picture(path, image, what)


def _refuse_lossy(path: Picture, name: str, content: bytes, what: str) -> None:
    if name in LOSSY or (name == "WEBP" and not _is_lossless_webp(content)):
        raise ImageError(path, f"{name} is lossy: {what} must be stored without loss, as PNG")


def _refuse_turned(path: Picture, orientation: int, what: str) -> None:
    if orientation != UPRIGHT:
        reason = f"its orientation tag says {orientation}, turned or mirrored, which some readers follow and others do not"
        raise ImageError(path, f"{reason}: write {what} upright, without the tag")


def _is_lossless_webp(content: bytes) -> bool:
    """Whether the image is in a VP8L chunk: VP8 is lossy."""
    position = 12
    while position + 8 <= len(content):
        kind, size = content[position : position + 4], struct.unpack_from("<I", content, position + 4)[0]
        if kind in (b"VP8 ", b"VP8L"):
            return kind == b"VP8L"
        position += 8 + size + size % 2
    return False


def _of_picture(path: Picture, image: Image.Image, what: str) -> Stored:
    """Of a picture that Pillow has decoded."""
    if image.format == "PPM" and image.mode == "1":
        raise ImageError(path, "PBM, in which 1 is black: write PGM or PNG of 8 bits")
    codecs = image.info["tiles"]
    if image.format == "PPM" and any(codec.startswith("ppm") and "255" not in arguments for codec, arguments in codecs):
        raise ImageError(path, f"PPM whose white is not 255; {what} has one band")
    if any(";16" in arguments for _, arguments in codecs) and len(image.getbands()) > 1:
        raise ImageError(path, f"{bands_of(image)} of 16 bits; {what} has one band")
    values: NDArray[Any] = np.array(image)
    if image.mode in {"LA", "RGB", "RGBA"}:
        transparent = image.mode != "RGB" and bool((values[..., -1] != OPAQUE).any())
        values = values[..., 0] if image.mode == "LA" else values[..., :3]
        return Stored(np.ascontiguousarray(values), format=str(image.format), bands=bands_of(image), transparent=transparent)
    if image.mode not in _ONE_BAND:
        raise ImageError(path, f"{bands_of(image)}; {what} has one band")
    if image.mode == "1":
        return Stored(np.array(image.convert("L")) // OPAQUE, white=1, format=str(image.format))
    if image.mode == "P":
        return Stored(values, bytes(image.getpalette("RGB") or ()), format=str(image.format))
    white = next((2 ** int(bits) - 1 for bits in "24" if any(f"L;{bits}" in arguments for _, arguments in codecs)), 0)
    return Stored(values // (255 // white), white=white, format=str(image.format)) if white else Stored(values, format=str(image.format))


def _of_tiff(path: Picture, content: bytes, what: str) -> Stored:
    pages = tiff.read_pages(path, content)
    require_one_page(path, pages, what)
    page = pages[0]
    if page.compression in tiff.LOSSY:
        raise ImageError(path, f"TIFF with {tiff.LOSSY[page.compression]} inside is lossy: {what} must be stored without loss, as PNG")
    if page.compression == tiff.WEBP and not _is_lossless_webp(content[page.data : page.data + 64]):
        raise ImageError(path, f"TIFF with WebP inside is lossy: {what} must be stored without loss, as PNG")
    _refuse_turned(path, page.orientation, what)
    if page.photometric == tiff.WHITE_IS_ZERO:
        raise ImageError(path, "TIFF in which white is 0 (WhiteIsZero), which some readers invert and others do not: write it as PNG")
    if page.bands != 1 and not (page.photometric == 2 and set(page.bits) == {8} and page.bands < 5) and page.extra not in {(1,), (2,)}:
        raise ImageError(path, f"{page.bands} bands of {page.numbers}; {what} has one band{_hint(page)}")
    if page.kind.startswith("complex"):
        raise ImageError(path, f"numbers of the type {page.numbers}; {what} is whole numbers")
    try:
        image = load(path, identify(path, content))
    except ImageError as refusal:
        return Stored(_with_tifffile(path, content, page, refusal), format="TIFF", nodata=page.nodata)
    stored = _of_picture(path, image, what)
    # Pillow has no such types, and gives the bits under another name.
    renamed = {"int8": np.int8, "uint32": np.uint32}.get(page.numbers) if page.bands == 1 and not stored.palette else None
    values = stored.values.view(renamed) if renamed and not stored.white else stored.values
    return replace(stored, values=values, nodata=page.nodata)


def _hint(page: tiff.Page) -> str:
    return "; of scores or one-hot bands write the argmax" if page.bands > 2 else ""


def _with_tifffile(path: Picture, content: bytes, page: tiff.Page, refusal: ImageError) -> NDArray[Any]:
    """Of a kind that Pillow does not know, 64 bits for instance."""
    if page.numbers in _OF_PILLOW and page.compression in _COMPRESSIONS_OF_PILLOW:
        raise refusal
    kind = f"TIFF of {page.numbers}" + (f" (compression {page.compression})" if page.compression not in _COMPRESSIONS_OF_PILLOW else "")
    try:
        import tifffile
    except ImportError:
        raise ImageError(path, f"{kind}, which Pillow does not read: write 8 bits, or pip install 'segbench[tiff]'") from None
    logging.getLogger(tifffile.__name__).addHandler(logging.NullHandler())  # or its warnings go to standard error
    try:
        return np.asarray(tifffile.imread(io.BytesIO(content), key=0))
    except Exception as error:  # of many kinds: codecs that are not installed, damage
        raise ImageError(path, f"{kind}, which cannot be read ({error})") from None
