"""PASCAL VOC 2012 (Everingham et al.): 20 kinds of objects and their background, photographs of many sizes.

Layout (``VOCtrainval_11-May-2012.tar``), below ``VOCdevkit/VOC2012``: ``JPEGImages/{id}.jpg``, ``SegmentationClass/{id}.png`` and the ids
of a split in ``ImageSets/Segmentation/{split}.txt``; ``JPEGImages`` also holds photographs that have no target. Targets are palette
images: the indices are the labels. Background is a class; 255, drawn as a cream border around objects, is void.

``train_aug`` is the usual training set of 10 582 images, with the boundaries of Hariharan et al. 2011 (SBD): ids in ``trainaug.txt`` and
targets in ``SegmentationClassAug``, as they are passed around. Those targets differ from the official ones of the same photograph, so every
other split takes ``SegmentationClass``. The targets of ``test`` are not public.
"""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.layout import folder_of, listed_samples, read_list, require_split
from segbench.labels.space import LabelClass, LabelSpace
from segbench.labels.tables import voc_color

NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog", "horse"),
    *("motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)

LABELS = LabelSpace(
    name="pascal-voc-21",
    classes=tuple(LabelClass(name, (index,), voc_color(index)) for index, name in enumerate(NAMES)),
    void=(LabelClass("void", (255,), voc_color(255)),),
)

SPLITS = {"train": 1464, "val": 1449, "trainval": 2913, "train_aug": 10582}
WAY_OUT = "--data is the folder VOCdevkit of VOCtrainval_11-May-2012.tar, or VOC2012 in it"


def pascal_voc2012(data: Path | None = None, split: str = "val") -> Dataset:
    """PASCAL VOC 2012: objects in photographs, 21 classes with the background, 255 around objects is void.

    :raises DataError: no folder is given, the split does not exist, or files of its list are missing (all are named).
    """
    require_split("pascal_voc2012", split, SPLITS)
    root = folder_of("pascal_voc2012", data, ("JPEGImages", "ImageSets"), ("VOC2012", "VOCdevkit/VOC2012"), WAY_OUT)
    listing, targets = ("trainaug", "SegmentationClassAug") if split == "train_aug" else (split, "SegmentationClass")
    samples = listed_samples(
        "pascal_voc2012",
        read_list("pascal_voc2012", root / "ImageSets" / "Segmentation" / f"{listing}.txt", WAY_OUT),
        lambda i: root / "JPEGImages" / f"{i}.jpg",
        lambda i: root / targets / f"{i}.png",
        WAY_OUT,
    )
    return Dataset("pascal_voc2012", split, LABELS, samples, root, official_images=SPLITS[split], shared_folders=True)
