"""Weather: snow, frost on the lens, fog, and glaring light."""

from __future__ import annotations

import numpy as np

from segbench.images.corruptions.filters import Floats, landscape, moved, zoomed

GREY = np.array([0.299, 0.587, 0.114])


def snow(image: Floats, severity: int, random: np.random.Generator) -> Floats:
    """The image turns pale, and blurred flakes fall over it, and once more from the other end."""
    mean, deviation, zoom, least, radius, sigma, kept = (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    )[severity]
    flakes = zoomed(random.normal(mean, deviation, image.shape[:2]), zoom)
    flakes = np.clip(np.where(flakes < least, 0, flakes), 0, 1)
    flakes = np.round(moved(flakes, int(radius), sigma, random.uniform(-135, -45)) * 255)[..., None] / 255
    pale = kept * image + (1 - kept) * np.maximum(image, (image @ GREY)[..., None] * 1.5 + 0.5)
    return np.asarray(pale + flakes + np.rot90(flakes, 2))


def frost_like(image: Floats, severity: int, random: np.random.Generator) -> Floats:
    """A pale, ridged texture over a darker image, as strong as the paper's photographs of frost are."""
    own, frost = ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))[severity]
    height, width = image.shape[:2]
    coarse, fine = (landscape(_power_of_two(max(height, width)), decay, random)[:height, :width] for decay in (1.9, 1.4))
    ridges = 1 - np.abs(2 * coarse - 1)
    texture = np.clip(0.15 + 0.9 * ridges**2 * (0.4 + 0.6 * fine), 0, 1)
    return np.asarray(own * image + frost * texture[..., None] * np.array([0.85, 0.93, 1.0]))


def fog(image: Floats, severity: int, random: np.random.Generator) -> Floats:
    """The heights of a landscape are added; then all is scaled back to the brightest value."""
    strength, decay = ((1.5, 2), (2.0, 2), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))[severity]
    height, width = image.shape[:2]
    heights = landscape(_power_of_two(max(height, width, 3)), decay, random)[:height, :width]
    brightest = image.max()
    return np.asarray((image + strength * heights[..., None]) * brightest / (brightest + strength))


def brightness(image: Floats, severity: int, _: np.random.Generator) -> Floats:
    """The value of HSV rises; hue and saturation stay, so that black turns grey."""
    value = image.max(axis=2, keepdims=True)
    raised = np.minimum(value + (0.1, 0.2, 0.3, 0.4, 0.5)[severity], 1)
    return np.asarray(np.where(value > 0, image * raised / np.where(value > 0, value, 1), raised))


def _power_of_two(length: int) -> int:
    return 1 << (length - 1).bit_length()
