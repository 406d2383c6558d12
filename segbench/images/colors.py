"""Colour-coded label maps: each colour stands for one label, or the map is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.errors import ImageError
from segbench.images.files import read_image
from segbench.labels.space import LabelSpace


def read_colored(path: Path, labels: LabelSpace) -> NDArray[np.uint8]:
    """Label ids uint8[H, W] of an RGB(A) or palette image drawn in the label space's colours, matched exactly.

    :raises ImageError: a colour belongs to no label, or to several (Cityscapes draws pole and polegroup alike): all are named.
    """
    image = read_image(path).astype(np.uint32)
    codes = image[..., 0] << 16 | image[..., 1] << 8 | image[..., 2]
    owners = _owners(labels)
    present, inverse = np.unique(codes.reshape(-1), return_inverse=True)
    unknown = [_triple(code) for code in present.tolist() if code not in owners]
    if unknown:
        shown = ", ".join(map(str, unknown[:8])) + (f" and {len(unknown) - 8} more" if len(unknown) > 8 else "")
        raise ImageError(path, f"colours {shown} belong to no label of {labels.name!r}")
    shared = {code: owners[code] for code in present.tolist() if len(owners[code]) > 1}
    if shared:
        listed = "; ".join(f"{_triple(code)} is {' or '.join(name for name, _ in labels_)}" for code, labels_ in shared.items())
        raise ImageError(path, f"colours that stand for more than one label: {listed}; score the label ids instead")
    if unwritable := [owners[code][0][0] for code in present.tolist() if owners[code][0][1] < 0]:
        raise ImageError(path, f"colours of labels that have no id in 0..255: {', '.join(unwritable)}")
    ids = np.array([owners[code][0][1] for code in present.tolist()], dtype=np.uint8)
    return np.asarray(ids[inverse].reshape(codes.shape))


def color_image(index: NDArray[np.uint8], labels: LabelSpace) -> NDArray[np.uint8]:
    """uint8[H, W, 3]: class indices drawn in the label space's colours; what is no class is black."""
    return color_table(labels)[index]


def color_table(labels: LabelSpace) -> NDArray[np.uint8]:
    """uint8[256, 3]: colour of a class index."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(labels.classes)] = [label.color for label in labels.classes]
    return table


def _owners(labels: LabelSpace) -> dict[int, list[tuple[str, int]]]:
    """Colour code to the labels drawn in it, as (name, id); a label without a byte (license plate) still makes its colour shared."""
    owners: dict[int, list[tuple[str, int]]] = {}
    for label in labels.labels:
        red, green, blue = label.color
        owners.setdefault(red << 16 | green << 8 | blue, []).append((label.name, label.byte_ids[0] if label.byte_ids else -1))
    return owners


def _triple(code: int) -> tuple[int, int, int]:
    return code >> 16, code >> 8 & 255, code & 255
