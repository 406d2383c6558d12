"""NYU Depth v2 (Silberman et al., ECCV 2012), the 40 classes of Gupta et al. (CVPR 2013): 1,449 rooms with depth, 640x480.

The dataset itself is one MATLAB file with 894 labels. Layout as prepared from it by ESANet's ``prepare_dataset.py``
(github.com/TUI-NICR/ESANet): ``{split}.txt`` with a number a line, ``{split}/rgb/{n:04}.png``, ``{split}/labels_40/{n:04}.png`` and
``{split}/depth/{n:04}.png``, the refined depth in millimetres, 16 bits. In the targets 1..40 are the classes and 0 is unlabelled, which is
void; networks count the classes from 0. Images are whole: the white frame around them, which some works cut off, is not.

Networks are fed depth as (mm - mean) / deviation, with ESANet's mean and deviation of the training images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.base import Dataset, Sample, require
from segbench.datasets.layout import folder_of, listed_samples, read_list, require_split
from segbench.errors import DataError
from segbench.images.files import read_uint16
from segbench.labels.space import LabelClass, LabelSpace
from segbench.labels.tables import voc_color

NAMES = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture", "counter", "blinds", "desk"),
    *("shelves", "curtain", "dresser", "pillow", "mirror", "floor mat", "clothes", "ceiling", "books", "refridgerator", "television"),
    *("paper", "towel", "shower curtain", "box", "whiteboard", "person", "night stand", "toilet", "sink", "lamp", "bathtub", "bag"),
    *("otherstructure", "otherfurniture", "otherprop"),
)


def indoor_labels(name: str, names: tuple[str, ...]) -> LabelSpace:
    """Classes from 1 on, 0 is void. There are no official colours: those are Pascal VOC's."""
    classes = tuple(LabelClass(label, (number,), voc_color(number), own_color=False) for number, label in enumerate(names, 1))
    return LabelSpace(name, classes, (LabelClass("unlabelled", (0,), (0, 0, 0)),))


LABELS = indoor_labels("nyudv2-40", NAMES)
SPLITS = {"train": 795, "test": 654}
DEPTH_MEAN_MM, DEPTH_STD_MM = 2841.949, 1417.259
WAY_OUT = "--data is the folder that ESANet's prepare_dataset.py wrote: train.txt, test.txt, and rgb/, depth/, labels_40/ of each split"


def nyudv2(data: Path | None = None, split: str = "test") -> Dataset:
    """NYU Depth v2: rooms with depth, 40 classes.

    :raises DataError: no folder is given, the split does not exist, or files of its list are missing (all are named).
    """
    require_split("nyudv2", split, SPLITS)
    root = folder_of("nyudv2", data, (f"{split}.txt",), (), WAY_OUT)
    folder = root / split
    numbers = read_list("nyudv2", root / f"{split}.txt", WAY_OUT)
    samples = listed_samples("nyudv2", numbers, lambda n: folder / "rgb" / f"{n}.png", lambda n: folder / "labels_40" / f"{n}.png", WAY_OUT)
    if (folder / "depth").is_dir():  # without it, networks that look at photographs only can still be run
        samples = with_depth("nyudv2", samples, lambda sample: folder / "depth" / f"{sample.id}.png", WAY_OUT)
    depth = standardised(DEPTH_MEAN_MM, DEPTH_STD_MM)
    return Dataset("nyudv2", split, LABELS, samples, root, read_depth=depth, official_images=SPLITS[split])


def with_depth(name: str, samples: tuple[Sample, ...], path_of: Callable[[Sample], Path], way_out: str) -> tuple[Sample, ...]:
    """The samples with their depth maps.

    :raises DataError: some are missing; all are named.
    """
    samples = tuple(replace(sample, extras={"depth": path_of(sample)}) for sample in samples)
    require({f"depth of {sample.id}": sample.extras["depth"] for sample in samples}, name, way_out)
    return samples


def standardised(mean: float, deviation: float) -> Callable[[Sample], NDArray[np.float32]]:
    """A reader of depth maps of 16 bits that gives float32[H, W] of mean 0 and deviation 1.

    :raises DataError: from the reader: a sample has no depth map, or it cannot be read.
    """

    def read(sample: Sample) -> NDArray[np.float32]:
        if "depth" not in sample.extras:
            raise DataError(f"{sample.id}: there is no depth map", way_out="choose models that need photographs only, or unpack the depth")
        return (read_uint16(sample.extras["depth"]).astype(np.float32) - np.float32(mean)) / np.float32(deviation)

    return read
