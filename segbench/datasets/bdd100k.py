"""BDD100K, semantic segmentation (Yu et al., CVPR 2020): 10 000 images of American streets, 1280x720, Cityscapes' classes.

Layout: ``images/10k/{split}/{name}.jpg`` and ``labels/sem_seg/masks/{split}/{name}.png``; the release of 2018 had
``seg/images/{split}/{name}.jpg`` and ``seg/labels/{split}/{name}_train_id.png``. Either way a byte is Cityscapes' *train id*, 0..18, and
255 is void. (BDD100K's own label ids differ from Cityscapes'; they are not in these files.) The targets of ``test`` are not public.

Its scorer gives a class without pixels 0 (here it leaves the mean) and takes a missing prediction for void everywhere (here an error).
"""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.cityscapes import LABELS as CITYSCAPES
from segbench.datasets.layout import files_by_id, folder_of, paired_samples, require_split
from segbench.files.remote import locate
from segbench.labels.space import LabelClass, LabelSpace

LABELS = LabelSpace(
    name="bdd100k-19",
    classes=tuple(
        LabelClass(label.name, (index,), label.color, other_colors=label.other_colors) for index, label in enumerate(CITYSCAPES.classes)
    ),
    void=(LabelClass("unknown", (255,), (0, 0, 0)),),
)

SPLITS = {"train": 7000, "val": 1000}
TODAY = ("images/10k", "labels/sem_seg/masks", ".png")
OF_2018 = ("seg/images", "seg/labels", "_train_id.png")
WAY_OUT = "--data is the folder bdd100k, with images/10k/ and labels/sem_seg/ (or seg/) in it"


def bdd100k(data: Path | None = None, split: str = "val") -> Dataset:
    """BDD100K, semantic segmentation: American streets by day and night, 1280x720, Cityscapes' 19 classes.

    :raises DataError: no folder is given, the split does not exist, or images or targets have no partner (all are named).
    """
    require_split("bdd100k", split, SPLITS)
    *folders, suffix = _layout(data)
    root = folder_of("bdd100k", data, folders, ("bdd100k",), WAY_OUT)
    images, targets = (root / folder / split for folder in folders)
    samples = paired_samples(
        "bdd100k", files_by_id(images, ".jpg"), files_by_id(targets, suffix), f"{images}/*.jpg and {targets}/*{suffix}", WAY_OUT
    )
    return Dataset("bdd100k", split, LABELS, samples, root, official_images=SPLITS[split])


def _layout(data: Path | None) -> tuple[str, str, str]:
    """Folders of images and of targets, and what the targets' names end in: today's, unless there are only files of 2018."""
    places = [] if data is None else [locate(data), locate(data) / "bdd100k"]
    return next((layout for layout in (TODAY, OF_2018) if any((place / layout[0]).is_dir() for place in places)), TODAY)
