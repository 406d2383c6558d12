"""Noise: of the sensor, of counting light, of broken pixels."""

from __future__ import annotations

import numpy as np

from segbench.images.corruptions.filters import Floats


def gaussian_noise(image: Floats, severity: int, random: np.random.Generator) -> Floats:
    """A normal number is added to every value."""
    return image + random.normal(0, (0.08, 0.12, 0.18, 0.26, 0.38)[severity], image.shape)


def shot_noise(image: Floats, severity: int, random: np.random.Generator) -> Floats:
    """Every value counts so many photons, Poisson."""
    photons = (60, 25, 12, 5, 3)[severity]
    return random.poisson(image * photons) / photons


def impulse_noise(image: Floats, severity: int, random: np.random.Generator) -> Floats:
    """A share of the values is 0 or 1, half of them each."""
    broken = random.random(image.shape) <= (0.03, 0.06, 0.09, 0.17, 0.27)[severity]
    return np.where(broken, (random.random(image.shape) <= 0.5).astype(np.float64), image)
