"""Colour-coded label maps: each colour stands for one label, or the map is refused."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segbench.errors import ImageError
from segbench.images import png
from segbench.images.content import Picture, read_content
from segbench.images.stored import Stored, read_stored, stored_in
from segbench.labels.space import LabelClass, LabelSpace

if TYPE_CHECKING:
    from segbench.images.color_ids import Color, ColorIds

SHOWN = 8  # colours in a message
WHAT = "a colour-coded map"


def read_colored(path: Picture, labels: LabelSpace, *, predicted: bool = False) -> NDArray[np.uint8]:
    """Label ids uint8[H, W] of an RGB(A) or palette image drawn in the label space's colours, matched exactly; alpha is dropped.

    A colour that void labels share is void. ``predicted``: one that a class shares with void is the class, as a network that predicts
    classes has drawn it; in targets it may be either.

    :raises ImageError: the file is damaged or lossy, or a colour belongs to no label or to several: all are named.
    """
    ids = read_color_ids(path, _table(labels, predicted))
    if ids is not None:
        return ids
    pixels = _pixels(path, read_stored(path, WHAT))
    if refusal := refusal_of_colors(pixels, labels, predicted=predicted):
        raise ImageError(path, refusal + _hint(pixels, labels))
    return _ids_of_any_colors(pixels, labels, predicted)


def read_color_ids(path: Picture, table: ColorIds) -> NDArray[np.uint8] | None:
    """A colour-coded map as uint8[H, W], the ids of its colours, of which alpha is dropped; ``None``: a colour has no id.

    :raises ImageError: the file is missing, damaged, lossy or no picture.
    """
    from segbench.images.color_ids import ids_of_pixels  # see png

    content = read_content(path)
    if content.startswith(png.SIGNATURE):
        try:
            ids = png.decode_colors(content, table)
        except ValueError as error:
            raise ImageError(path, f"the file is damaged ({error})") from None
        if ids is not None:
            return ids
    return ids_of_pixels(_pixels(path, stored_in(path, content, WHAT)), table)


def _pixels(path: Picture, stored: Stored) -> NDArray[np.uint8]:
    """uint8[H, W, 3], C-contiguous."""
    values = stored.values
    if stored.in_colors:
        return values
    if stored.palette:
        colors = np.zeros((256, 3), np.uint8)
        palette = np.frombuffer(stored.palette[: len(stored.palette) // 3 * 3], np.uint8).reshape(-1, 3)
        colors[: len(palette)] = palette
        named: NDArray[np.uint8] = colors[values]
        return named
    if values.dtype != np.uint8:
        raise ImageError(path, f"1 band of {values.dtype}; {WHAT} is RGB of 8 bits")
    grey = values if not stored.white else np.rint(values * (255 / stored.white)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _hint(pixels: NDArray[np.uint8], labels: LabelSpace) -> str:
    """A map whose greys are ids is no map of colours."""
    grey = (pixels == pixels[..., :1]).all() and labels.known_ids.issuperset(np.unique(pixels).tolist())
    return "; its three channels are equal and hold ids: this is not colour-coded" if grey else ""


def color_image(index: NDArray[np.uint8], labels: LabelSpace) -> NDArray[np.uint8]:
    """uint8[H, W, 3]: class indices drawn in the label space's colours; what is no class is black."""
    return color_table(labels)[index]


def color_table(labels: LabelSpace) -> NDArray[np.uint8]:
    """uint8[256, 3]: colour of a class index."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(labels.classes)] = [label.color for label in labels.classes]
    return table


def owned_colors(labels: LabelSpace) -> Mapping[Color, frozenset[int]]:
    """Colour to the ids in bytes of the labels that have it as their own."""
    return {color: frozenset(i for label in owners for i in label.byte_ids) for color, owners in _owners(labels).items() if _own(owners)}


def _own(owners: list[LabelClass]) -> bool:
    return any(label.own_color for label in owners)


@lru_cache(maxsize=16)
def _table(labels: LabelSpace, predicted: bool) -> ColorIds:
    """The ids of the colours that stand for one label and a byte; of an id that has several the first."""
    from segbench.images.color_ids import ColorIds  # see png

    colors: dict[int, Color] = {}
    for color, owners in _owners(labels).items():
        if (label_id := _id_of(owners, labels, predicted)) is not None:
            colors.setdefault(label_id, color)
    return ColorIds({color: label_id for label_id, color in colors.items()})


def _ids_of_any_colors(pixels: NDArray[np.uint8], labels: LabelSpace, predicted: bool) -> NDArray[np.uint8]:
    """uint8[H, W] of colours all of which stand for an id, several for one of them: those of another tool, or of void."""
    wide, owners = pixels.astype(np.uint32), _owners(labels)
    codes, where = np.unique(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2], return_inverse=True)
    ids = [_id_of(owners[code >> 16, code >> 8 & 255, code & 255], labels, predicted) for code in codes.tolist()]
    return np.array(ids, np.uint8)[where].reshape(pixels.shape[:2])


def _id_of(owners: list[LabelClass], labels: LabelSpace, predicted: bool) -> int | None:
    """The byte that a colour stands for; ``None``: for several, or for none."""
    classes = [label for label in owners if label in labels.classes]
    if len(classes) > 1 or (classes and len(owners) > 1 and not predicted):
        return None
    of_owners = (classes[0] if classes else next((label for label in owners if label.byte_ids), owners[0])).ids
    return next((byte for i in of_owners if (byte := i if 0 <= i <= 255 else labels.byte_of_wide_id.get(i)) is not None), None)


def refusal_of_colors(image: NDArray[np.uint8], labels: LabelSpace, *, predicted: bool) -> str:
    """Why not every colour uint8[H, W, 3] of a map stands for a label id; nothing if it does."""
    if not any(label.own_color for label in labels.labels) and len(_owners(labels)) == 1:
        return f"the labels of {labels.name!r} have no colours"
    wide, owners = image.astype(np.uint32), _owners(labels)
    codes = np.unique(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).tolist()
    present = [(code >> 16, code >> 8 & 255, code & 255) for code in codes]
    if unknown := [color for color in present if color not in owners]:
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        near = ", ".join(f"{color} to {_nearest(color, owners)}" for color in unknown[:SHOWN])
        return f"colours {', '.join(map(str, unknown[:SHOWN]))}{more} belong to no label of {labels.name!r}; nearest are {near}"
    refused = [color for color in present if _id_of(owners[color], labels, predicted) is None]
    if shared := [color for color in refused if len(owners[color]) > 1]:
        listed = "; ".join(f"{color} is {' or '.join(label.name for label in owners[color])}" for color in shared)
        return f"colours that stand for more than one label: {listed}; score the label ids instead"
    return f"colours of labels that have no id in 0..255: {', '.join(owners[color][0].name for color in refused)}" if refused else ""


def _nearest(color: Color, owners: Mapping[Color, list[LabelClass]]) -> str:
    """The label whose colour differs least, by the sum of squares, and that colour."""
    best = min(owners, key=lambda other: sum((a - b) ** 2 for a, b in zip(color, other, strict=True)))
    return f"{owners[best][0].name} {best}"


def _owners(labels: LabelSpace) -> dict[Color, list[LabelClass]]:
    """Colour to the labels drawn in it; a label without a byte (license plate) still makes its colour shared."""
    owners: dict[Color, list[LabelClass]] = {}
    for label in labels.labels:
        owners.setdefault(label.color, []).append(label)
    for label in labels.labels:
        for color in label.other_colors:
            owners.setdefault(color, [label])
    return owners
