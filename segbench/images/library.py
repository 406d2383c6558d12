"""Pictures opened with Pillow as they are meant: of any size, whole, and with one image in them.

``Image.open`` refuses large maps as a defence of web servers, warns on standard error, and gives the first of several images in silence.
"""

from __future__ import annotations

import io
import struct
import threading

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.ExifTags import Base

from segbench.errors import ImageError
from segbench.images import tiff
from segbench.images.content import Picture, read_content
from segbench.images.signatures import name_of

UPRIGHT = 1
LARGE = 1 << 28  # pixels
DENSEST = {"PNG": 8 * 1032, "TIFF": 16 * 1032}  # pixels of one bit in a byte of a file, at most: deflate repeats 1032 times
TURNED = {5, 6, 7, 8}  # by a quarter
BANDS = {"LA": "grey and alpha", "PA": "palette and alpha", "1": "1 bit"}


def open_picture(path: Picture, content: bytes, what: str) -> Image.Image:
    """A picture that is decoded whole. TIFF, whose pages :mod:`segbench.images.tiff` knows, is not asked for its number of images.

    :param what: it is wanted for: "a label map".
    :raises ImageError: it is no picture, damaged, or holds several images.
    """
    with identify(path, content) as image:
        if image.format not in {"TIFF", "MPO", "JPEG"} and (images := _images(image)) > 1:
            raise ImageError(path, f"{image.format} of {images} images; {what} is one")
        return load(path, image)


def identify(path: Picture, content: bytes) -> ImageFile.ImageFile:
    """A picture of which only the head is read, whatever its size.

    :raises ImageError: it is no picture that Pillow knows; what it is instead is named.
    """
    try:
        with _without_limit:
            return Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise ImageError(path, name_of(content) or "this is not a picture") from None
    except (OSError, ValueError, KeyError, EOFError, SyntaxError, struct.error, OverflowError) as error:
        raise ImageError(path, name_of(content) or f"the file is damaged ({error})") from None


class _WithoutLimit:
    """Lifts Pillow's limit of pixels while any thread is inside: a large map is no attack."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = 0
        self.limit = Image.MAX_IMAGE_PIXELS

    def __enter__(self) -> None:
        with self.lock:
            if self.inside == 0:
                self.limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self.inside += 1

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                Image.MAX_IMAGE_PIXELS = self.limit


_without_limit = _WithoutLimit()


def load(path: Picture, image: ImageFile.ImageFile) -> Image.Image:
    """Decode a picture; ``info["tiles"]`` gets how it was stored, which is gone then.

    :raises ImageError: it is damaged, or more than there is memory for.
    """
    _require_content(path, image)
    image.info["tiles"] = [(str(tile[0]), str(tile[3])) for tile in image.tile or ()]  # of a stub without a decoder: None, before Pillow 11
    try:
        with _without_limit:
            image.load()
        _require_room(image)
    except MemoryError:
        megapixels = image.width * image.height / 1e6
        raise ImageError(path, f"{image.width}x{image.height}: there is no memory for {megapixels:.0f} megapixels") from None
    except Exception as error:  # of damaged files Pillow raises anything
        raise ImageError(path, f"the file is damaged ({error})") from None
    return image


def _require_content(path: Picture, image: ImageFile.ImageFile) -> None:
    """Check that a file can hold the large picture that its head announces, before memory is taken for it.

    :raises ImageError: it is too short for that, however well it is compressed.
    """
    pixels = image.width * image.height
    if pixels > LARGE and image.format in DENSEST and isinstance(image.fp, io.BytesIO):
        size = image.fp.getbuffer().nbytes
        if pixels > DENSEST[image.format] * size:
            raise ImageError(path, f"the file is damaged ({size} bytes cannot hold {image.width}x{image.height} pixels)")


def _require_room(image: Image.Image) -> None:
    """Check that there is memory for what is made of a large picture: its numbers, and those in another form.

    :raises MemoryError: there is none.
    """
    if image.width * image.height > LARGE:
        np.empty(8 * image.width * image.height * len(image.getbands()), np.uint8)


def orientation_of(image: Image.Image) -> int:
    """How a picture is to be held, 1..8 as EXIF has it; 1 where nothing says it."""
    try:
        found = image.getexif().get(Base.Orientation, UPRIGHT)
    except Exception:  # notes that nobody can read, of many kinds; the picture is another matter
        return UPRIGHT
    return found if found in range(1, 9) else UPRIGHT


def orientation_in(path: Picture) -> int:
    """How a picture's file says that it is to be held, 1..8, from the file's head.

    :raises ImageError: it is missing or no picture.
    """
    content = read_content(path)
    if content.startswith(tiff.SIGNATURES):
        return tiff.read_pages(path, content)[0].orientation
    with identify(path, content) as image:
        # PNG: or Pillow decodes all of it to find out
        return orientation_of(image) if image.format != "PNG" or b"eXIf" in content else UPRIGHT


def size_of(path: Picture) -> tuple[int, int]:
    """(width, height) of a photograph as it is shown, from the file's head.

    :raises ImageError: it is missing or no picture.
    """
    content = read_content(path)
    if content.startswith(tiff.SIGNATURES):
        page = tiff.read_pages(path, content)[0]
        return (page.height, page.width) if page.orientation in TURNED else (page.width, page.height)
    with identify(path, content) as image:
        width, height = image.size
        told = image.format != "PNG" or b"eXIf" in content  # or Pillow decodes all of it to find out
        return (height, width) if told and orientation_of(image) in TURNED else (width, height)


def _images(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except (OSError, EOFError, SyntaxError, ValueError):
        return 1  # loading meets it again


def bands_of(image: Image.Image) -> str:
    """What a pixel has, in words: ``3 bands (RGB)``."""
    bands = image.getbands()
    return f"{len(bands)} band{'s' * (len(bands) > 1)} ({BANDS.get(image.mode, image.mode)})"


def require_one_page(path: Picture, pages: list[tiff.Page], what: str) -> None:
    """Check that a TIFF file is one image: overviews may go with it.

    :raises ImageError: it has several pages, or a mask.
    """
    first, *others = pages
    if first.images > 1:
        raise ImageError(path, f"TIFF of {first.images} images; {what} is one")
    if any(page.is_mask for page in others):
        raise ImageError(path, f"TIFF with a mask of valid pixels beside its image, which {what} has no place for")
    full = [page for page in others if not page.is_reduced(first)]
    if full:
        sizes = sorted({f"{page.width}x{page.height}" for page in (first, *full)})
        raise ImageError(path, f"TIFF of {1 + len(full)} pages ({', '.join(sizes)}); {what} is one")
