"""Colour-coded label maps: each colour stands for one label, or the map is refused."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segbench.errors import ImageError
from segbench.images.files import read_color_ids, read_image
from segbench.labels.space import LabelSpace

if TYPE_CHECKING:
    from segbench.images.color_ids import Color, ColorIds

SHOWN = 8  # colours in a message


def read_colored(path: Path, labels: LabelSpace) -> NDArray[np.uint8]:
    """Label ids uint8[H, W] of an RGB(A) or palette image drawn in the label space's colours, matched exactly.

    :raises ImageError: a colour belongs to no label, or to several (Cityscapes draws pole and polegroup alike): all are named.
    """
    ids = read_color_ids(path, _table(labels))
    if ids is None:
        raise ImageError(path, _refusal(read_image(path), labels))
    return ids


def color_image(index: NDArray[np.uint8], labels: LabelSpace) -> NDArray[np.uint8]:
    """uint8[H, W, 3]: class indices drawn in the label space's colours; what is no class is black."""
    return color_table(labels)[index]


def color_table(labels: LabelSpace) -> NDArray[np.uint8]:
    """uint8[256, 3]: colour of a class index."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(labels.classes)] = [label.color for label in labels.classes]
    return table


@lru_cache(maxsize=16)
def _table(labels: LabelSpace) -> ColorIds:
    """The ids of the colours that stand for one label and a byte."""
    from segbench.images.color_ids import ColorIds  # see png

    return ColorIds({color: owners[0][1] for color, owners in _owners(labels).items() if len(owners) == 1 and owners[0][1] >= 0})


def _refusal(image: NDArray[np.uint8], labels: LabelSpace) -> str:
    """Why not every colour uint8[H, W, 3] of a map stands for a label id."""
    wide, owners = image.astype(np.uint32), _owners(labels)
    codes = np.unique(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).tolist()
    present = [(code >> 16, code >> 8 & 255, code & 255) for code in codes]
    if unknown := [color for color in present if color not in owners]:
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        near = ", ".join(f"{color} to {_nearest(color, owners)}" for color in unknown[:SHOWN])
        return f"colours {', '.join(map(str, unknown[:SHOWN]))}{more} belong to no label of {labels.name!r}; nearest are {near}"
    if shared := [color for color in present if len(owners[color]) > 1]:
        listed = "; ".join(f"{color} is {' or '.join(name for name, _ in owners[color])}" for color in shared)
        return f"colours that stand for more than one label: {listed}; score the label ids instead"
    unwritable = [owners[color][0][0] for color in present if owners[color][0][1] < 0]
    return f"colours of labels that have no id in 0..255: {', '.join(unwritable)}"


def _nearest(color: Color, owners: Mapping[Color, list[tuple[str, int]]]) -> str:
    """The label whose colour differs least, by the sum of squares, and that colour."""
    best = min(owners, key=lambda other: sum((a - b) ** 2 for a, b in zip(color, other, strict=True)))
    return f"{owners[best][0][0]} {best}"


def _owners(labels: LabelSpace) -> dict[Color, list[tuple[str, int]]]:
    """Colour to the labels drawn in it, as (name, id); a label without a byte (license plate) still makes its colour shared."""
    owners: dict[Color, list[tuple[str, int]]] = {}
    for label in labels.labels:
        owners.setdefault(label.color, []).append((label.name, label.byte_ids[0] if label.byte_ids else -1))
    return owners
