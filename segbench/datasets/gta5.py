"""GTA5, "Playing for Data" (Richter et al., ECCV 2016): 24,966 frames of a game in Cityscapes' labels, 1914x1052.

Layout: ``images/{n:05}.png`` and ``labels/{n:05}.png``, palette images whose indices are Cityscapes' label ids; a license plate, which
Cityscapes never draws, is 34. Of some frames the label map has another size than the image: these pairs are left out, as a pixel of one
is not a pixel of the other. Mirrors that lack them hold 24,941 pairs. All pairs are one split, ``train``: it is a source to learn from.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.cityscapes import LABELS as CITYSCAPES
from segbench.datasets.layout import files_by_id, folder_of, paired_samples, require_split
from segbench.errors import DataError, ImageError
from segbench.files.remote import head_of
from segbench.images.png import SIGNATURE
from segbench.labels.space import LabelSpace

LABELS = LabelSpace(
    "gta5-19",
    CITYSCAPES.classes,
    tuple(replace(label, ids=(34,)) if label.name == "license plate" else label for label in CITYSCAPES.void),
)
OFFICIAL = {"train": 24_941}  # pairs of one size
UNEQUAL = 0.01
"""The share of pairs that may differ in size; mirrors lack 25 of 24,966. More are a sign that somebody resized images or label maps."""


def gta5(data: Path | None = None, split: str = "train") -> Dataset:
    """GTA5: frames of a game to learn from; Cityscapes' 19 classes.

    :raises DataError: no folder is given, images or label maps are missing, or too many pairs differ in size (all are named).
    """
    way_out = "--data is the folder that holds images/ and labels/, as the ten archives of each are unpacked"
    require_split("gta5", split, OFFICIAL)
    root = folder_of("gta5", data, ("images", "labels"), (), way_out)
    images, targets = (files_by_id(root / folder, ".png") for folder in ("images", "labels"))
    samples = paired_samples("gta5", images, targets, f"{root}/{{images,labels}}", way_out)
    sizes = {sample.id: (_size(images[sample.id]), _size(targets[sample.id])) for sample in samples}
    unequal = {name: pair for name, pair in sizes.items() if pair[0] != pair[1]}
    if len(unequal) > UNEQUAL * len(samples):
        problems = [f"{name}: image {image}, label map {target}" for name, (image, target) in unequal.items()]
        raise DataError(f"gta5: {len(unequal)} of {len(samples)} pairs differ in size", problems, "unpack the archives again")
    kept = tuple(sample for sample in samples if sample.id not in unequal)
    # Pairs that are left out lie in the same folders.
    return Dataset("gta5", split, LABELS, kept, root, official_images=OFFICIAL[split], shared_folders=True)


def _size(path: Path) -> str:
    """Width x height of a PNG file, from its first bytes: there are 50,000 files to look at.

    :raises ImageError: it is none.
    """
    head = head_of(path, 24)
    if len(head) < 24 or not head.startswith(SIGNATURE) or head[12:16] != b"IHDR":
        raise ImageError(path, "this is not a PNG file")
    width, height = struct.unpack(">II", head[16:24])
    return f"{width}x{height}"
