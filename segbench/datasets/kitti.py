"""KITTI's semantic segmentation benchmark (Alhaija et al., IJCV 2018): 200 images of KITTI 2015 in Cityscapes' labels, about 1242x375.

Layout, of ``data_semantics.zip``: ``training/image_2/{n:06}_10.png`` and ``training/semantic/{n:06}_10.png``, with Cityscapes' label ids.
Sizes vary by a few pixels. The targets of ``testing`` are withheld and there is no official validation split: ``training`` is all 200
images, ``train`` and ``val`` are the 150 and 50 of MSeg (Lambert et al., CVPR 2020). Of so few images an interval belongs to every score.
"""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.cityscapes import LABELS
from segbench.datasets.layout import files_by_id, folder_of, paired_samples, require_split

SPLITS = {"training": 200, "train": 150, "val": 50}
# github.com/mseg-dataset/mseg-api, mseg/dataset_lists/kitti-34/list/val.txt
MSEG_VAL = {
    f"{number:06}"
    for number in (
        *(1, 3, 7, 8, 20, 22, 24, 25, 26, 30, 37, 43, 49, 50, 52, 57, 60, 61, 63, 68, 71, 72, 76, 79, 86, 96, 101, 115, 121, 128, 129, 131),
        *(133, 134, 137, 139, 140, 141, 142, 144, 146, 149, 156, 157, 169, 175, 178, 190, 192, 196),
    )
}


def kitti(data: Path | None = None, split: str = "training") -> Dataset:
    """KITTI 2015: the 200 driving images with public targets; Cityscapes' 19 classes.

    :raises DataError: no folder is given, the split does not exist, or images or targets are missing (all are named).
    """
    way_out = "--data is the folder that holds training/, as data_semantics.zip is unpacked"
    require_split("kitti", split, SPLITS)
    root = folder_of("kitti", data, ("training/image_2", "training/semantic"), (), way_out)
    images, targets = (_of_split(files_by_id(root / "training" / folder, "_10.png"), split) for folder in ("image_2", "semantic"))
    samples = paired_samples("kitti", images, targets, f"{root / 'training'}/{{image_2,semantic}}/*_10.png", way_out)
    return Dataset("kitti", split, LABELS, samples, root, official_images=SPLITS[split], shared_folders=True)


def _of_split(files: dict[str, Path], split: str) -> dict[str, Path]:
    """Files by name, of a split: MSeg's lists say which are ``val``."""
    kept = {name: path for name, path in files.items() if split == "training" or (name in MSEG_VAL) == (split == "val")}
    return {path.stem: path for path in kept.values()}
