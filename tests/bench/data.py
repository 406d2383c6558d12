"""Label maps of 1024x2048 whose PNG files cost what Cityscapes' do: about 22 KB a target, 37 KB a prediction, 20 instances.

The scenes are minicity's, drawn four times as large: every instance and every region is enlarged as a mask, so that edges are straight
and not stairs of four pixels. A prediction is its target as a network sees it: no void, edges that waver, some regions wrong. What a
file costs to decode is its number of edges, which its size tells.

Photographs are smooth colours with the noise of a camera: a PNG file of one has 2.3 MB, as those of Cityscapes have.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from platformdirs import user_cache_dir

from segbench.datasets.cityscapes import LABELS
from segbench.datasets.minicity import draw_scene
from segbench.images.files import write_labels, write_uint16

VERSION = "1"
HEIGHT, WIDTH = SIZE = (1024, 2048)
SCENES = 24
PATCHES = 6
DRAWN = {24: 1.2, 4: 0.4}  # how the edges of a target waver: pixels, by the length of a wave
PREDICTED = {64: 3.0, 4: 2.0}

Map = NDArray[np.uint8]
Number = TypeVar("Number", np.uint8, np.uint16)


def bench_set(pairs: int) -> Path:
    """``gtFine/val/CITY/*_gtFine_{labelIds,instanceIds}.png`` and ``results/*_pred.png``, in the official layout, for so many pairs.

    It lies in the user's cache folder and is made once; the scenes repeat under other names beyond the number that is drawn.
    """
    root = _folder(f"{pairs}-pairs")
    if not (root / "complete").exists():
        shutil.rmtree(root, ignore_errors=True)
        scenes = [_scene(index) for index in range(min(pairs, SCENES))]
        for index in range(pairs):
            for kind, path in _files(root, index).items():
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(scenes[index % SCENES] / f"{kind}.png", path)
        (root / "complete").touch()
    return root


def photographs(count: int) -> Path:
    """A folder of so many photographs of 1024x2048, each as ``*.png`` and as ``*.jpg``; made once."""
    root = _folder(f"{count}-photographs")
    if not (root / "complete").exists():
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        for index in range(count):
            image = Image.fromarray(draw_photograph(index))
            image.save(root / f"{index:03}.png")
            image.save(root / f"{index:03}.jpg", quality=90)
        (root / "complete").touch()
    return root


def draw_photograph(index: int) -> Map:
    """uint8[1024, 2048, 3]."""
    rng = np.random.default_rng(index)

    def colors(cells: int) -> NDArray[np.float32]:
        grid = Image.fromarray(rng.integers(0, 256, (cells + 1, 2 * cells + 1, 3), dtype=np.uint8))
        return np.asarray(grid.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32)

    sketch, detail = colors(16), colors(128)
    noise = Image.fromarray(rng.normal(0, 1.6, (HEIGHT // 2, WIDTH // 2)).astype(np.float32))
    noise = noise.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    return (0.85 * sketch + 0.15 * detail + np.asarray(noise)[..., None]).clip(0, 255).astype(np.uint8)


def paths(root: Path, kinds: tuple[str, str] = ("target", "pred")) -> list[tuple[Path, Path]]:
    """(target, prediction) of every pair, sorted: in label ids, or as ``("target_index", "pred_index")`` in class indices, void 255."""
    count = len(list((root / "results").iterdir()))
    return [(files[kinds[0]], files[kinds[1]]) for files in (_files(root, index) for index in range(count))]


def _folder(name: str) -> Path:
    return Path(user_cache_dir("segbench")) / f"bench-{VERSION}" / name


def _files(root: Path, index: int) -> dict[str, Path]:
    stem, folder = f"city_{index:06}_000019", root / "gtFine" / "val" / "city"
    return {
        "target": folder / f"{stem}_gtFine_labelIds.png",
        "instances": folder / f"{stem}_gtFine_instanceIds.png",
        "pred": root / "results" / f"{stem}_pred.png",
        "target_index": root / "index" / f"{stem}_target.png",
        "pred_index": root / "index" / f"{stem}_pred.png",
    }


def _scene(index: int) -> Path:
    """The folder of a scene's five maps; drawn once."""
    folder = _folder("scenes") / f"{index:03}"
    if not (folder / "complete").exists():
        instances, pred = draw_pair(index)
        target = ids_of(instances)
        write_uint16(folder / "instances.png", instances)
        for kind, ids in (("target", target), ("pred", pred)):
            write_labels(folder / f"{kind}.png", ids)
            classes = LABELS.index_of_id[ids]
            write_labels(folder / f"{kind}_index.png", np.where(classes < len(LABELS.classes), classes, 255).astype(np.uint8))
        (folder / "complete").touch()
    return folder


def draw_pair(index: int) -> tuple[NDArray[np.uint16], Map]:
    """Instance ids uint16[1024, 2048] of a scene, from which its label ids follow, and predicted label ids uint8[1024, 2048]."""
    instances = draw_scene("val", index).instances
    # Cityscapes' streets are fuller than minicity's: another scene's traffic stands in this one too.
    others = draw_scene("train", index).instances[:, ::-1]
    traffic = others >= 1000
    instances[traffic] = others[traffic] + 100
    rng = np.random.default_rng(index)
    instances = _wavering(_enlarged(instances), rng, DRAWN)
    return instances, _predicted(ids_of(instances), rng)


def ids_of(instances: NDArray[np.uint16]) -> Map:
    """Label ids of instance ids."""
    return np.where(instances >= 1000, instances // 1000, instances).astype(np.uint8)


def _enlarged(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Each pixel takes the value whose mask, enlarged smoothly, is strongest there."""
    best = np.zeros(SIZE, np.uint8)
    result = np.zeros(SIZE, np.uint16)
    for value in np.unique(values):
        mask = Image.fromarray(np.where(values == value, 255, 0).astype(np.uint8))
        strength = np.asarray(mask.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
        here = strength > best
        best[here], result[here] = strength[here], value
    return result


def _predicted(target: Map, rng: np.random.Generator) -> Map:
    """Edges waver by a few pixels, patches are another class, and nothing is void: that takes the class in front of it in its row."""
    pred = _wavering(target, rng, PREDICTED)
    for _ in range(PATCHES):
        top, left = int(rng.integers(0, HEIGHT - 64)), int(rng.integers(0, WIDTH - 128))
        region = np.s_[top : top + 64, left : left + 128]
        pred[region][_waves(rng, PREDICTED)[region] > 1] = rng.choice(LABELS.id_of_index)
    void = LABELS.index_of_id[pred] >= len(LABELS.classes)
    before = np.maximum.accumulate(np.where(void, -1, np.arange(WIDTH)), axis=1)
    filled = np.take_along_axis(pred, np.maximum(before, 0), axis=1)
    return np.where(before >= 0, filled, LABELS.id_of_index[0]).astype(np.uint8)


def _wavering(values: NDArray[Number], rng: np.random.Generator, waves: Mapping[int, float]) -> NDArray[Number]:
    """Each pixel taken from a little aside."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.int32)
    return values[np.clip(y + _waves(rng, waves), 0, HEIGHT - 1), np.clip(x + _waves(rng, waves), 0, WIDTH - 1)]


def _waves(rng: np.random.Generator, waves: Mapping[int, float]) -> NDArray[np.int32]:
    """Displacements in pixels, int32[1024, 2048]: the sum of smooth noises, by the length of their waves and their height."""
    total = np.zeros(SIZE, np.float32)
    for length, height in waves.items():
        grid = rng.normal(0, height, (HEIGHT // length + 1, WIDTH // length + 1)).astype(np.float32)
        total += np.asarray(Image.fromarray(grid).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR))
    return np.rint(total).astype(np.int32)
