"""A canvas with perspective: planes in centimetres, textures, light and haze, all in whole numbers.

Every number is an integer and every random one comes from splitmix64, so that the pictures are the same bytes on every machine and with
every NumPy. World coordinates: x to the right, v up from the ground, z away from the camera, in cm; ``CAMERA`` is the camera's height.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import isqrt
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.minicity_scenes.palette import OUT, SKY, Color

HEIGHT, WIDTH = 256, 512
FOCAL = 300  # px
CAMERA = 140  # cm
FAR = 1 << 20  # cm; the depth of the sky

Ints = NDArray[np.int32]
Mask = NDArray[np.bool_]
Item = TypeVar("Item")

_WORD = (1 << 64) - 1


def scramble(value: int) -> int:
    """splitmix64's finaliser: 64 bits to 64 well mixed bits."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _WORD
    return value ^ (value >> 31)


class Dice:
    """splitmix64: the whole-number random source of one scene."""

    def __init__(self, *keys: int) -> None:
        self._state = 0
        for key in keys:
            self._state = scramble((self._state + key + 0x9E3779B97F4A7C15) & _WORD)

    def between(self, low: int, high: int) -> int:
        """A whole number, ``low`` and ``high`` included."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _WORD
        return low + (scramble(self._state) >> 20) % (high - low + 1)

    def chance(self, percent: int) -> bool:
        """Whether something happens that does so in ``percent`` of 100 cases."""
        return self.between(0, 99) < percent

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.between(0, len(items) - 1)]

    def tint(self, color: Color, amount: int) -> Color:
        """The colour moved by up to ``amount`` in brightness and half as much in each channel."""
        shift = self.between(-amount, amount)
        red, green, blue = (min(max(c + shift + self.between(-amount // 2, amount // 2), 0), 255) for c in color)
        return red, green, blue


def hashes(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """Independent random bytes uint8[height, width]."""
    value = np.arange(height * width, dtype=np.uint64) + np.array([seed << 32], dtype=np.uint64)
    value *= np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((value >> np.uint64(40)) & np.uint64(255)).astype(np.uint8).reshape(height, width)


def _octave(seed: int, cells: int) -> Ints:
    """Bilinear value noise, int32[256, 256] in 0..255, that repeats without a seam."""
    grid = hashes(seed, cells, cells).astype(np.int32)
    step = 256 // cells
    at, part = np.divmod(np.arange(256), step)
    after = (at + 1) % cells
    rows = (grid[at] * (step - part)[:, None] + grid[after] * part[:, None]) // step
    noise: NDArray[np.int32] = (rows[:, at] * (step - part) + rows[:, after] * part) // step
    return noise


@cache
def cloth() -> NDArray[np.int16]:
    """The texture that everything is cut from: fractal noise int16[256, 256] in -128..127, seamless."""
    octaves = enumerate([(4, 5), (8, 5), (16, 5), (32, 5), (64, 5), (128, 6)])
    total = np.sum([weight * _octave(seed, cells) for seed, (cells, weight) in octaves], axis=0)
    low, high = int(np.min(total)), int(np.max(total))
    texture: NDArray[np.int16] = ((total - low) * 255 // (high - low) - 128).astype(np.int16)
    return texture


@cache
def grain() -> NDArray[np.int16]:
    """Sensor noise int16[320, 640] in -127..127, triangular."""
    return ((hashes(11, 320, 640).astype(np.int16) + hashes(12, 320, 640)) // 2 - 127).astype(np.int16)


def disc(u: Ints, v: Ints, center: tuple[int, int], radii: tuple[int, int]) -> Mask:
    """Inside of an axis-parallel ellipse."""
    (a, b), (p, q) = center, radii
    u, v = u.astype(np.int64), v.astype(np.int64)
    return (u - a) ** 2 * (q * q) + (v - b) ** 2 * (p * p) <= p * p * q * q


def bar(u: Ints, v: Ints, start: tuple[int, int], end: tuple[int, int], width: int) -> Mask:
    """A straight rod with square ends."""
    du, dv = end[0] - start[0], end[1] - start[1]
    length = max(isqrt(du * du + dv * dv), 1)
    along = (u - start[0]) * du + (v - start[1]) * dv
    across = (u - start[0]) * dv - (v - start[1]) * du
    inside: Mask = (along >= 0) & (along <= length * length) & (2 * np.abs(across) <= width * length)
    return inside


class Plane:
    """The visible pixels of an upright plane: ``u``, ``v`` are their positions on it in cm, ``z`` their distance.

    ``add`` collects parts, a later one covers an earlier one; ``paint`` puts them on the canvas where nothing nearer stands.
    """

    def __init__(self, canvas: Canvas, rows: slice, cols: slice, u: Ints, v: Ints, z: Ints, inside: Mask | None = None) -> None:
        self.canvas, self.rows, self.cols, self.u, self.v, self.z, self.inside = canvas, rows, cols, u, v, z, inside
        self._part = np.zeros((rows.stop - rows.start, cols.stop - cols.start), np.uint8)
        self._color: list[Color] = [(0, 0, 0)]
        self._rough = [0]
        self._label = [0]
        self._clear = [True]

    def add(self, where: Mask, color: Color | None, rough: int = 12, label: int | None = None) -> None:
        """One part; ``color`` None lets what is behind shine through but labels it; ``label`` None is that of ``paint``."""
        self._color.append(color or (0, 0, 0))
        self._rough.append(rough)
        self._label.append(0 if label is None else label)
        self._clear.append(color is None)
        np.copyto(self._part, np.uint8(len(self._color) - 1), where=where)

    def paint(self, label: int, instance: int | None = None, light: int = 256, scale: int = 1) -> None:
        """Write the parts; ``light`` in 1/256 scales colours, ``scale`` shrinks the texture."""
        canvas, box = self.canvas, (self.rows, self.cols)
        seen = (self._part > 0) & (self.z <= canvas.depth[box] + 3)
        if self.inside is not None:
            seen &= self.inside
        rows, cols = np.nonzero(seen)
        if not rows.size:
            return
        part = self._part[rows, cols]
        labels = np.array([one or label for one in self._label], np.uint8)
        ids = np.array([label if instance is None else instance, *labels], np.uint16)
        at = (rows + self.rows.start, cols + self.cols.start)
        canvas.labels[at] = labels[part]
        canvas.instances[at] = np.where(labels == label, ids[0], ids[1:])[part]
        np.copyto(canvas.depth[box], self.z, where=seen)
        if any(self._clear[1:]):
            solid = ~np.array(self._clear)[part]
            rows, cols, part, at = rows[solid], cols[solid], part[solid], (at[0][solid], at[1][solid])
        u, v = (axis[rows % axis.shape[0], cols % axis.shape[1]] for axis in (self.u, self.v))
        wave = cloth()[(v * scale + 7 * label) & 255, (u * scale + 31 * len(labels)) & 255]
        color = (np.array(self._color, np.int32) * light >> 8).astype(np.int16)
        rough = (np.array(self._rough, np.int32) * light >> 8).astype(np.int16)
        shade = color[part]
        shade += ((wave * rough[part]) >> 7)[:, None]
        canvas.image[at] = np.clip(shade, 0, 255, out=shade)


class Canvas:
    """Image, label ids, instance ids and depth (cm) of a scene in the making, with the vanishing point at column vx, row vy."""

    def __init__(self, vx: int, vy: int) -> None:
        self.vx, self.vy = vx, vy
        self.image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        self.labels = np.zeros((HEIGHT, WIDTH), np.uint8)
        self.instances = np.zeros((HEIGHT, WIDTH), np.uint16)
        self.depth = np.full((HEIGHT, WIDTH), FAR, np.int32)
        self._count: dict[int, int] = {}

    def instance(self, label: int) -> int:
        """The next unused instance id of a class."""
        self._count[label] = self._count.get(label, -1) + 1
        return label * 1000 + self._count[label]

    def frontal(self, x: int, z: int, u: tuple[int, int], v: tuple[int, int]) -> Plane | None:
        """A plane that faces the camera; u counts from ``x``. None: not in the picture."""
        cols = slice(max(self.vx + FOCAL * (x + u[0]) // z, 0), min(self.vx + FOCAL * (x + u[1]) // z + 1, WIDTH))
        rows = slice(max(self.vy + FOCAL * (CAMERA - v[1]) // z, 0), min(self.vy + FOCAL * (CAMERA - v[0]) // z + 1, HEIGHT))
        if cols.start >= cols.stop or rows.start >= rows.stop:
            return None
        across = (2 * (np.arange(cols.start, cols.stop, dtype=np.int32) - self.vx) + 1) * z // (2 * FOCAL) - x
        up = CAMERA - (2 * (np.arange(rows.start, rows.stop, dtype=np.int32) - self.vy) + 1) * z // (2 * FOCAL)
        return Plane(self, rows, cols, across[None], up[:, None], np.full((1, 1), z, np.int32))

    def lateral(self, x: int, z: tuple[int, int], v: tuple[int, int]) -> Plane | None:
        """A plane along the street at distance ``x`` from the camera's path; u counts from z[0]. None: not in the picture."""
        ends = sorted((self.vx + FOCAL * x // z[0], self.vx + FOCAL * x // z[1]))
        cols = slice(max(ends[0], 0), min(ends[1] + 1, WIDTH))
        if cols.start >= cols.stop:
            return None
        beside = 2 * (np.arange(cols.start, cols.stop, dtype=np.int32) - self.vx) + 1
        beside = np.maximum(beside if x > 0 else -beside, 1)
        away = 2 * FOCAL * abs(x) // beside
        near = max(int(away.min()), z[0])
        top = FOCAL * (CAMERA - v[1]) // (near if v[1] > CAMERA else z[1])
        rows = slice(max(self.vy + top, 0), min(self.vy + FOCAL * (CAMERA - v[0]) // near + 1, HEIGHT))
        if rows.start >= rows.stop:
            return None
        down = 2 * (np.arange(rows.start, rows.stop, dtype=np.int32) - self.vy) + 1
        up = CAMERA - down[:, None] * np.minimum(away, z[1])[None] // (2 * FOCAL)
        inside = ((away >= z[0]) & (away <= z[1]))[None]
        return Plane(self, rows, cols, (away - z[0])[None], up, away[None], inside)

    def shade(self, x: tuple[int, int], z: tuple[int, int], keep: int) -> None:
        """Darken the ground between these bounds to ``keep``/256."""
        z0 = max(z[0], 150)
        rows = slice(max(self.vy + FOCAL * CAMERA // z[1], self.vy + 1), min(self.vy + FOCAL * CAMERA // z0 + 1, HEIGHT))
        if rows.start >= rows.stop:
            return
        away = FOCAL * CAMERA // np.arange(rows.start - self.vy, rows.stop - self.vy)[:, None]
        columns = np.arange(WIDTH)[None] - self.vx
        dark = (columns >= FOCAL * x[0] // away) & (columns <= FOCAL * x[1] // away)
        area = self.image[rows]
        area[dark] = (area[dark].astype(np.uint16) * keep) >> 8

    def sky(self, dice: Dice, high: Color, low: Color, cloud: Color, cover: int) -> None:
        """A gradient from ``high`` to ``low`` at the horizon, with clouds; ``cover`` -100 (clear) .. 100 (overcast)."""
        rows = self.vy + 1
        down = (np.arange(rows, dtype=np.int32) * 256 // rows)[:, None, None]
        blue = (np.array(high, np.int32) * (256 - down) + np.array(low, np.int32) * down) >> 8
        shift_y, shift_x = dice.between(0, 255), dice.between(0, 255)
        # Clouds flatten towards the horizon: the further down, the more noise rows a picture row spans.
        flat = (np.arange(rows) * (200 + np.arange(rows)) // 200 + shift_y) & 255
        wave = cloth()[flat[:, None], (np.arange(WIDTH)[None] // 2 + shift_x) & 255].astype(np.int32)
        amount = np.clip((wave + cover) * 3, 0, 230)[:, :, None]
        self.image[:rows] = ((blue * (256 - amount) + np.array(cloud, np.int32) * amount) >> 8).astype(np.uint8)
        self.labels[:rows] = self.instances[:rows] = SKY

    def ground(self) -> tuple[slice, Ints, Ints]:
        """Rows below the horizon and their ground positions x int32[rows, width], z int32[rows, 1]."""
        rows = slice(self.vy + 1, HEIGHT)
        below = 2 * np.arange(1, HEIGHT - self.vy, dtype=np.int32) + 1
        away = (2 * FOCAL * CAMERA // below)[:, None]
        return rows, (2 * (np.arange(WIDTH, dtype=np.int32) - self.vx) + 1)[None] * away // (2 * FOCAL), away

    def develop(self, dice: Dice, gain: Color, haze: Color, clarity: int) -> None:
        """Haze (half gone at ``clarity`` cm), white balance and exposure (1/256), a soft lens and sensor noise."""
        image = self.image.astype(np.int32)
        veil = np.where(self.depth < FAR, self.depth * 256 // (self.depth + clarity), 0)[:, :, None]
        image += ((np.array(haze, np.int32) - image) * veil) >> 8
        image = (image * np.array(gain, np.int32)) >> 8
        image[:, 1:-1] = (image[:, :-2] + 6 * image[:, 1:-1] + image[:, 2:]) >> 3
        image[1:-1] = (image[:-2] + 6 * image[1:-1] + image[2:]) >> 3
        y, x, amount = dice.between(0, 63), dice.between(0, 127), dice.between(4, 11)
        image += ((grain()[y : y + HEIGHT, x : x + WIDTH] * amount) >> 7)[:, :, None]
        self.image = np.clip(image, 0, 255).astype(np.uint8)

    def disparity(self, baseline: int = 22) -> NDArray[np.uint16]:
        """Cityscapes' 16-bit disparity, 1 + 256 * baseline * focal / z; 0 where nothing can be measured (sky, frame, own bonnet)."""
        value = 1 + 256 * baseline * FOCAL // np.maximum(self.depth, 30)
        return np.where((self.depth < FAR) & (self.labels > OUT), value, 0).astype(np.uint16)
