"""What a network is trained on: random crops, the same for the same (seed, step, position), whatever ran before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segbench.datasets.base import Dataset, Sample
from segbench.kernels.border_weights import border_weight_map
from segbench.training.planes import IGNORE as IGNORE
from segbench.training.planes import Planes, PlaneStore
from segbench.training.recipe import Recipe

_OUTSIDE = {"images": 128, "targets": IGNORE, "depth": 0, "pixel_weights": 0}


@dataclass(frozen=True, eq=False)
class Batch:
    """``images`` uint8[N, h, w, 3]; ``targets`` int64[N, h, w] class indices, void and padding :data:`IGNORE`; ``depth`` float32[N, h, w].

    ``pixel_weights`` float32[N, h, w] add to the weight of each pixel's class. A single crop is the same without N.
    """

    images: Tensor
    targets: Tensor
    depth: Tensor | None = None
    pixel_weights: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same on a device; from pinned memory the copy runs while the host goes on."""
        planes: dict[str, Any] = vars(self)
        moved: dict[str, Any] = {name: None if plane is None else plane.to(device, non_blocking=True) for name, plane in planes.items()}
        return Batch(**moved)

    def pinned(self) -> Batch:
        """The same in memory from which a CUDA device can copy by itself."""
        planes: dict[str, Any] = vars(self)
        moved: dict[str, Any] = {name: None if plane is None else plane.pin_memory() for name, plane in planes.items()}
        return Batch(**moved)

    @classmethod
    def stack(cls, crops: Sequence[Batch]) -> Batch:
        """Crops of one size as a batch."""
        first = {name: plane for name, plane in vars(crops[0]).items() if plane is not None}
        return cls(**{name: torch.stack([getattr(crop, name) for crop in crops]) for name in first})


def load_batch(store: PlaneStore, recipe: Recipe, number: int, share: range | None = None) -> Batch:
    """A batch by its number, from 0, or a share of its images; it lies where the store's planes do."""
    first = number * recipe.batch_size
    positions = [first + at for at in share or range(recipe.batch_size)]
    generators = {position: np.random.default_rng((recipe.seed, position)) for position in positions}
    return Batch.stack([random_crop(store(_sample_at(store.dataset, recipe.seed, i)), recipe, rng) for i, rng in generators.items()])


def _sample_at(dataset: Dataset, seed: int, position: int) -> Sample:
    epoch, within = divmod(position, len(dataset))
    order = np.random.default_rng((seed, 1 << 32, epoch)).permutation(len(dataset))
    return dataset.samples[int(order[within])]


def random_crop(planes: Planes, recipe: Recipe, rng: np.random.Generator) -> Batch:
    """A randomly enlarged, cropped and mirrored piece of a sample, and its class indices.

    Enlarging by s and cropping to h x w equals cropping h/s x w/s and resizing to h x w, which touches fewer pixels. What lies outside
    the image is grey, ignored, without depth and without instances. Values of depth stay as they are, as in RedNet's training; weights of
    pixels are those of the crop, in its pixels.
    """
    low, high = recipe.scale
    enlarge = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    height, width = (max(1, round(side / enlarge)) for side in recipe.crop)
    slack = [have - want for have, want in zip(planes["targets"].shape, (height, width), strict=True)]
    top, left = (int(rng.integers(min(0, room), max(0, room) + 1)) for room in slack)
    pieces = {name: _window(plane, top, left, height, width, _OUTSIDE[name]) for name, plane in planes.items()}
    if recipe.flip and rng.random() < 0.5:
        pieces = {name: piece.flip(1) for name, piece in pieces.items()}
    return Batch(**{name: _AT_SIZE[name](piece, recipe.crop) for name, piece in pieces.items()})


def _window(values: Tensor, top: int, left: int, height: int, width: int, fill: int) -> Tensor:
    """``values[top:top + height, left:left + width]`` where the window may reach over the edges."""
    out = values.new_full((height, width, *values.shape[2:]), fill)
    rows = slice(max(top, 0), min(top + height, values.shape[0]))
    columns = slice(max(left, 0), min(left + width, values.shape[1]))
    out[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = values[rows, columns]
    return out


def _nearest(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Float[h, w]: neither classes nor depth and its holes are blended."""
    return F.interpolate(values[None, None].float(), size=size, mode="nearest-exact")[0, 0]


def _resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    planes = F.interpolate(image.permute(2, 0, 1)[None].float(), size=size, mode="bilinear", align_corners=False, antialias=True)
    return planes[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)


def _border_term(instances: Tensor, size: tuple[int, int]) -> Tensor:
    numbers = _nearest(instances, size).to(torch.int32).cpu().numpy()
    return torch.from_numpy(border_weight_map(numbers, 0.0)).to(instances.device)


_AT_SIZE: dict[str, Callable[[Tensor, tuple[int, int]], Tensor]] = {
    "images": _resize,
    "targets": lambda values, size: _nearest(values, size).long(),
    "depth": _nearest,
    "pixel_weights": _border_term,
}
