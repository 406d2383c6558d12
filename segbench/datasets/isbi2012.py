"""ISBI 2012 (Arganda-Carreras et al. 2015): membranes of neurons in electron microscopy, 30 slices of 512x512, grey.

Layout: the stacks ``train-volume.tif`` and ``train-labels.tif``, a page for each slice; or, as U-Net's users pass them around,
``train/image/{n}.png`` and ``train/label/{n}.png``. In the targets 0 is membrane and 255 is cell. A slice is called by its number, ``07``.

The targets of the challenge's test are withheld, so scores are of parts of the 30: five folds of six neighbouring slices. ``val-2`` is the
second fold and ``train-2`` the rest, ``val`` and ``train`` are those of the fifth, ``all`` is everything. Six slices that resemble each
other say little: report all folds.

What counts is which cells are told apart, by V_rand and V_info after thinning (:mod:`segbench.metrics.region_scores`); membranes are drawn
wider or narrower by taste, and pixel IoU sees little else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from segbench.datasets.base import Dataset
from segbench.datasets.layout import files_by_id, folder_of, paired_samples, require_split
from segbench.errors import DataError, ImageError
from segbench.files.remote import locate
from segbench.images.content import Picture
from segbench.labels.space import LabelClass, LabelSpace

CELLS = "cell interior"
LABELS = LabelSpace("isbi2012", (LabelClass("membrane", (0,), (0, 0, 0)), LabelClass(CELLS, (255,), (255, 255, 255))))

SLICES = 30
FOLDS = 5
SPLITS = ("train", "val", "all", *(f"{part}-{fold}" for part in ("train", "val") for fold in range(1, FOLDS + 1)))
WAY_OUT = "--data is the folder that holds train-volume.tif and train-labels.tif, or train/image/ and train/label/ with their slices as PNG"


@dataclass(frozen=True)
class Slice:
    """A page of a stack, counted from 0; it is read as a file of its own."""

    stack: Path
    page: int

    def __str__(self) -> str:
        return f"{self.stack}, page {self.page}"

    def exists(self) -> bool:
        """Whether its stack is there."""
        return self.stack.exists()

    def read_bytes(self) -> bytes:
        """The page as a PGM file.

        :raises ImageError: there is no such page, or it is not 8-bit grey.
        """
        with self.stack.open("rb") as file, Image.open(file) as image:
            try:
                image.seek(self.page)
            except EOFError:
                raise ImageError(self.stack, f"there is no page {self.page}") from None
            if image.mode != "L":
                raise ImageError(self, f"mode {image.mode}: the stack's pages are 8-bit grey")
            pixels = np.array(image)
        height, width = pixels.shape
        return f"P5 {width} {height} 255\n".encode() + pixels.tobytes()


def isbi2012(data: Path | None = None, split: str = "val") -> Dataset:
    """ISBI 2012: membranes in electron microscopy; V_rand and V_info of the cells that they part.

    :raises DataError: no folder is given, the split does not exist, or slices or targets are missing (all are named).
    """
    require_split("isbi2012", split, SPLITS)
    if data is not None and (locate(data) / "train-volume.tif").exists():
        root = folder_of("isbi2012", data, ("train-volume.tif", "train-labels.tif"), (), WAY_OUT)
        images: Mapping[str, Picture]
        targets: Mapping[str, Picture]
        images, targets = (_pages(root / f"train-{kind}.tif") for kind in ("volume", "labels"))
    else:
        root = folder_of("isbi2012", data, ("train/image", "train/label"), (), WAY_OUT)
        images, targets = (_files(root / "train" / kind) for kind in ("image", "label"))
    samples = paired_samples("isbi2012", images, targets, f"{root}/train", WAY_OUT)
    kept = tuple(sample for sample in samples if belongs(int(sample.id), split))
    part = len([number for number in range(SLICES) if belongs(number, split)])
    return Dataset("isbi2012", split, LABELS, kept, root, segments=CELLS, official_images=part, shared_folders=True)


def belongs(number: int, split: str) -> bool:
    """Whether a slice, counted from 0, is in a split."""
    part, _, fold = split.partition("-")
    return part == "all" or (number * FOLDS // SLICES == int(fold or FOLDS) - 1) == (part == "val")


def _pages(stack: Path) -> dict[str, Slice]:
    """The slices of a stack by their numbers.

    :raises ImageError: it is no picture.
    """
    try:
        with stack.open("rb") as file, Image.open(file) as image:
            pages = getattr(image, "n_frames", 1)
    except OSError as error:
        raise ImageError(stack, f"the file is damaged ({error})") from None
    return {f"{page:02}": Slice(stack, page) for page in range(pages)}


def _files(folder: Path) -> dict[str, Path]:
    """PNG files by their numbers.

    :raises DataError: some have none: predictions that were left beside the slices, for instance. All are named.
    """
    files = files_by_id(folder, ".png")
    if strays := [f"{path}: not the number of a slice" for name, path in files.items() if not name.isdecimal()]:
        raise DataError(f"isbi2012: {len(strays)} files are no slices", strays, "move them elsewhere")
    return {f"{int(name):02}": path for name, path in files.items()}
