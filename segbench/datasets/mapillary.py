"""Mapillary Vistas (Neuhold et al., ICCV 2017), research edition: street scenes from everywhere, photographs of up to 22 megapixels.

Two label sets under one name, so two datasets here: v1.2 has 66 labels, of which all but "Unlabeled" are evaluated; v2.0 has 124, of
which 116 are: groups of objects, what its annotators found ambiguous, and "Unlabeled" are not (``evaluate`` in ``config_v2.0.json``).
mmsegmentation averages over all 66 and 124, which is not comparable.

Layout: ``{training,validation}/images/{key}.jpg`` and ``{training,validation}/{v1.2,v2.0}/labels/{key}.png``, palette images whose indices
are the labels; before v1.2 they lay in ``{training,validation}/labels``. The targets of ``testing`` are not public.
"""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.layout import files_by_id, folder_of, paired_samples, require_split
from segbench.labels.space import LabelSpace
from segbench.labels.tables import read_label_table

LABELS_V12 = read_label_table("mapillary-vistas-v1.2-65")
LABELS_V20 = read_label_table("mapillary-vistas-v2.0-116")
SPLITS = {"train": 18000, "val": 2000}
FOLDERS = {"train": "training", "val": "validation"}
WAY_OUT = "--data is the unpacked folder of the dataset, which holds training/ and validation/"


def mapillary_vistas_v12(data: Path | None = None, split: str = "val") -> Dataset:
    """Mapillary Vistas v1.2: streets all over the world, 65 classes, high resolution.

    :raises DataError: no folder is given, the split does not exist, or images or targets have no partner (all are named).
    """
    return _vistas("mapillary_vistas_v12", LABELS_V12, data, split, ("v1.2/labels", "labels"))


def mapillary_vistas_v20(data: Path | None = None, split: str = "val") -> Dataset:
    """Mapillary Vistas v2.0: the same streets in finer classes, 116 of them.

    :raises DataError: no folder is given, the split does not exist, or images or targets have no partner (all are named).
    """
    return _vistas("mapillary_vistas_v20", LABELS_V20, data, split, ("v2.0/labels",))


def _vistas(name: str, labels: LabelSpace, data: Path | None, split: str, places: tuple[str, ...]) -> Dataset:
    """``places``: where below its split's folder the targets may lie; the first that exists."""
    require_split(name, split, SPLITS)
    root = folder_of(name, data, (f"{FOLDERS[split]}/images",), (), WAY_OUT)
    folders = [root / FOLDERS[split] / place for place in places]
    images, targets = root / FOLDERS[split] / "images", next((folder for folder in folders if folder.is_dir()), folders[0])
    samples = paired_samples(
        name, files_by_id(images, ".jpg"), files_by_id(targets, ".png"), f"{images}/*.jpg and {targets}/*.png", WAY_OUT
    )
    return Dataset(name, split, labels, samples, root, official_images=SPLITS[split])
