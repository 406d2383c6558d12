"""Blur: out of focus, behind rough glass, moved, and zoomed while the shutter was open."""

from __future__ import annotations

import numpy as np

from segbench.images.corruptions.filters import Floats, blurred, disk, filtered, moved, zoomed
from segbench.kernels.filtering import scatter_pixels


def defocus_blur(image: Floats, severity: int, _: np.random.Generator) -> Floats:
    """Every point is a disk."""
    return filtered(image, disk(*((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))[severity]))


def glass_blur(image: Floats, severity: int, random: np.random.Generator) -> Floats:
    """Blurred, pixels overwritten by neighbours, and blurred again.

    The paper says that pixels are exchanged. Its code copies one over the other, and every published number is of that.
    """
    sigma, reach, rounds = ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))[severity]
    pixels = (blurred(image, sigma) * 255).astype(np.uint8)
    for _ in range(rounds):
        scatter_pixels(pixels, random.integers(-reach, reach, (*image.shape[:2], 2), np.int8), reach)
    return blurred(pixels / 255.0, sigma)


def motion_blur(image: Floats, severity: int, random: np.random.Generator) -> Floats:
    """The camera moved, up to 45 degrees from the horizontal."""
    return moved(image, *((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))[severity], random.uniform(-45, 45))


def zoom_blur(image: Floats, severity: int, _: np.random.Generator) -> Floats:
    """The mean of the image and of enlargements of it."""
    most, step = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))[severity]
    factors = np.arange(1, most, step)
    total = image.copy()
    for factor in factors:
        total += zoomed(image, float(factor))
    return total / (len(factors) + 1)
