"""What a network is trained on: random crops, the same for the same (seed, step, position), whatever ran before."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segbench.datasets.base import Dataset, Sample, read_photograph
from segbench.recipes import Recipe

IGNORE = -100


def load_batch(dataset: Dataset, recipe: Recipe, step: int) -> tuple[Tensor, Tensor]:
    """The batch of a step: uint8[N, h, w, 3] images and int64[N, h, w] class indices, void and padding :data:`IGNORE`."""
    positions = range(step * recipe.batch_size, (step + 1) * recipe.batch_size)
    crops = [random_crop(dataset, _sample_at(dataset, recipe.seed, i), recipe, np.random.default_rng((recipe.seed, i))) for i in positions]
    return torch.stack([image for image, _ in crops]), torch.stack([target for _, target in crops])


def _sample_at(dataset: Dataset, seed: int, position: int) -> Sample:
    epoch, within = divmod(position, len(dataset))
    order = np.random.default_rng((seed, 1 << 32, epoch)).permutation(len(dataset))
    return dataset.samples[int(order[within])]


def random_crop(dataset: Dataset, sample: Sample, recipe: Recipe, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A randomly enlarged, cropped and mirrored piece of a sample, and its class indices.

    Enlarging by s and cropping to h x w equals cropping h/s x w/s and resizing to h x w, which touches fewer pixels. What lies outside
    the image is grey and ignored.
    """
    image = torch.from_numpy(read_photograph(sample))
    index = torch.from_numpy(dataset.labels.index_of_id[dataset.read_target(sample)].astype(np.int64))
    index[index >= len(dataset.labels.classes)] = IGNORE
    low, high = recipe.scale
    enlarge = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    height, width = (max(1, round(side / enlarge)) for side in recipe.crop)
    slack = [have - want for have, want in zip(index.shape, (height, width), strict=True)]
    top, left = (int(rng.integers(min(0, room), max(0, room) + 1)) for room in slack)
    image_window, index_window = _window(image, top, left, height, width, 128), _window(index, top, left, height, width, IGNORE)
    if recipe.flip and rng.random() < 0.5:
        image_window, index_window = image_window.flip(1), index_window.flip(1)
    return _resize(image_window, index_window, recipe.crop)


def _window(values: Tensor, top: int, left: int, height: int, width: int, fill: int) -> Tensor:
    """``values[top:top + height, left:left + width]`` where the window may reach over the edges."""
    out = values.new_full((height, width, *values.shape[2:]), fill)
    rows = slice(max(top, 0), min(top + height, values.shape[0]))
    columns = slice(max(left, 0), min(left + width, values.shape[1]))
    out[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = values[rows, columns]
    return out


def _resize(image: Tensor, index: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    planes = F.interpolate(image.permute(2, 0, 1)[None].float(), size=size, mode="bilinear", align_corners=False, antialias=True)
    nearest = F.interpolate(index[None, None].float(), size=size, mode="nearest-exact")
    return planes[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0), nearest[0, 0].long()
