"""The numbers in PGM files, plain or raw, as they stand there: Pillow stretches them to 0..255."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import ImageError
from segbench.images.content import Picture

SIGNATURES = (b"P2", b"P5")
_HEADER = re.compile(rb"(P[25])" + rb"(?:\s|#[^\r\n]*[\r\n])+(\d+)" * 3 + rb"(?:#[^\r\n]*[\r\n])?\s")


def read_grey(path: Picture, content: bytes) -> tuple[NDArray[Any], int]:
    """uint8 or uint16[H, W], and the number that is white.

    :raises ImageError: the file is damaged, or holds several images.
    """
    head = _HEADER.match(content)
    if head is None:
        raise ImageError(path, "the file is damaged (its header is no PGM's)")
    width, height, white = (int(number) for number in head.groups()[1:])
    if not (width and height and 0 < white < 65536):
        raise ImageError(path, f"the file is damaged ({width}x{height} pixels up to {white})")
    size, item = width * height, 1 if white < 256 else 2
    if head[1] == b"P5":
        body = content[head.end() :]
        if len(body) < size * item:
            raise ImageError(path, f"the file is damaged (it ends after {len(body)} of {size * item} bytes)")
        if content[head.end() + size * item :].lstrip()[:2] in SIGNATURES:
            raise ImageError(path, "PGM of several images; a label map is one")
        values = np.frombuffer(body, np.uint8 if item == 1 else ">u2", size)
    else:
        values = _plain(path, content[head.end() :], size)
    if values.size and int(values.max()) > white:
        raise ImageError(path, f"the file is damaged (it holds {int(values.max())}, and says that {white} is the largest)")
    return values.astype(np.uint8 if item == 1 else np.uint16).reshape(height, width), white


def _plain(path: Picture, body: bytes, size: int) -> NDArray[np.int64]:
    text = re.sub(rb"#[^\r\n]*", b" ", body).split()
    if len(text) < size or not all(word.isdigit() for word in text[:size]):
        raise ImageError(path, f"the file is damaged (it holds {len(text)} of {size} numbers)")
    if len(text) > size:
        raise ImageError(path, f"{len(text)} numbers for {size} pixels; a label map is one image")
    return np.array(text[:size], np.int64)
