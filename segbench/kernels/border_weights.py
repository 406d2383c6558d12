"""U-Net's weight map: what lies between two instances that nearly touch weighs more than the rest of an image.

Ronneberger, Fischer & Brox 2015, equation 2. Distances are exact, and found in one pass down and up the columns and one along the rows,
however many instances there are. Both passes rest on one fact: an instance that is the nearest or second-nearest of a pixel is also the
nearest or second-nearest of it among those that its own column holds.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segbench.kernels.compiling import kernel

W0 = 10.0
SIGMA = 5.0  # pixels
_LEAST = float(np.finfo(np.float32).smallest_subnormal)
_NONE = -1
_FAR = 1 << 40  # a row that no image has


def border_weight_map(
    instances: NDArray[np.integer], classes: NDArray[np.floating] | float = 1.0, *, w0: float = W0, sigma: float = SIGMA
) -> NDArray[np.float32]:
    """``w(x) = w_c(x) + w0 * exp(-(d1(x) + d2(x))**2 / (2 * sigma**2))``.

    d1 and d2 are the distances of the centre of pixel x to the nearest and the second-nearest instance's border: the nearest of its pixels
    that touch, by a side, a pixel which is not of the instance. They are 0 on a border, and grow inwards as well as outwards. The edge of
    the image is no border. Where there are fewer than two borders, the second term is 0.

    :param instances: int[H, W], 0 where there is no instance and a number of its own, above 0, for each instance.
    :param classes: w_c, the weight of every pixel's class.
    :param sigma: in pixels.
    :returns: float32[H, W].
    :raises ValueError: ``instances`` is not two-dimensional, or holds negative numbers.
    """
    if instances.ndim != 2 or (instances.size and int(instances.min()) < 0):
        raise ValueError(f"instances must be int[H, W] of numbers from 0 on, not {instances.dtype}{list(instances.shape)}")
    rows, labels = _nearest_in_column(np.ascontiguousarray(instances, dtype=np.int64))
    # d1 + d2 >= d2 >= the distance in columns: beyond this many columns the term is 0 in float32.
    reach = int(sigma * math.sqrt(2 * math.log(w0 / _LEAST))) + 1 if w0 > 0 else 0
    return np.asarray(classes + _term(rows, labels, w0, sigma, reach), dtype=np.float32)


@kernel
def _is_border(instances, y, x):  # type: ignore[no-untyped-def]
    one = instances[y, x]
    if one == 0:
        return False
    height, width = instances.shape
    return (
        (y > 0 and instances[y - 1, x] != one)
        or (y + 1 < height and instances[y + 1, x] != one)
        or (x > 0 and instances[y, x - 1] != one)
        or (x + 1 < width and instances[y, x + 1] != one)
    )


@kernel
def _nearest_in_column(instances):  # type: ignore[no-untyped-def]
    """Of each pixel: squared distance and number of the two nearest instances with a border in its column, int64[2, H, W] each."""
    height, width = instances.shape
    squares = np.full((2, height, width), _FAR)
    labels = np.full((2, height, width), _NONE)
    for x in range(width):
        for step in (1, -1):
            first, second = _NONE, _NONE
            first_row, second_row = 0, 0
            for i in range(height):
                y = i if step == 1 else height - 1 - i
                if _is_border(instances, y, x):
                    if instances[y, x] != first:
                        second, second_row = first, first_row
                    first, first_row = instances[y, x], y
                if first != _NONE:
                    _offer(squares, labels, y, x, (y - first_row) ** 2, first)
                if second != _NONE:
                    _offer(squares, labels, y, x, (y - second_row) ** 2, second)
    return squares, labels


@kernel
def _offer(squares, labels, y, x, square, label):  # type: ignore[no-untyped-def]
    """Keep the two nearest instances, never the same one twice."""
    if square < squares[0, y, x]:
        if label != labels[0, y, x]:
            squares[1, y, x], labels[1, y, x] = squares[0, y, x], labels[0, y, x]
        squares[0, y, x], labels[0, y, x] = square, label
    elif label != labels[0, y, x] and square < squares[1, y, x]:
        squares[1, y, x], labels[1, y, x] = square, label


@kernel
def _term(squares, labels, w0, sigma, reach):  # type: ignore[no-untyped-def]
    """``w0 * exp(...)`` as float64[H, W], from what each pixel's column knows of its own row."""
    height, width = squares.shape[1:]
    out = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            first, second, label = _FAR, _FAR, _NONE
            for away in range(min(reach, width) + 1):
                columns = away * away
                if columns >= second:
                    break
                for side in range(2 if away else 1):
                    other = x - away if side else x + away
                    if other < 0 or other >= width:
                        continue
                    for rank in range(2):
                        one = labels[rank, y, other]
                        square = squares[rank, y, other] + columns
                        if one == _NONE or square >= second:
                            continue
                        if one == label:
                            first = min(first, square)
                        elif square < first:
                            first, second, label = square, first, one
                        else:
                            second = square
            if second < _FAR:
                out[y, x] = w0 * math.exp(-((math.sqrt(first) + math.sqrt(second)) ** 2) / (2 * sigma * sigma))
    return out
