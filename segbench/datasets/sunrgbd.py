"""SUN RGB-D (Song, Lichtenberg & Xiao, CVPR 2015), 37 classes: 10,335 rooms with depth, from four kinds of sensors in several sizes.

Layout: ``SUNRGBD/`` as ``SUNRGBD.zip`` is unpacked, and of github.com/ankurhanda/sunrgbd-meta-data ``sunrgbd_training_images.txt``,
``sunrgbd_testing_images.txt`` and, unpacked into a folder ``sunrgbd_train_test_labels``, the label maps ``img-{n:06}.png``. The label maps
are numbered with the test images first: line k of the list of test is number k, line k of the list of training is number 5050 + k. So the
lists' order matters, and samples are called by the label maps' names.

1..37 are the classes, which are the first 37 of NYU Depth v2 (the toolbox calls two of them fridge and tv), and 0 is unlabelled, which is
void. Depth is that with its holes filled, the only PNG in ``depth_bfx`` of a scene's folder. Its 16 bits are rotated by 3: an eighth of the
number is millimetres. Networks are fed (number - mean) / deviation, with the mean and deviation of RedNet's authors.
"""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Dataset, Sample
from segbench.datasets.layout import folder_of, listed_samples, require_split
from segbench.datasets.nyudv2 import NAMES, indoor_labels, standardised, with_depth
from segbench.errors import DataError
from segbench.files.remote import FILES
from segbench.files.text import read_text

LABELS = indoor_labels("sunrgbd-37", NAMES[:37])
SPLITS = {"train": 5285, "test": 5050}
LISTS = {"train": "sunrgbd_training_images.txt", "test": "sunrgbd_testing_images.txt"}
NUMBERED_FROM = {"train": 5051, "test": 1}
TARGETS = "sunrgbd_train_test_labels"
DEPTH_MEAN, DEPTH_STD = 19050, 9650
WAY_OUT = f"--data is the folder that holds SUNRGBD/ and, of sunrgbd-meta-data, its two lists of images and {TARGETS}/ with its label maps"


def sunrgbd(data: Path | None = None, split: str = "test") -> Dataset:
    """SUN RGB-D: rooms with depth, 37 classes.

    :raises DataError: no folder is given, the split does not exist, or images, depth or targets are missing (all are named).
    """
    require_split("sunrgbd", split, SPLITS)
    root = folder_of("sunrgbd", data, (LISTS[split], TARGETS), (), WAY_OUT)
    lines = [line.strip() for line in read_text(root / LISTS[split]).splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{root / LISTS[split]}: the list of the split is empty", way_out=WAY_OUT)
    images = {f"img-{number:06}": root / line for number, line in enumerate(lines, NUMBERED_FROM[split])}
    samples = listed_samples("sunrgbd", images, images.__getitem__, lambda name: root / TARGETS / f"{name}.png", WAY_OUT)
    samples = with_depth("sunrgbd", samples, _depth_map, WAY_OUT)
    depth = standardised(DEPTH_MEAN, DEPTH_STD)
    return Dataset("sunrgbd", split, LABELS, samples, root, read_depth=depth, official_images=SPLITS[split])


def _depth_map(sample: Sample) -> Path:
    """Of the folder ``depth_bfx`` beside ``image``; the folder itself where it does not hold one file, for the error to name."""
    assert isinstance(sample.image, FILES)
    folder = sample.image.parent.parent / "depth_bfx"
    return next(iter(sorted(folder.glob("*.png"))), folder / "*.png")
