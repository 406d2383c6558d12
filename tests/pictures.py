"""Tiny photographs and palette images for sets in official layouts."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from PIL import Image


def write_photograph(path: Path, size: tuple[int, int] = (4, 6)) -> None:
    """Noise of (height, width), another for every file name, in the format that the suffix says."""
    noise = np.random.default_rng(zlib.crc32(path.name.encode())).integers(0, 256, (*size, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise).save(path, format="JPEG" if path.suffix.lower() in {".jpg", ".jpeg"} else "PNG")
