"""Photographs in JPEG files, decoded by libjpeg-turbo into the memory that they are wanted in.

Pillow decodes with the same library and the same settings, to the same pixels, but copies them twice on their way to an array. Here it is
called through the package ``simplejpeg``, whose function needs no copy. Whatever it has a word to say about, and whatever is not in the
usual colours, is for Pillow to decode or to refuse. Where the package is missing, so is everything: the same pixels, only later.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import Base

from segbench.images.buffers import Allocate, photograph_room

SIGNATURE = b"\xff\xd8\xff"
COLORS = {"Gray", "YCbCr"}  # not CMYK, and not what one program has its own way for
MAX_PIXELS = 1 << 26
UPRIGHT = 1


def decode_photograph(data: bytes, allocate: Allocate | None = None) -> NDArray[np.uint8] | None:
    """uint8[H, W, 3], the picture in a JPEG file; grey is repeated. ``None``: it is for the library, be it whole or damaged.

    :param allocate: gives the memory that is written to, by its shape; ``None`` is memory of this thread that is used again.
    """
    try:
        import simplejpeg
    except ImportError:
        return None
    try:
        height, width, colors, _ = simplejpeg.decode_jpeg_header(data)
        if colors not in COLORS or not 0 < height * width <= MAX_PIXELS or not _is_upright(data):
            return None
        out = photograph_room((height, width, 3), allocate)
        # Pillow's settings: the exact transform, and colours enlarged smoothly.
        simplejpeg.decode_jpeg(data, "RGB", fastdct=False, fastupsample=False, buffer=out.reshape(-1))
    except ValueError:
        return None
    return out


def _is_upright(data: bytes) -> bool:
    """Whether a camera's notes say nothing else.

    :raises ValueError: they cannot be read.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            return bool(image.getexif().get(Base.Orientation, UPRIGHT) == UPRIGHT)
    except Exception as error:  # of many kinds, and the library meets it again
        raise ValueError(str(error)) from None
