"""ADE20K as the MIT Scene Parsing Benchmark has it (Zhou et al., CVPR 2017): 150 classes, photographs of many sizes.

Layout (``ADEChallengeData2016.zip``): ``images/{training,validation}/ADE_{train,val}_{n:08}.jpg`` and ``annotations/...`` with the same
names as ``.png``. A byte is the number of a class, 1..150; 0 is "other objects" and not evaluated. So class index k is label id k + 1:
predictions in the benchmark's own form are 1..150, those of a network 0..149, and both are told apart (``--encoding``). Nothing is ever
subtracted from a target, which is how "wall" gets lost elsewhere. The images of ``test`` have no public targets.

The benchmark's PyTorch scorer divides by 150 always and gives a class without pixels 0; here it leaves the mean. The full ADE20K, with its
colour-coded objects and parts, is another dataset.
"""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.layout import files_by_id, folder_of, paired_samples, require_split
from segbench.labels.tables import read_label_table

LABELS = read_label_table("ade20k-150")
SPLITS = {"train": 20210, "val": 2000}
FOLDERS = {"train": "training", "val": "validation"}
WAY_OUT = "--data is the folder ADEChallengeData2016 of ADEChallengeData2016.zip (not of the full ADE20K)"


def ade20k(data: Path | None = None, split: str = "val") -> Dataset:
    """ADE20K, the MIT Scene Parsing Benchmark: scenes indoors and outdoors, 150 classes, 0 is void.

    :raises DataError: no folder is given, the split does not exist, or images or targets have no partner (all are named).
    """
    require_split("ade20k", split, SPLITS)
    root = folder_of("ade20k", data, ("images", "annotations"), ("ADEChallengeData2016",), WAY_OUT)
    images, targets = root / "images" / FOLDERS[split], root / "annotations" / FOLDERS[split]
    samples = paired_samples(
        "ade20k", files_by_id(images, ".jpg"), files_by_id(targets, ".png"), f"{images}/*.jpg and {targets}/*.png", WAY_OUT
    )
    return Dataset("ade20k", split, LABELS, samples, root, official_images=SPLITS[split])
