"""ACDC (Sakaridis, Dai & Van Gool, ICCV 2021): streets in fog, at night, in rain and in snow, in Cityscapes' labels, 1920x1080.

Layout: ``rgb_anon/{condition}/{split}/{sequence}/{frame}_rgb_anon.png`` and, under ``gt/``, the same path with ``_gt_labelIds.png``. Beside
them lie ``_gt_labelTrainIds.png``, which say the same, and ``_gt_invIds.png``, masks of what is hard to tell, which the challenge's AUIoU
uses; neither is read. ``train_ref``, ``val_ref`` and ``test_ref`` hold the same places in good weather and are other splits.

A split is that of all four conditions, ``val`` for instance, or of one of them, ``val-night``. The score of all is that of one confusion
matrix, not the mean of four. The targets of ``test`` are withheld.
"""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.cityscapes import LABELS
from segbench.datasets.layout import folder_of, paired_samples, require_split
from segbench.images.folders import files_in_folders

CONDITIONS = ("fog", "night", "rain", "snow")
OFFICIAL = {"train": 1600, "val": 406}
SPLITS = {part: (part, CONDITIONS) for part in OFFICIAL} | {f"{p}-{c}": (p, (c,)) for p in OFFICIAL for c in CONDITIONS}
IMAGE_SUFFIX, TARGET_SUFFIX = "_rgb_anon.png", "_gt_labelIds.png"


def acdc(data: Path | None = None, split: str = "val") -> Dataset:
    """ACDC: driving in fog, at night, in rain and in snow; Cityscapes' 19 classes.

    :raises DataError: no folder is given, the split does not exist, or images or targets are missing (all are named).
    """
    way_out = "--data is the folder that holds rgb_anon/ and gt/, as rgb_anon_trainvaltest.zip and gt_trainval.zip are unpacked"
    require_split("acdc", split, SPLITS)
    root = folder_of("acdc", data, ("rgb_anon", "gt"), (), way_out)
    part, conditions = SPLITS[split]
    images = _frames(root / "rgb_anon", conditions, part, IMAGE_SUFFIX)
    targets = _frames(root / "gt", conditions, part, TARGET_SUFFIX)
    looked_for = f"{root / 'gt'}/{{{','.join(conditions)}}}/{part}"
    samples = paired_samples("acdc", images, targets, looked_for, way_out)
    return Dataset("acdc", split, LABELS, samples, root, official_images=OFFICIAL.get(split))


def _frames(folder: Path, conditions: tuple[str, ...], part: str, suffix: str) -> dict[str, Path]:
    """Files by ``condition/sequence/frame``."""
    found = ((condition, path) for condition in conditions for path in files_in_folders(folder / condition / part, suffix))
    return {f"{condition}/{path.parent.name}/{path.name.removesuffix(suffix)}": path for condition, path in found}
