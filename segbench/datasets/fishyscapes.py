"""Fishyscapes (Blum et al., IJCV 2021): what does not belong on a street, 2048x1024, as masks: 0 known, 1 anomaly, 255 left out.

The masks tell no classes: a network of Cityscapes' 19 classes runs on it, ``run --ood`` looks for the anomalies, and mIoU is undefined.

*Lost & Found*, 100 frames. Layout: ``fishyscapes_lostandfound/{number}_{frame}_labels.png`` (fishyscapes_lostandfound.zip), and the
photographs of Lost and Found (Pinggera et al., IROS 2016), ``leftImg8bit/{train,test}/{scene}/{frame}_leftImg8bit.png``
(leftImg8bit.zip). *Static*, 30 frames of Cityscapes into which objects of Pascal VOC were pasted: its archive, fs_val_v*.zip, holds masks
``{number}_{frame}_labels.png`` and what must be added to Cityscapes' photographs; layout: those masks, and the finished photographs as
``{number}_{frame}_rgb.png`` or ``.jpg`` beside them. Of both there is a second layout, in which works on anomalies share them:
``LostAndFound/{original,labels}/{name}.png`` and ``Static/{original,labels}/{name}.png``.

Names, archives and how photographs are found: ``bdlb/fishyscapes/fishyscapes_tfds.py`` of hermannsblum/bdl-benchmark, the authors' own
code; numbers of masks and the second layout: the readers of several works on anomalies. No file of the data themselves was seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.cityscapes import LABELS as CITYSCAPES
from segbench.datasets.layout import files_by_id, folder_of, paired_samples, require_split
from segbench.errors import DataError
from segbench.files.remote import locate
from segbench.images.folders import files_in_folders
from segbench.labels.space import LabelClass

LABELS = replace(CITYSCAPES, name="fishyscapes-19", void=(LabelClass("left out", (255,), (0, 0, 0)),)).marking(anomaly=[1], known=[0])
LOST_AND_FOUND, STATIC = 100, 30
MASK, PHOTOGRAPH = "_labels.png", "_leftImg8bit.png"
WAY_OUT = "--data is the folder that holds fishyscapes_lostandfound/ and leftImg8bit/, as the two archives are unpacked, or LostAndFound/"
WAY_OUT_STATIC = "--data is the folder of {number}_{frame}_labels.png and ..._rgb.png (fs_val_v*.zip plus Cityscapes), or Static/"


def fishyscapes_lost_and_found(data: Path | None = None, split: str = "val") -> Dataset:
    """Fishyscapes, Lost & Found: objects on the road as masks of anomalies; for networks of Cityscapes' 19 classes, `run --ood`.

    :raises DataError: no folder is given, the split does not exist, or photographs or masks are missing (all are named).
    """
    name = "fishyscapes_lost_and_found"
    require_split(name, split, ("val",))
    if (again := _shared(data, "LostAndFound")) is not None:
        return _of_folders(name, again, LOST_AND_FOUND, WAY_OUT)
    root = folder_of(name, data, ("fishyscapes_lostandfound", "leftImg8bit"), ("fishyscapes",), WAY_OUT)
    targets = {re.sub(r"^\d+_", "", i): path for i, path in files_by_id(root / "fishyscapes_lostandfound", MASK).items()}
    photographs = {
        path.name.removesuffix(PHOTOGRAPH): path
        for part in ("train", "test")
        for path in files_in_folders(root / "leftImg8bit" / part, PHOTOGRAPH)
    }
    images = {i: path for i, path in photographs.items() if i in targets}  # the other frames have no mask
    samples = paired_samples(name, images, targets, f"{root}/fishyscapes_lostandfound", WAY_OUT)
    return Dataset(name, split, LABELS, samples, root, official_images=LOST_AND_FOUND, shared_folders=True)


def fishyscapes_static(data: Path | None = None, split: str = "val") -> Dataset:
    """Fishyscapes, Static: objects pasted into streets as masks of anomalies; for networks of Cityscapes' 19 classes, `run --ood`.

    :raises DataError: no folder is given, the split does not exist, or photographs or masks are missing (all are named).
    """
    name = "fishyscapes_static"
    require_split(name, split, ("val",))
    if (again := _shared(data, "Static")) is not None:
        return _of_folders(name, again, STATIC, WAY_OUT_STATIC)
    root = folder_of(name, data, (), (), WAY_OUT_STATIC)
    images = files_by_id(root, "_rgb.png") | files_by_id(root, "_rgb.jpg")
    targets = files_by_id(root, MASK)
    if targets and not images and files_by_id(root, "rgb.npz"):
        raise DataError(f"{name}: {root} holds what is to be added to photographs, and no photographs", way_out=WAY_OUT_STATIC)
    samples = paired_samples(name, images, targets, f"{root}/*{MASK}", WAY_OUT_STATIC)
    return Dataset(name, split, LABELS, samples, root, official_images=STATIC)


def _shared(data: Path | None, folder: str) -> Path | None:
    """The folder of the second layout, if it is that."""
    places = [] if data is None else [locate(data) / folder, locate(data) / "fishyscapes" / folder]
    return next((place for place in places if place.is_dir()), None)


def _of_folders(name: str, folder: Path, official: int, way_out: str) -> Dataset:
    both: list[Mapping[str, Path]] = [files_by_id(folder / part, ".png") for part in ("original", "labels")]
    samples = paired_samples(name, both[0], both[1], f"{folder}/{{original,labels}}", way_out)
    return Dataset(name, "val", LABELS, samples, folder, official_images=official)
