"""What lies in a training set's files, decoded once and kept: in memory, or on the device that trains."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from segbench.datasets.base import Dataset, Sample, read_depth, read_instances, read_photograph
from segbench.errors import DataError
from segbench.kernels.watershed import connected_segments
from segbench.records.device import available_mb

IGNORE = -100
MEMORY_SHARE, DEVICE_SHARE = 0.4, 0.5  # of what is free

Planes = dict[str, Tensor]
"""``images`` uint8[H, W, 3]; ``targets`` int16[H, W] class indices, void :data:`IGNORE`; ``depth`` float32[H, W] and ``pixel_weights``
int32[H, W], the numbers of instances, where they are wanted."""


@dataclass(eq=False)
class PlaneStore:
    """The planes of samples on a device, each decoded when it is first asked for, and kept as long as there is room.

    :param most_bytes: how much is kept. Of the same data set the same is kept: room is given in the order of asking.
    """

    dataset: Dataset
    device: torch.device
    with_depth: bool = False
    with_instances: bool = False
    most_bytes: int = 0
    _kept: dict[str, Planes] = field(default_factory=dict)
    _bytes: int = 0

    def __call__(self, sample: Sample) -> Planes:
        """The planes of a sample. They are shared: nobody writes to them.

        :raises DataError: a file is missing or cannot be read, or the data have no instances.
        """
        kept = self._kept.get(sample.id)
        if kept is not None:
            return kept
        planes = self._read(sample)
        size = sum(plane.nbytes for plane in planes.values())
        if self._bytes + size <= self.most_bytes:
            planes = {name: plane.to(self.device) for name, plane in planes.items()}
            self._kept[sample.id] = planes
            self._bytes += size
        return planes

    def _read(self, sample: Sample) -> Planes:
        # In memory of just its size: an array that is kept keeps the whole block that a decoder used.
        image = torch.from_numpy(read_photograph(sample, lambda shape: np.empty(shape, np.uint8)))
        index = self.dataset.labels.index_of_id[self.dataset.read_target(sample)].astype(np.int16)
        index[index >= len(self.dataset.labels.classes)] = IGNORE
        planes = {"images": image, "targets": torch.from_numpy(index)}
        size = (index.shape[0], index.shape[1])
        if self.with_depth:
            planes["depth"] = torch.from_numpy(read_depth(self.dataset, sample, size))
        if self.with_instances:
            planes["pixel_weights"] = _instances(self.dataset, sample, size)
        return planes


def room_on(device: torch.device) -> int:
    """Bytes that a store may keep on a device: a share of what is free there now."""
    if device.type == "cuda":
        return int(DEVICE_SHARE * torch.cuda.mem_get_info(device)[0])
    return int(MEMORY_SHARE * (available_mb() or 0) * 2**20)


def _instances(dataset: Dataset, sample: Sample, size: tuple[int, int]) -> Tensor:
    """int32[H, W]: the number of each pixel's instance, or of its segment where these are to be told apart, 0 where there is none."""
    if dataset.segments is not None:
        cells = dataset.labels.index_of_id[dataset.read_target(sample)] == dataset.labels.class_names.index(dataset.segments)
        return torch.from_numpy(connected_segments(cells))
    if dataset.instances is None:
        raise DataError(
            f"{dataset.name} has no instances, from which the recipe's pixel_weights are made",
            way_out="train with a recipe of `pixel_weights: none`: weights of classes are what is left",
        )
    values = read_instances(sample, size)
    return torch.from_numpy(np.where(values > dataset.instances.divisor, values, 0).astype(np.int32))
