"""CamVid (Brostow et al. 2008) as it was published: 701 frames of 960x720, colour-coded in 32 classes, of which Void is not evaluated.

Layout: ``701_StillsRaw_full/{name}.png`` (``701_StillsRaw_full.zip``) and ``LabeledApproved_full/{name}_L.png`` (unpack
``LabeledApproved_full.zip`` into a folder of its name). Each colour is matched exactly; a target with a colour of no class is an error that
names the file and the colour. The splits are those of SegNet's lists (367, 101, 233), which follow the sequences: ``val`` is the part of
0016E5 that was labelled at 15 Hz, ``test`` is Seq05VD and the second half of 0001TP. ``camvid`` is SegNet's smaller version of 11 classes.
"""

from __future__ import annotations

from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.datasets.layout import files_by_id, folder_of, paired_samples, require_split
from segbench.images.colors import read_colored
from segbench.labels.space import LabelClass, LabelSpace

# label_colors.txt of the dataset, in its order.
_CLASSES = (
    ("Animal", (64, 128, 64)),
    ("Archway", (192, 0, 128)),
    ("Bicyclist", (0, 128, 192)),
    ("Bridge", (0, 128, 64)),
    ("Building", (128, 0, 0)),
    ("Car", (64, 0, 128)),
    ("CartLuggagePram", (64, 0, 192)),
    ("Child", (192, 128, 64)),
    ("Column_Pole", (192, 192, 128)),
    ("Fence", (64, 64, 128)),
    ("LaneMkgsDriv", (128, 0, 192)),
    ("LaneMkgsNonDriv", (192, 0, 64)),
    ("Misc_Text", (128, 128, 64)),
    ("MotorcycleScooter", (192, 0, 192)),
    ("OtherMoving", (128, 64, 64)),
    ("ParkingBlock", (64, 192, 128)),
    ("Pedestrian", (64, 64, 0)),
    ("Road", (128, 64, 128)),
    ("RoadShoulder", (128, 128, 192)),
    ("Sidewalk", (0, 0, 192)),
    ("SignSymbol", (192, 128, 128)),
    ("Sky", (128, 128, 128)),
    ("SUVPickupTruck", (64, 128, 192)),
    ("TrafficCone", (0, 0, 64)),
    ("TrafficLight", (0, 64, 64)),
    ("Train", (192, 64, 128)),
    ("Tree", (128, 128, 0)),
    ("Truck_Bus", (192, 128, 192)),
    ("Tunnel", (64, 0, 64)),
    ("VegetationMisc", (192, 192, 0)),
    ("Void", (0, 0, 0)),
    ("Wall", (64, 192, 0)),
)
_LABELS = tuple(LabelClass(name, (index,), color) for index, (name, color) in enumerate(_CLASSES))

LABELS = LabelSpace(
    "camvid-32", tuple(label for label in _LABELS if label.name != "Void"), tuple(label for label in _LABELS if label.name == "Void")
)

SPLITS = {"train": 367, "val": 101, "test": 233}
FAST = range(7959, 8160)  # frames of 0016E5 that were labelled at 15 Hz
SECOND_HALF = 8550  # of 0001TP, from this frame on


def camvid_32(data: Path | None = None, split: str = "test") -> Dataset:
    """CamVid as published: driving, 960x720, 31 classes and void from 32 colours.

    :raises DataError: no folder is given, the split does not exist, or images or targets are missing (all are named).
    """
    way_out = "--data is the folder that holds 701_StillsRaw_full/ and LabeledApproved_full/"
    require_split("camvid_32", split, SPLITS)
    root = folder_of("camvid_32", data, ("701_StillsRaw_full", "LabeledApproved_full"), (), way_out)
    files = (files_by_id(root / "701_StillsRaw_full", ".png"), files_by_id(root / "LabeledApproved_full", "_l.png"))
    images, targets = ({name: path for name, path in found.items() if split_of(name) == split} for found in files)
    samples = paired_samples("camvid_32", images, targets, str(root), way_out)
    reader = lambda sample: read_colored(sample.target, LABELS)  # noqa: E731
    return Dataset("camvid_32", split, LABELS, samples, root, read_target=reader, official_images=SPLITS[split], shared_folders=True)


def split_of(name: str) -> str:
    """The split of a frame, by the sequence and the number that its name is made of: ``0016E5_07959``, ``Seq05VD_f00000``."""
    sequence, _, frame = name.partition("_")
    if sequence == "Seq05VD" or (sequence == "0001TP" and int(frame) >= SECOND_HALF):
        return "test"
    return "val" if sequence == "0016E5" and int(frame) in FAST else "train"
