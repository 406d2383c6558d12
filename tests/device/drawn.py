"""Data that is drawn by all cores: minicity, and photographs as heavy as Cityscapes'."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import gettempdir

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segbench.datasets import minicity

DIFFERENT = 24  # photographs; behind them the same files stand again under other names
Size = tuple[int, int]


def folder(name: str) -> Path:
    """Where drawn data lies, in the system's folder for temporary files."""
    return Path(os.environ.get("XDG_CACHE_HOME", gettempdir())) / "segbench-device" / name


def drawn_minicity(split: str, images: int) -> Path:
    """The first scenes of a split."""
    root = folder(f"minicity-{split}-{images}")
    if not minicity.is_complete(root, split):
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(_draw_scene, [(root / "new", split, index) for index in range(images)], chunksize=4))
        minicity._move(root / "new", root, split)
    return root


def _draw_scene(what: tuple[Path, str, int]) -> None:
    minicity._write_scene(*what)


def drawn_city(images: int, size: Size) -> Path:
    """A split ``val`` in Cityscapes' layout of (height, width) ``size``; a photograph of 1024x2048 takes about 2.3 MB."""
    root = folder(f"city-{size[0]}-{images}")
    if not (root / "complete").exists():
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            made = list(pool.map(_draw_frame, [(root, index, size) for index in range(min(images, DIFFERENT))]))
        for index in range(len(made), images):
            for file in made[index % len(made)]:
                os.link(file, str(file).replace("_000000_", f"_{index:06}_"))
        (root / "complete").touch()
    return root


def _draw_frame(what: tuple[Path, int, Size]) -> tuple[Path, Path]:
    root, index, size = what
    rng, stem = np.random.default_rng(index), f"town{index:02}_000000_000019"
    photograph = root / "leftImg8bit/val/town" / f"{stem}_leftImg8bit.png"
    target = root / "gtFine/val/town" / f"{stem}_gtFine_labelIds.png"
    for path, pixels in ((photograph, heavy_photograph(rng, size)), (target, _target(rng, index, size))):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return photograph, target


def heavy_photograph(rng: np.random.Generator, size: Size) -> NDArray[np.uint8]:
    """uint8[H, W, 3]: soft shapes of two sizes, and noise that costs a PNG file what a camera's does."""
    height, width = size

    def enlarged(values: NDArray[np.uint8] | NDArray[np.float32], how: Image.Resampling) -> NDArray[np.float32]:
        return np.asarray(Image.fromarray(values).resize((width, height), how), np.float32)

    soft = [enlarged(rng.integers(0, 256, (n + 1, 2 * n + 1, 3), dtype=np.uint8), Image.Resampling.BICUBIC) for n in (16, 128)]
    noise = enlarged(rng.normal(0, 1.6, (height // 2, width // 2)).astype(np.float32), Image.Resampling.BILINEAR)
    return (0.85 * soft[0] + 0.15 * soft[1] + noise[..., None]).clip(0, 255).astype(np.uint8)


def _target(rng: np.random.Generator, index: int, size: Size) -> NDArray[np.uint8]:
    if size != (1024, 2048):
        return np.kron(rng.integers(7, 34, (size[0] // 16, size[1] // 16), dtype=np.uint8), np.ones((16, 16), np.uint8))
    from tests.bench.data import draw_pair, ids_of

    return np.ascontiguousarray(ids_of(draw_pair(index)[0]), dtype=np.uint8)
