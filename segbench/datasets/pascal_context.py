"""PASCAL Context (Mottaghi et al., CVPR 2014): whole scenes in the photographs of VOC 2010, the 59 most frequent of its 459 classes.

Two protocols under one name, so two datasets here: of 59 classes, in which the background is not evaluated, and of 60, in which it is a
class; their scores differ by a few points. Layout, as mmsegmentation converts the annotations of the Detail API
(``trainval_merged.json``): below ``VOCdevkit/VOC2010``, ``JPEGImages/{id}.jpg``, ``SegmentationClassContext/{id}.png`` with bytes 0..59
and the ids of a split in ``ImageSets/SegmentationContext/{split}.txt``. A published list of train names 2008_000008 twice.

A byte is the rank of the class's number among the 459, which are in alphabetical order, and 0 is the background. The authors'
``59_labels.txt`` lists VOC's twenty objects first: maps in that order, from another converter, are of other classes byte by byte.
"""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.layout import folder_of, listed_samples, read_list, require_split
from segbench.labels.space import LabelClass, LabelSpace
from segbench.labels.tables import voc_color

NAMES = (
    *("aeroplane", "bag", "bed", "bedclothes", "bench", "bicycle", "bird", "boat", "book", "bottle", "building", "bus", "cabinet"),
    *("car", "cat", "ceiling", "chair", "cloth", "computer", "cow", "cup", "curtain", "dog", "door", "fence", "floor", "flower"),
    *("food", "grass", "ground", "horse", "keyboard", "light", "motorbike", "mountain", "mouse", "person", "plate", "platform"),
    *("pottedplant", "road", "rock", "sheep", "shelves", "sidewalk", "sign", "sky", "snow", "sofa", "table", "track", "train", "tree"),
    *("truck", "tvmonitor", "wall", "water", "window", "wood"),
)

BACKGROUND = LabelClass("background", (0,), voc_color(0), own_color=False)
VOID = LabelClass("void", (255,), voc_color(255), own_color=False)
CLASSES = tuple(LabelClass(name, (index,), voc_color(index), own_color=False) for index, name in enumerate(NAMES, start=1))
LABELS_59 = LabelSpace("pascal-context-59", CLASSES, (BACKGROUND, VOID))
LABELS_60 = LabelSpace("pascal-context-60", (BACKGROUND, *CLASSES), (VOID,))

SPLITS = {"train": 4998, "val": 5105}
WAY_OUT = "--data is the folder VOCdevkit, or VOC2010 in it, with the maps that mmsegmentation's converter pascal_context.py writes"


def pascal_context59(data: Path | None = None, split: str = "val") -> Dataset:
    """PASCAL Context, 59 classes: whole scenes in VOC's photographs; the background is void.

    :raises DataError: no folder is given, the split does not exist, or files of its list are missing (all are named).
    """
    return _context("pascal_context59", LABELS_59, data, split)


def pascal_context60(data: Path | None = None, split: str = "val") -> Dataset:
    """PASCAL Context, 60 classes: the same with the background as a class.

    :raises DataError: no folder is given, the split does not exist, or files of its list are missing (all are named).
    """
    return _context("pascal_context60", LABELS_60, data, split)


def _context(name: str, labels: LabelSpace, data: Path | None, split: str) -> Dataset:
    require_split(name, split, SPLITS)
    root = folder_of(name, data, ("JPEGImages", "SegmentationClassContext"), ("VOC2010", "VOCdevkit/VOC2010"), WAY_OUT)
    samples = listed_samples(
        name,
        read_list(name, root / "ImageSets" / "SegmentationContext" / f"{split}.txt", WAY_OUT),
        lambda i: root / "JPEGImages" / f"{i}.jpg",
        lambda i: root / "SegmentationClassContext" / f"{i}.png",
        WAY_OUT,
    )
    return Dataset(name, split, labels, samples, root, official_images=SPLITS[split], shared_folders=True)
