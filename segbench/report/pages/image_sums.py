"""What the page knows of every image: the sums by class that scores are made of, and where a confusion occurs most.

From these its scripts draw the images of two models anew, as `segbench compare` does, and find the images behind a cell of a confusion
matrix. Numbers are written as base64 of seven bits a byte, the lowest first; the highest bit says that the number goes on.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.metrics.influence import MANY_UNITS
from segbench.metrics.matrices import Matrices, different_targets
from segbench.records.per_image import read_per_image

LARGEST = 1_000_000  # characters of a table of comparable models, and numbers: 15 models on 60 images of 19 classes take 0.2 million
MOST = 5  # images of a cell


@dataclass(frozen=True)
class ImageSums:
    """``ids`` of the images. ``targets``: the pixels of each class in each image, packed. Of each model, or ``None`` where not known:

    ``sums``, for each image and class hits and predicted pixels; ``most``, for each cell of the confusion matrix how many images follow,
    and of each its place and pixels, the most first.
    """

    ids: Sequence[str]
    targets: str
    sums: Sequence[str | None]
    most: Sequence[str | None]

    def of_model(self, position: int) -> dict[str, Any]:
        """What the view of a model is drawn from."""
        return {"sums": self.sums[position], "most": self.most[position]}


def image_sums(files: Sequence[Path | None]) -> ImageSums:
    """Of the matrices of comparable models; ``None`` for a model that has none, or whose sums are not to be shown.

    Models with other images than the first are left out. Where all would be more than :data:`LARGEST`, or
    images so many that intervals draw none, there is nothing.

    :raises RecordError: a file holds something else.
    """
    read = [None if file is None else read_per_image(file) for file in files]
    known = [(ids, counted.matrices) for ids, counted in (each for each in read if each is not None)]
    if not known:
        return _nothing(len(files))
    ids, first = known[0]
    if len(ids) > MANY_UNITS:  # which the page would draw
        return _nothing(len(files))
    if first.classes * max(len(ids) * (1 + 2 * len(known)), (first.classes + 1) * len(known)) > LARGEST:
        return _nothing(len(files))
    alike = [each is not None and each[0] == ids and not different_targets(first, each[1].matrices) for each in read]
    shown = [each[1].matrices if fits and each is not None else None for each, fits in zip(read, alike, strict=True)]
    sums = [None if each is None else _sums(each) for each in shown]
    most = [None if each is None else _most(each) for each in shown]
    result = ImageSums(ids, packed(first.class_sums().targets.reshape(-1)), sums, most)
    return result if sum(len(text or "") for text in (*sums, *most)) <= LARGEST else _nothing(len(files))


def _nothing(models: int) -> ImageSums:
    return ImageSums((), "", [None] * models, [None] * models)


def _sums(matrices: Matrices) -> str:
    sums = matrices.class_sums()
    return packed(np.stack([sums.hits, sums.preds], axis=2).reshape(-1))


def _most(matrices: Matrices) -> str:
    """The cells of all images in one list, sorted by cell and then by pixels; of each cell the first few."""
    log = matrices.canonical()
    blocks = list(log.blocks())
    if not blocks:
        return packed(np.zeros(matrices.classes * (matrices.classes + 1), np.int64))
    image, cells, pixels = (
        np.concatenate(each) for each in ([b.first + b.image for b in blocks], [b.cells for b in blocks], [b.pixels for b in blocks])
    )
    order = np.lexsort((image, -pixels, cells))
    image, cells, pixels = image[order], cells[order], pixels[order]
    starts = np.searchsorted(cells, np.arange(matrices.classes * (matrices.classes + 1) + 1))
    numbers: list[int] = []
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        end = min(end, start + MOST)
        numbers += [end - start, *np.stack([image[start:end], pixels[start:end]], axis=1).reshape(-1).tolist()]
    return packed(numbers)


def packed(numbers: Iterable[int] | NDArray[np.int64]) -> str:
    """Whole numbers from 0 on as text."""
    out = bytearray()
    for number in numbers.tolist() if isinstance(numbers, np.ndarray) else numbers:
        while number >= 128:
            out.append(128 | (number & 127))
            number >>= 7
        out.append(number)
    return base64.b64encode(bytes(out)).decode()
