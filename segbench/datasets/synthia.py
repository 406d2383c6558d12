"""SYNTHIA-RAND-CITYSCAPES (Ros et al., CVPR 2016): 9,400 rendered street scenes, 1280x760, in 16 of Cityscapes' classes.

Layout: ``RGB/{n:07}.png`` and ``GT/LABELS/{n:07}.png``, which are RGB of 16 bits a channel: red is the class, green the instance. Read
as 8 bits, as most libraries do, every class is 0. Numbers are SYNTHIA's own, in its README's order; classes have Cityscapes' names here, so
that networks and mappings find them. Terrain, truck and train are never drawn: 16 classes are left, and some works leave out wall, fence
and pole too and report 13. Road work, lane markings and parking slots are not evaluated. All images are one split, ``train``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample
from segbench.datasets.cityscapes import LABELS as CITYSCAPES
from segbench.datasets.layout import files_by_id, folder_of, paired_samples, require_split
from segbench.errors import ImageError
from segbench.images.files import read_wide_rgb
from segbench.labels.space import LabelClass, LabelSpace

OFFICIAL = {"train": 9_400}
# Cityscapes' name to SYNTHIA's number.
_NUMBERS = {
    "sky": 1,
    "building": 2,
    "road": 3,
    "sidewalk": 4,
    "fence": 5,
    "vegetation": 6,
    "pole": 7,
    "car": 8,
    "traffic sign": 9,
    "person": 10,
    "bicycle": 11,
    "motorcycle": 12,
    "traffic light": 15,
    "rider": 17,
    "bus": 19,
    "wall": 21,
}
_VOID = {"void": 0, "parking slot": 13, "road work": 14, "terrain": 16, "truck": 18, "train": 20, "lane marking": 22}

LABELS = LabelSpace(
    "synthia-16",
    tuple(
        LabelClass(c.name, (_NUMBERS[c.name],), c.color, c.category, other_colors=c.other_colors)
        for c in CITYSCAPES.classes
        if c.name in _NUMBERS
    ),
    tuple(LabelClass(name, (number,), (0, 0, 0)) for name, number in _VOID.items()),
)


def synthia(data: Path | None = None, split: str = "train") -> Dataset:
    """SYNTHIA-RAND-CITYSCAPES: rendered streets to learn from; 16 of Cityscapes' classes.

    :raises DataError: no folder is given, or images or targets are missing (all are named).
    """
    way_out = "--data is the folder RAND_CITYSCAPES, which holds RGB/ and GT/LABELS/"
    require_split("synthia", split, OFFICIAL)
    root = folder_of("synthia", data, ("RGB", "GT/LABELS"), ("RAND_CITYSCAPES",), way_out)
    images, targets = (files_by_id(root / folder, ".png") for folder in ("RGB", "GT/LABELS"))
    samples = paired_samples("synthia", images, targets, f"{root}/{{RGB,GT/LABELS}}", way_out)
    return Dataset("synthia", split, LABELS, samples, root, read_target=read_classes, official_images=OFFICIAL[split])


def read_classes(sample: Sample) -> NDArray[np.uint8]:
    """A sample's class numbers, uint8[H, W]: the red channel of its label map.

    :raises ImageError: it is not RGB of 16 bits a channel, or a number does not fit a byte.
    """
    red = read_wide_rgb(sample.target)[..., 0]
    if red.size and red.max() > 255:
        raise ImageError(sample.target, f"class numbers up to {red.max()} in red; SYNTHIA's go to 22")
    return red.astype(np.uint8)
