"""SegmentMeIfYouCan (Chan et al., NeurIPS 2021 Datasets and Benchmarks): photographs with what no network of streets knows, and its masks.

*RoadAnomaly21* has anomalies of all kinds, *RoadObstacle21* obstacles on roads in all weathers. Layout of either, which are
``dataset_AnomalyTrack`` and ``dataset_ObstacleTrack``: ``images/{name}.jpg`` (anomalies), ``.webp`` (obstacles) or ``.png``, and
``labels_masks/{name}_labels_semantic.png``: 0 known (of obstacles: the road alone), 1 anomaly, 255 left out. Masks are handed out of
``val`` alone, whose names begin with ``validation``: 10 of anomalies, 30 of obstacles. ``validation_19`` and ``validation_21`` to
``validation_29`` of the obstacles are not among the official 30, and are left out here as there. Beside the masks lie their pictures in
colours, ``..._labels_semantic_color.png``, which are not read.

The masks tell no classes: a network of Cityscapes' 19 classes runs on it, ``run --ood`` looks for the anomalies, and mIoU is undefined.

Folders, bytes, the prefix and who is left out: ``road_anomaly_benchmark/datasets/tracks.py`` of the authors' road-anomaly-benchmark; it
leaves out whose name *begins* with one of those, and so does this. No file of the data themselves was seen.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.cityscapes import LABELS as CITYSCAPES
from segbench.datasets.layout import files_by_id, folder_of, paired_samples, require_split
from segbench.labels.space import LabelClass

LABELS = replace(CITYSCAPES, name="segment-me-if-you-can-19", void=(LabelClass("left out", (255,), (0, 0, 0)),)).marking(
    anomaly=[1], known=[0]
)
MASK = "_labels_semantic.png"
PHOTOGRAPHS = (".jpg", ".webp", ".png")
NOT_OFFICIAL = tuple(f"validation_{number}" for number in (19, *range(21, 30)))
ANOMALIES, OBSTACLES = 10, 30


def road_anomaly21(data: Path | None = None, split: str = "val") -> Dataset:
    """RoadAnomaly21 of SegmentMeIfYouCan: what no street has, as masks; for networks of Cityscapes' 19 classes, `run --ood`.

    :raises DataError: no folder is given, the split does not exist, or photographs or masks are missing (all are named).
    """
    return _track("road_anomaly21", data, split, "dataset_AnomalyTrack", (), ANOMALIES)


def road_obstacle21(data: Path | None = None, split: str = "val") -> Dataset:
    """RoadObstacle21 of SegmentMeIfYouCan: obstacles on roads, as masks; for networks of Cityscapes' 19 classes, `run --ood`.

    :raises DataError: no folder is given, the split does not exist, or photographs or masks are missing (all are named).
    """
    return _track("road_obstacle21", data, split, "dataset_ObstacleTrack", NOT_OFFICIAL, OBSTACLES)


def _track(name: str, data: Path | None, split: str, folder: str, left_out: tuple[str, ...], official: int) -> Dataset:
    way_out = f"--data is {folder}, with images/ and labels_masks/, or the folder that holds it; masks of the other frames are withheld"
    require_split(name, split, ("val",))
    root = folder_of(name, data, ("images", "labels_masks"), (folder,), way_out)
    every = {i: path for suffix in PHOTOGRAPHS for i, path in files_by_id(root / "images", suffix).items()}
    masks = files_by_id(root / "labels_masks", MASK)
    images, targets = ({i: path for i, path in files.items() if _is_official(i, left_out)} for files in (every, masks))
    samples = paired_samples(name, images, targets, f"{root}/labels_masks/validation*{MASK}", way_out)
    return Dataset(name, split, LABELS, samples, root, official_images=official, shared_folders=True)


def _is_official(name: str, left_out: tuple[str, ...]) -> bool:
    return name.startswith("validation") and not name.startswith(left_out)
