"""Pictures as they are meant to be seen: RGB of 8 bits, upright. The place of every rule about photographs that are not stored so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segbench.errors import ImageError
from segbench.images import tiff
from segbench.images.content import Picture
from segbench.images.library import UPRIGHT, bands_of, identify, load, open_picture, orientation_of, require_one_page

PHOTOGRAPH = "a photograph"


def decode_with_library(path: Picture, content: bytes) -> NDArray[np.uint8]:
    """uint8[H, W, 3] of a picture in any format: grey is repeated, alpha is dropped, 16 bits lose the lower 8, and it is turned upright.

    :raises ImageError: it is no picture, several, damaged, or its numbers are no colours (floats, 32 bits, other bands than RGB).
    """
    page, orientation = None, UPRIGHT
    if content.startswith(tiff.SIGNATURES):
        page = _page(path, content)
        image = load(path, identify(path, content))  # Pillow turns it
    else:
        image = open_picture(path, content, PHOTOGRAPH)
        orientation = orientation_of(image)
    if image.mode.startswith("I"):
        image = Image.fromarray(_upper_byte(path, image, page))
    elif image.mode in {"F", "LAB", "HSV"}:
        raise ImageError(path, f"{_numbers(image, page)}; {PHOTOGRAPH} is RGB or grey of 8 or 16 bits")
    if image.mode != "RGB":
        image = _opaque(image).convert("RGB")
    return np.asarray(image if page is not None or orientation == UPRIGHT else _turned(image, orientation))


def _page(path: Picture, content: bytes) -> tiff.Page:
    pages = tiff.read_pages(path, content)
    require_one_page(path, pages, PHOTOGRAPH)
    page = pages[0]
    colors = page.bands in (3, 4) and page.photometric != 1
    if (
        page.kind != "uint"
        or set(page.bits) - {1, 2, 4, 8, 12, 16}
        or (page.bands > 2 and not colors and len(page.extra) != page.bands - 3)
    ):
        bands = f"{page.bands} band{'s' * (page.bands > 1)} of {page.numbers}"
        raise ImageError(path, f"{bands}; {PHOTOGRAPH} is RGB or grey of 8 or 16 bits")
    return page


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """A picture as its orientation 2..8 says that it is held."""
    T = Image.Transpose
    ways = {2: T.FLIP_LEFT_RIGHT, 3: T.ROTATE_180, 4: T.FLIP_TOP_BOTTOM, 5: T.TRANSPOSE, 6: T.ROTATE_270, 7: T.TRANSVERSE, 8: T.ROTATE_90}
    return image.transpose(ways[orientation])


def _upper_byte(path: Picture, image: Image.Image, page: tiff.Page | None) -> NDArray[np.uint8]:
    """Of grey in more than 8 bits."""
    values = np.asarray(image)
    if image.mode == "I" and (page is not None or image.format not in {"PNG", "PPM"}):
        raise ImageError(path, f"{_numbers(image, page)}; {PHOTOGRAPH} is RGB or grey of 8 or 16 bits")
    shift = page.bits[0] - 8 if page is not None else 8
    grey = (values >> shift).astype(np.uint8)
    return 255 - grey if page is not None and page.photometric == tiff.WHITE_IS_ZERO else grey


def _numbers(image: Image.Image, page: tiff.Page | None) -> str:
    named = {"F": "float32", "I": "int32"}.get(image.mode)
    return page.numbers if page is not None else named or bands_of(image)


def _opaque(image: Image.Image) -> Image.Image:
    """Without what Pillow would warn of: transparent colours of a palette."""
    image.info.pop("transparency", None)
    return image
