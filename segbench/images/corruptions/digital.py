"""Of the camera's software: contrast, warping, coarse pixels, JPEG."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from segbench.images.corruptions.filters import Floats, blurred


def contrast(image: Floats, severity: int, _: np.random.Generator) -> Floats:
    """Every value moves towards the mean of its channel."""
    means = image.mean(axis=(0, 1), keepdims=True)
    return np.asarray((image - means) * (0.4, 0.3, 0.2, 0.1, 0.05)[severity] + means)


def elastic_transform(image: Floats, severity: int, random: np.random.Generator) -> Floats:
    """Every pixel is taken from nearby, by a displacement that changes slowly; beyond its edge the image is mirrored."""
    height, width = image.shape[:2]
    strength = 250 * (0.05, 0.065, 0.085, 0.1, 0.12)[severity]
    reach, sigma = height * 0.005, (height * 0.01, width * 0.01)
    across, down = (
        blurred(random.uniform(-reach, reach, (height, width)), sigma, truncate=3, ends="symmetric") * strength for _ in range(2)
    )
    y, top, bottom = _mirrored(np.arange(height)[:, None] + down, height)
    x, left, right = _mirrored(np.arange(width) + across, width)
    upper = image[top, left] * (1 - x) + image[top, right] * x
    lower = image[bottom, left] * (1 - x) + image[bottom, right] * x
    return np.asarray(upper * (1 - y) + lower * y)


def _mirrored(position: Floats, length: int) -> tuple[Floats, Floats, Floats]:
    """Of positions in an image that goes on mirrored, with its edge: the weight of the pixel after, and the pixels before and after."""
    position = np.mod(position + 0.5, 2 * length)
    position = np.where(position > length, 2 * length - position, position) - 0.5
    before = np.floor(position).astype(np.int64)
    return (position - before)[..., None], np.clip(before, 0, length - 1), np.clip(before + 1, 0, length - 1)


def pixelate(image: Floats, severity: int, _: np.random.Generator) -> Floats:
    """Shrunk by the means of boxes, and enlarged by nearest neighbours."""
    height, width = image.shape[:2]
    share = (0.6, 0.5, 0.4, 0.3, 0.25)[severity]
    small = _picture(image).resize((max(1, int(width * share)), max(1, int(height * share))), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.NEAREST)) / 255.0


def jpeg_compression(image: Floats, severity: int, _: np.random.Generator) -> Floats:
    """Written as JPEG of low quality, and read again."""
    file = BytesIO()
    _picture(image).save(file, "JPEG", quality=(25, 18, 15, 10, 7)[severity])
    with Image.open(file) as read:
        return np.asarray(read) / 255.0


def _picture(image: Floats) -> Image.Image:
    return Image.fromarray(np.round(image * 255).astype(np.uint8))
