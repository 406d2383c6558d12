"""minicity: generated street scenes, 256 x 512, in Cityscapes' layout, label ids and instance ids; no download, no licence to sign.

The pictures are drawn by whole-number arithmetic from a seed, so everybody's copy is the same to the bit and scores on it can be compared.
It is a test drive, not a benchmark of the real world. A split is drawn once.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from segbench.datasets.base import Dataset
from segbench.datasets.cityscapes import read_layout
from segbench.datasets.minicity_scenes.street import Scene, draw_scene
from segbench.errors import DataError
from segbench.files.remote import locate
from segbench.images.files import write_labels, write_uint16

__all__ = ["Scene", "draw_scene", "draw_split", "minicity"]

VERSION = "minicity-v1"
SPLITS = {"train": 400, "val": 60}
CITIES = {"train": ("altmark", "birkenau", "dornheim", "eschbach", "falkenried"), "val": ("lindenau", "rosenthal", "weidach")}
_KINDS = ("leftImg8bit", "disparity", "gtFine")  # the order in which they are moved into place


def minicity(data: Path | None = None, split: str = "val") -> Dataset:
    """Generated street scenes in Cityscapes' labels, 512x256; nothing to download.

    :param data: the folder that they are in; they are drawn there first if they are not yet.
    :raises DataError: there is no such split, or no folder is given.
    """
    if split not in SPLITS:
        raise DataError(f"minicity has no split {split!r}", way_out=f"its splits are {', '.join(SPLITS)}")
    if data is None:
        raise DataError("minicity: no folder given", way_out="name one that it can be drawn into, once: --data DIR")
    for _ in draw_split(locate(data), split):
        pass
    return read_layout("minicity", locate(data), split, builtin=True, splits=SPLITS)


def draw_split(root: Path, split: str) -> Iterator[int]:
    """Draw a whole split into ``root``, if it is not there; yields how many scenes are drawn.

    It is drawn into a folder beside its place and moved there when it is complete, the targets last.
    """
    if is_complete(root, split):
        return
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{split}-", dir=root) as folder:
        for index in range(SPLITS[split]):
            _write_scene(Path(folder), split, index)
            yield index + 1
        _move(Path(folder), root, split)


def is_complete(root: Path, split: str) -> bool:
    """Whether :func:`draw_split` has finished this split: targets are moved in last and as one folder."""
    return (root / "gtFine" / split).is_dir()


def stem_of(split: str, index: int) -> tuple[str, str]:
    """City and file stem of a scene; a city's scenes are consecutive."""
    cities, size = CITIES[split], SPLITS[split]
    number = index * len(cities) // size
    return cities[number], f"{cities[number]}_{index:06}_000019"


def _write_scene(root: Path, split: str, index: int) -> None:
    scene, (city, stem) = draw_scene(split, index), stem_of(split, index)
    photo = root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png"
    photo.parent.mkdir(parents=True, exist_ok=True)
    # Sensor noise does not compress: zlib's fastest level gives the same size in a quarter of the time.
    Image.fromarray(scene.image).save(photo, compress_level=1)
    write_labels(root / "gtFine" / split / city / f"{stem}_gtFine_labelIds.png", scene.labels)
    write_uint16(root / "gtFine" / split / city / f"{stem}_gtFine_instanceIds.png", scene.instances)
    write_uint16(root / "disparity" / split / city / f"{stem}_disparity.png", scene.disparity)


def _move(source: Path, root: Path, split: str) -> None:
    if is_complete(root, split):
        return  # another process was faster; its files are the same
    for kind in _KINDS:
        place = root / kind / split
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        os.replace(source / kind / split, place)
