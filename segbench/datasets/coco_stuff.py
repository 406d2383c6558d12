"""COCO-Stuff (Caesar et al., CVPR 2018): the 164 000 images of COCO 2017, 80 kinds of things and 91 of stuff.

Layout (its README): ``images/{train2017,val2017}/{id:012}.jpg`` and, from ``stuffthingmaps_trainval2017.zip``,
``annotations/{train2017,val2017}/{id:012}.png``. A byte is the number in ``labels.txt`` less one, so 0..181; 255 is unlabelled. Eleven of
COCO's things were never segmented: their bytes do not occur, and 171 classes are left. The gaps are closed by the label space, not in
files; ``*_labelTrainIds.png``, which mmsegmentation writes beside the maps, are not read.

Others call 171, 172 (with unlabelled) or 182 (with the eleven) classes by the same name. The older COCO-Stuff 10k is another selection of
images with another split; its numbers are not comparable.
"""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.layout import files_by_id, folder_of, paired_samples, require_split
from segbench.labels.tables import read_label_table

LABELS = read_label_table("coco-stuff-171")
SPLITS = {"train": 118287, "val": 5000}
CONVERTED = ("_labeltrainids.png", "_instancetrainids.png")
WAY_OUT = "--data holds images/ (train2017.zip, val2017.zip) and annotations/ (stuffthingmaps_trainval2017.zip), unpacked there"


def coco_stuff(data: Path | None = None, split: str = "val") -> Dataset:
    """COCO-Stuff on COCO 2017 (164k): 80 things and 91 kinds of stuff, 171 classes, 255 is void.

    :raises DataError: no folder is given, the split does not exist, or images or targets have no partner (all are named).
    """
    require_split("coco_stuff", split, SPLITS)
    root = folder_of("coco_stuff", data, ("images", "annotations"), ("dataset",), WAY_OUT)
    images, targets = root / "images" / f"{split}2017", root / "annotations" / f"{split}2017"
    samples = paired_samples(
        "coco_stuff", files_by_id(images, ".jpg"), files_by_id(targets, ".png", CONVERTED), f"{images}/*.jpg and {targets}/*.png", WAY_OUT
    )
    return Dataset("coco_stuff", split, LABELS, samples, root, official_images=SPLITS[split])
