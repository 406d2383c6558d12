"""StreetHazards (Hendrycks et al., ICML 2022): rendered streets, 1280x720, and in those of ``test`` things that no other street has.

Layout, as streethazards_train.tar and streethazards_test.tar are unpacked: ``train/{images,annotations}/{training,validation}/`` and
``test/{images,annotations}/test/``, below which lies ``{town}/{n}.png``, with the lists ``train/train.odgt``, ``train/validation.odgt``
and ``test/test.odgt`` (or beside these folders, where ``create_dataset.py`` writes them): one JSON list of ``fpath_img`` and
``fpath_segm``, paths in that folder.

Bytes are one more than the numbers that the authors count with: 1 unlabelled, which is the sky above all and a class there, to 13 traffic
sign; 14 is anomaly, which mIoU leaves out and ``run --ood`` looks for; 0 is left out. All of the 13 classes are known.

Numbers, names and colours: ``create_dataset.py`` of hendrycks/anomaly-seg; that a byte is one more: ``dataset.py`` there, which subtracts
it; that anomaly is 13 then, and AP, AUROC and FPR are means over images: ``defaults.py`` and ``eval_ood.py``. No file of the data was seen.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from segbench.datasets.base import Dataset
from segbench.datasets.layout import folder_of, listed_samples, require_split
from segbench.errors import DataError
from segbench.files.text import read_text
from segbench.labels.space import LabelClass, LabelSpace

_CLASSES = (
    ("unlabelled", (0, 0, 0)),
    ("building", (70, 70, 70)),
    ("fence", (190, 153, 153)),
    ("other", (250, 170, 160)),
    ("pedestrian", (220, 20, 60)),
    ("pole", (153, 153, 153)),
    ("road line", (157, 234, 50)),
    ("road", (128, 64, 128)),
    ("sidewalk", (244, 35, 232)),
    ("vegetation", (107, 142, 35)),
    ("car", (0, 0, 142)),
    ("wall", (102, 102, 156)),
    ("traffic sign", (220, 220, 0)),
)
LABELS = LabelSpace(
    "streethazards-13",
    tuple(LabelClass(name, (number,), color) for number, (name, color) in enumerate(_CLASSES, 1)),
    (LabelClass("left out", (0,), (0, 0, 0)), LabelClass("anomaly", (14,), (60, 250, 240), role="anomaly")),
)
LISTS = {"train": ("train", "train"), "val": ("train", "validation"), "test": ("test", "test")}
OFFICIAL = {"train": 5125, "val": 1031, "test": 1500}
WAY_OUT = "--data is the folder that holds train/ and test/, as streethazards_train.tar and streethazards_test.tar are unpacked"


def streethazards(data: Path | None = None, split: str = "test") -> Dataset:
    """StreetHazards: rendered streets, 13 classes, and anomalies in ``test``, which `run --ood` looks for.

    :raises DataError: no folder is given, the split does not exist, or its list or files of it are missing (all are named).
    """
    require_split("streethazards", split, LISTS)
    folder, name = LISTS[split]
    root = folder_of("streethazards", data, (folder,), (), WAY_OUT)
    place = root / folder
    odgt = next((path for path in (place / f"{name}.odgt", root / f"{name}.odgt") if path.is_file()), place / f"{name}.odgt")
    pairs = _listed(odgt)
    samples = listed_samples("streethazards", sorted(pairs), lambda i: place / pairs[i][0], lambda i: place / pairs[i][1], WAY_OUT)
    return Dataset("streethazards", split, LABELS, samples, root, official_images=OFFICIAL[split])


def _listed(odgt: Path) -> dict[str, tuple[str, str]]:
    """(image, target) of a list by what stands for the image below the split's folder, without the ending: ``t5/300``.

    :raises DataError: it is missing, or holds something else.
    """
    if not odgt.is_file():
        raise DataError(f"streethazards: the list {odgt} is missing", way_out=WAY_OUT)
    try:
        data = json.loads(read_text(odgt))
        pairs = [tuple(str(entry[key]).replace("\\", "/") for key in ("fpath_img", "fpath_segm")) for entry in data]
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{odgt}: not a JSON list of fpath_img and fpath_segm ({error})", way_out=WAY_OUT) from error
    named = {"/".join(PurePosixPath(image).with_suffix("").parts[2:]): (image, target) for image, target in pairs}
    if not named or len(named) != len(pairs):
        raise DataError(f"{odgt}: it lists {len(pairs)} pairs of {len(named)} names", way_out=WAY_OUT)
    return named
