"""Cityscapes (Cordts et al., CVPR 2016): 34 label ids, 19 of them evaluated, in the official folder layout.

Layout: ``leftImg8bit/{split}/{city}/{city}_{seq}_{frame}_leftImg8bit.png`` and, under ``gtFine/{split}/{city}/``, the same stem with
``_gtFine_labelIds.png`` and ``_gtFine_instanceIds.png``; ``disparity/{split}/{city}/..._disparity.png`` where it was downloaded.
Label table and average instance sizes: cityscapesScripts 2.3.0. The local targets of ``test`` hold void only: it has no scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample
from segbench.errors import DataError
from segbench.files.remote import locate
from segbench.images.files import read_uint16
from segbench.images.folders import files_in_folders
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.instance_iou import InstanceRule

# name, id, category, has instances, evaluated, colour
_TABLE = (
    ("unlabeled", 0, "void", False, False, (0, 0, 0)),
    ("ego vehicle", 1, "void", False, False, (0, 0, 0)),
    ("rectification border", 2, "void", False, False, (0, 0, 0)),
    ("out of roi", 3, "void", False, False, (0, 0, 0)),
    ("static", 4, "void", False, False, (0, 0, 0)),
    ("dynamic", 5, "void", False, False, (111, 74, 0)),
    ("ground", 6, "void", False, False, (81, 0, 81)),
    ("road", 7, "flat", False, True, (128, 64, 128)),
    ("sidewalk", 8, "flat", False, True, (244, 35, 232)),
    ("parking", 9, "flat", False, False, (250, 170, 160)),
    ("rail track", 10, "flat", False, False, (230, 150, 140)),
    ("building", 11, "construction", False, True, (70, 70, 70)),
    ("wall", 12, "construction", False, True, (102, 102, 156)),
    ("fence", 13, "construction", False, True, (190, 153, 153)),
    ("guard rail", 14, "construction", False, False, (180, 165, 180)),
    ("bridge", 15, "construction", False, False, (150, 100, 100)),
    ("tunnel", 16, "construction", False, False, (150, 120, 90)),
    ("pole", 17, "object", False, True, (153, 153, 153)),
    ("polegroup", 18, "object", False, False, (153, 153, 153)),
    ("traffic light", 19, "object", False, True, (250, 170, 30)),
    ("traffic sign", 20, "object", False, True, (220, 220, 0)),
    ("vegetation", 21, "nature", False, True, (107, 142, 35)),
    ("terrain", 22, "nature", False, True, (152, 251, 152)),
    ("sky", 23, "sky", False, True, (70, 130, 180)),
    ("person", 24, "human", True, True, (220, 20, 60)),
    ("rider", 25, "human", True, True, (255, 0, 0)),
    ("car", 26, "vehicle", True, True, (0, 0, 142)),
    ("truck", 27, "vehicle", True, True, (0, 0, 70)),
    ("bus", 28, "vehicle", True, True, (0, 60, 100)),
    ("caravan", 29, "vehicle", True, False, (0, 0, 90)),
    ("trailer", 30, "vehicle", True, False, (0, 0, 110)),
    ("train", 31, "vehicle", True, True, (0, 80, 100)),
    ("motorcycle", 32, "vehicle", True, True, (0, 0, 230)),
    ("bicycle", 33, "vehicle", True, True, (119, 11, 32)),
    ("license plate", -1, "vehicle", False, False, (0, 0, 142)),
)

_OTHER_COLORS = {"sky": ((0, 130, 180),)}  # of ERFNet's code, and of what follows it

LABELS = LabelSpace(
    name="cityscapes-19",
    classes=tuple(
        LabelClass(n, (i,), color, cat, inst, _OTHER_COLORS.get(n, ())) for n, i, cat, inst, evaluated, color in _TABLE if evaluated
    ),
    void=tuple(LabelClass(n, (i,), color, cat, inst) for n, i, cat, inst, evaluated, color in _TABLE if not evaluated),
)

INSTANCES = InstanceRule(
    divisor=1000,
    average_size={
        "bicycle": 4672.3249222261,
        "caravan": 36771.8241758242,
        "motorcycle": 6298.7200839748,
        "rider": 3930.4788056518,
        "bus": 35732.1511111111,
        "train": 67583.7075812274,
        "car": 12794.0202738185,
        "person": 3462.4756337644,
        "truck": 27855.1264367816,
        "trailer": 16926.9763313609,
    },
)

SPLITS = {"train": 2975, "val": 500, "test": 1525}
SIZE = (1024, 2048)
TARGET_SUFFIX = "_gtFine_labelIds.png"
DISPARITY_UNIT = np.float32(256 * 32)


def cityscapes(data: Path | None = None, split: str = "val") -> Dataset:
    """Cityscapes' fine annotations: streets of 50 cities, 19 classes, 2048x1024, with instances and disparity.

    :param data: the folder that holds leftImg8bit and gtFine.
    :raises DataError: no folder is given, the folder holds no targets of this split, or images are missing.
    """
    if data is None:
        raise DataError("cityscapes: no folder given", way_out="pass --data DIR or set CITYSCAPES_DATASET to the official download")
    return read_layout("cityscapes", locate(data), split)


def read_layout(name: str, root: Path, split: str, *, builtin: bool = False, splits: Mapping[str, int] = SPLITS) -> Dataset:
    """A dataset in the official Cityscapes layout, sorted by city, sequence and frame; ``splits``: how many images each has.

    :raises DataError: naming what is missing.
    """
    if split not in splits:
        raise DataError(f"{name} has no split {split!r}", way_out=f"its splits are {', '.join(splits)}")
    targets = files_in_folders(root / "gtFine" / split, TARGET_SUFFIX)
    if not targets:
        raise DataError(
            f"{name}: no targets {root / 'gtFine' / split}/*/*{TARGET_SUFFIX}",
            way_out="--data is the folder that holds leftImg8bit/ and gtFine/, as they are unpacked",
        )
    samples = tuple(_sample(root, split, target) for target in targets)
    return Dataset(
        name,
        split,
        LABELS,
        samples,
        root,
        instances=INSTANCES,
        prefix_pairing=True,
        builtin=builtin,
        read_depth=read_disparity,
        official_images=splits[split],
        official_size=None if builtin else SIZE,
    )


def read_disparity(sample: Sample) -> NDArray[np.float32]:
    """A sample's disparity as float32[H, W] in units of 32 pixels, 0 where none was measured.

    Nearness serves a network as well as depth does, and it is finite in the sky. The file holds ``256 * disparity + 1``; the unit brings
    what is usual on a street to 0..2.

    :raises DataError: the sample has no disparity map, or it cannot be read.
    """
    if "depth" not in sample.extras:
        raise DataError(
            f"{sample.id}: there is no disparity map", way_out="unpack disparity_trainvaltest.zip beside leftImg8bit/ and gtFine/"
        )
    measured = read_uint16(sample.extras["depth"]).astype(np.float32) - np.float32(1)
    nearness: NDArray[np.float32] = np.maximum(measured, np.float32(0)) / np.float32(DISPARITY_UNIT)
    return nearness


def _sample(root: Path, split: str, target: Path) -> Sample:
    stem, city = target.name.removesuffix(TARGET_SUFFIX), target.parent.name
    extras = {"instances": target.with_name(f"{stem}_gtFine_instanceIds.png")}
    disparity = root / "disparity" / split / city / f"{stem}_disparity.png"
    if disparity.exists():
        extras["depth"] = disparity
    return Sample(stem, root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png", target, extras)
