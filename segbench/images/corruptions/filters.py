"""What corruptions share: blurs, enlargements, shifts, and heights of a random landscape. Images are float64[H, W, C] or [H, W]."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.filtering import filter_columns, filter_plane

Floats = NDArray[np.float64]
Ends = Literal["edge", "symmetric"]


def blurred(image: Floats, sigma: float | tuple[float, float], *, truncate: float = 4.0, ends: Ends = "edge") -> Floats:
    """A Gaussian blur of rows and columns, as SciPy's: its window ends ``truncate`` standard deviations from the middle.

    :param ends: what lies beyond an image: its edge again, or the image mirrored with its edge.
    """
    along = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    for axis, deviation in enumerate(along):
        radius = int(truncate * deviation + 0.5)
        offsets = np.arange(-radius, radius + 1)
        weights = np.exp(-0.5 / deviation**2 * offsets**2)
        image = _along(image, weights / weights.sum(), axis, ends)
    return image


def _along(image: Floats, weights: Floats, axis: int, ends: Ends) -> Floats:
    columns = np.ascontiguousarray(np.moveaxis(image, axis, 0))
    radius = weights.size // 2
    padded = np.pad(columns.reshape(len(columns), -1), ((radius, radius), (0, 0)), mode=ends)
    out = np.empty((len(columns), padded.shape[1]))
    filter_columns(padded, weights, out)
    return np.moveaxis(out.reshape(columns.shape), 0, axis)


def filtered(image: Floats, weights: Floats) -> Floats:
    """Every channel by weights [K, K], as OpenCV filters: beyond its edge an image is mirrored without it."""
    radius = len(weights) // 2
    out = np.empty_like(image)
    for channel in range(image.shape[2]):
        padded = _reflected(np.ascontiguousarray(image[..., channel]), radius)
        plane = np.empty(image.shape[:2])
        filter_plane(padded, weights, plane)
        out[..., channel] = plane
    return out


def _reflected(plane: Floats, radius: int) -> Floats:
    return np.pad(plane, radius, mode="reflect") if min(plane.shape) > 1 else np.pad(plane, radius, mode="edge")


def disk(radius: int, sigma: float) -> Floats:
    """Weights [K, K] of a disk, its rim softened by a Gaussian over three pixels, or five of a large disk.

    A large disk reaches the end of its window and sums to 1.01, in the paper's code as here: its images are a little too bright.
    """
    reach, soft = (8, 1) if radius <= 8 else (radius, 2)
    offsets = np.arange(-reach, reach + 1)
    inside = (offsets[:, None] ** 2 + offsets**2 <= radius**2).astype(np.float64)
    rim = np.exp(-(np.arange(-soft, soft + 1) ** 2) / (2 * sigma**2))
    return filtered((inside / inside.sum())[..., None], np.outer(rim, rim) / rim.sum() ** 2)[..., 0]


def moved(image: Floats, radius: int, sigma: float, angle: float) -> Floats:
    """Blurred by a motion at ``angle`` degrees: 2 radius + 1 shifted images, weighted by half a Gaussian; edges go on."""
    steps = 2 * radius + 1
    weights = np.exp(-(np.arange(steps) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    height, width = image.shape[:2]
    total = np.zeros_like(image)
    for step, weight in enumerate(weights):
        down, right = -math.ceil(step * sine - 0.5), -math.ceil(step * cosine - 0.5)
        if abs(down) >= height or abs(right) >= width:
            break
        rows, columns = np.clip(np.arange(height) - down, 0, height - 1), np.clip(np.arange(width) - right, 0, width - 1)
        total += weight * image[rows][:, columns]
    return total


def zoomed(image: Floats, factor: float) -> Floats:
    """The middle of an image, enlarged bilinearly by ``factor`` to its size; corners lie on corners."""
    for axis in (0, 1):
        length = image.shape[axis]
        part = math.ceil(length / factor)
        first, size = (length - part) // 2, round(part * factor)
        position = np.arange(length) * ((part - 1) / (size - 1) if size > 1 else 0.0)
        before = np.minimum(position.astype(np.int64), part - 1)
        weight = (position - before).reshape((-1, *(1,) * (image.ndim - 1 - axis)))
        own, following = (np.take(image, first + index, axis) for index in (before, np.minimum(before + 1, part - 1)))
        image = own * (1 - weight) + following * weight
    return image


def landscape(size: int, decay: float, random: np.random.Generator) -> Floats:
    """Heights 0 to 1, float64[size, size], of a landscape that repeats, by diamonds and squares; ``size`` is a power of two.

    Every round halves the distance of points and divides what is added at random by ``decay``.
    """
    heights, step, height = np.zeros((size, size)), size, 100.0

    def between(total: Floats) -> Floats:
        return total / 4 + height * random.uniform(-height, height, total.shape)

    while step >= 2:
        half = step // 2
        corners = heights[::step, ::step]
        pairs = corners + np.roll(corners, -1, 0)
        heights[half::step, half::step] = between(pairs + np.roll(pairs, -1, 1))
        middles = heights[half::step, half::step]
        across = corners + np.roll(corners, -1, 1)
        heights[::step, half::step] = between(middles + np.roll(middles, 1, 0) + across)
        down = corners + np.roll(corners, -1, 0)
        heights[half::step, ::step] = between(middles + np.roll(middles, 1, 1) + down)
        step, height = half, height / decay
    heights -= heights.min()
    return np.asarray(heights / max(heights.max(), np.finfo(float).tiny))
