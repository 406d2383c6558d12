"""minicity: generated street scenes, 256 x 512, in Cityscapes' layout, label ids and instance ids; no download, no licence to sign.

The pictures are drawn by whole-number arithmetic from a seed, so everybody's copy is the same to the bit and scores on it can be compared.
It is a test drive, not a benchmark of the real world. A split is drawn once, into the user's cache folder.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image
from platformdirs import user_cache_dir

from segbench.datasets.base import Dataset
from segbench.datasets.cityscapes import read_layout
from segbench.datasets.minicity_scenes.street import Scene, draw_scene
from segbench.errors import DataError
from segbench.images.files import write_labels, write_uint16

__all__ = ["Scene", "draw_scene", "minicity", "write_minicity"]

VERSION = "minicity-v1"
SPLITS = {"train": 400, "val": 60}
CITIES = {"train": ("altmark", "birkenau", "dornheim", "eschbach", "falkenried"), "val": ("lindenau", "rosenthal", "weidach")}
_KINDS = ("leftImg8bit", "disparity", "gtFine")  # the order in which they are moved into place


def minicity(data: Path | None = None, split: str = "val") -> Dataset:
    """Generated street scenes in Cityscapes' labels, 512x256; nothing to download.

    They are under ``data``, by default in the user's cache folder; drawn there first if they are not yet.

    :raises DataError: there is no such split.
    """
    if split not in SPLITS:
        raise DataError(f"minicity has no split {split!r}", way_out=f"its splits are {', '.join(SPLITS)}")
    root = Path(user_cache_dir("segbench")) / VERSION if data is None else Path(data)
    if not is_complete(root, split):
        _draw_with_progress(root, split)
    return read_layout("minicity", root, split, builtin=True, splits=SPLITS)


def write_minicity(root: Path, splits: Sequence[str] = ("train", "val"), progress: Callable[[int, int], None] | None = None) -> None:
    """Draw whole splits into ``root``; ``progress`` is called with (scenes drawn, scenes in all).

    Each split is drawn into a folder beside its place and moved there when it is complete, the targets last.
    """
    total, done = sum(SPLITS[split] for split in splits), 0
    root.mkdir(parents=True, exist_ok=True)
    for split in splits:
        with tempfile.TemporaryDirectory(prefix=f".{split}-", dir=root) as folder:
            for index in range(SPLITS[split]):
                _write_scene(Path(folder), split, index)
                done += 1
                if progress:
                    progress(done, total)
            _move(Path(folder), root, split)


def is_complete(root: Path, split: str) -> bool:
    """Whether ``write_minicity`` has finished this split: targets are moved in last and as one folder."""
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


def _draw_with_progress(root: Path, split: str) -> None:
    if not sys.stderr.isatty():
        write_minicity(root, (split,))
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"drawing minicity {split}", total=SPLITS[split])
        write_minicity(root, (split,), lambda done, _: bar.update(task, completed=done))
