"""From a network's logits to the class map at full size, without the full-size logits.

The reference is ::

    enlarged_logits(logits.float().contiguous(), enlarged, size, grid).argmax(1)

which is torch's bilinear interpolation on one of the grids of :mod:`segbench.kernels.bilinear`, cropped; ties go to the lower index, and
the first NaN is before everything. What is here gives the same class in every pixel and never holds the C x H x W numbers between, 160 MB
for Cityscapes: numba kernels on a CPU (:mod:`segbench.kernels.upsampling_cpu`), a Triton kernel on CUDA
(:mod:`segbench.kernels.upsampling_cuda`).

``contiguous`` is part of it: torch has several bilinear kernels that round differently. It takes another one for channels-last input, for
three classes, for a single pixel, and where height + width of the output are at most 128. The last three are left to torch; channels-last
logits are copied, they are small. Where torch rounds in another way altogether (other processors, other versions) everything is left to
it: once in a process and for each grid its interpolation is compared with the formula.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from segbench.kernels.bilinear import Grid, bilinear_axis, interpolate
from segbench.kernels.counting_torch import count_pairs

Size = tuple[int, int]

ROWS_PER_PIECE = 64
TORCH_IS_DIFFERENT_UP_TO = 128


def enlarged_classes(logits: Tensor, enlarged: Size, size: Size | None = None, grid: Grid = "half_pixel") -> Tensor:
    """uint8[N, H, W]: the largest class at each pixel of logits brought to another size, ties to the lower index.

    :param logits: float[N, C, h, w] of any floating type, C at most 256.
    :param enlarged: the (height, width) to which they are interpolated; smaller ones are allowed.
    :param size: the (height, width) that is kept of it, from the top left; all of it by default.
    :param grid: where the logits lie among the pixels.
    """
    return _run(logits, enlarged, size or enlarged, None, grid)[0]


def count_enlarged(logits: Tensor, enlarged: Size, targets: Tensor, grid: Grid = "half_pixel") -> tuple[Tensor, Tensor]:
    """The class map as above at the targets' size, and int64[N, 256, 256] pairs of (target byte, class) of each image.

    :param targets: uint8[N, H, W] on the logits' device, not larger than ``enlarged``.
    """
    if targets.dtype != torch.uint8 or targets.shape[0] != logits.shape[0] or targets.device != logits.device:
        raise ValueError(f"targets must be uint8[{logits.shape[0]}, H, W] on {logits.device}, not {targets.dtype}{list(targets.shape)}")
    classes, counts = _run(logits, enlarged, (targets.shape[1], targets.shape[2]), targets, grid)
    if counts is None:
        counts = torch.stack([count_pairs(target, pred) for target, pred in zip(targets, classes, strict=True)])
    return classes, counts


def _run(logits: Tensor, enlarged: Size, size: Size, targets: Tensor | None, grid: Grid) -> tuple[Tensor, Tensor | None]:
    logits = logits.detach()
    if logits.is_cuda and kernels_run(logits.device):
        from segbench.kernels.upsampling_cuda import enlarge

        return enlarge(logits.contiguous(), enlarged, size, targets, grid)
    logits = logits.float().contiguous()
    if logits.device.type == "cpu":
        if tuple(logits.shape[2:]) == enlarged:
            return _on_threads(_largest(logits), len(logits), size, targets)
        if _is_exact(logits, enlarged, grid):
            return _on_threads(_pruned(logits, enlarged, size, grid), len(logits), size, targets)
    return enlarged_logits(logits, enlarged, size, grid).argmax(1).to(torch.uint8), None


def enlarged_logits(logits: Tensor, enlarged: Size, size: Size, grid: Grid = "half_pixel") -> Tensor:
    """float[N, C, H, W] logits interpolated to ``enlarged`` and cropped to ``size``, in torch's way for their layout and type."""
    if tuple(logits.shape[2:]) != enlarged:
        if grid == "asymmetric":
            logits, enlarged = F.pad(logits, (0, 1, 0, 1), mode="replicate"), (enlarged[0] + 1, enlarged[1] + 1)
        logits = F.interpolate(logits, size=enlarged, mode="bilinear", align_corners=grid != "half_pixel")
    return logits[..., : size[0], : size[1]]


def _is_exact(logits: Tensor, enlarged: Size, grid: Grid) -> bool:
    """Whether torch interpolates contiguous logits as the kernel here does."""
    _, classes, height, width = logits.shape
    return classes != 3 and height * width > 1 and sum(enlarged) > TORCH_IS_DIFFERENT_UP_TO and _torch_keeps_to_the_formula(grid)


@cache
def _torch_keeps_to_the_formula(grid: Grid) -> bool:
    plane = torch.randn(1, 4, 13, 17, generator=torch.Generator().manual_seed(0))
    rows, columns = bilinear_axis(13, 90, 90, grid), bilinear_axis(17, 110, 110, grid)
    expected = enlarged_logits(plane, (90, 110), (90, 110), grid)[0].numpy()
    return all(np.array_equal(interpolate(one, rows, columns), other) for one, other in zip(plane[0].numpy(), expected, strict=True))


Piece = tuple[int, int, int]
Corner = NDArray[np.int64] | None
Part = TypeVar("Part")
Result = TypeVar("Result")
Vertical = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]
Horizontal = tuple[int, NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]

Kernel = Callable[[int, NDArray[np.uint8], int, int], None]
"""Writes the class map of image n: its rows from a first to before a last one."""


def _largest(logits: Tensor) -> Kernel:
    from segbench.kernels.upsampling_cpu import largest_in_rows

    planes = logits.numpy()
    return lambda n, classes, first, last: largest_in_rows(planes[n], classes, first, last)


def _pruned(logits: Tensor, enlarged: Size, size: Size, grid: Grid = "half_pixel") -> Kernel:
    from segbench.kernels.upsampling_cpu import enlarge_rows

    planes = logits.numpy()
    vertical, horizontal = _axes((planes.shape[2], planes.shape[3]), enlarged, size, grid)
    return lambda n, classes, first, last: enlarge_rows(planes[n], *vertical, *horizontal, classes, first, last)


@lru_cache(maxsize=32)
def _axes(length: Size, enlarged: Size, size: Size, grid: Grid) -> tuple[Vertical, Horizontal]:
    """What the kernel wants to know of both axes. A run asks for it for every image, and mostly for the same."""
    from segbench.kernels.upsampling_cpu import LANES

    rows, columns = (bilinear_axis(*lengths, grid) for lengths in zip(length, enlarged, size, strict=True))
    starts = np.searchsorted(columns.before, np.arange(length[1] + 1)).astype(np.int32)
    horizontal = columns.step, starts, np.pad(columns.weight, (0, LANES)), np.pad(columns.next_weight, (0, LANES))
    return (rows.before, rows.after, rows.weight, rows.next_weight), horizontal


def _on_threads(kernel: Kernel, images: int, size: Size, targets: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """The class maps, and the counts where there are targets: pieces of rows, each counted while it is in the cache."""
    classes = np.empty((images, *size), np.uint8)
    target_maps = None if targets is None else targets.contiguous().numpy()
    if target_maps is not None:
        from segbench.kernels.counting import count_corner

    def work(piece: Piece) -> Corner:
        image, first, last = piece
        kernel(image, classes[image], first, last)
        return None if target_maps is None else count_corner(target_maps[image, first:last], classes[image, first:last])

    pieces = list(_pieces(images, size[0], torch.get_num_threads()))
    results = shared_out(work, pieces, torch.get_num_threads())
    counts = np.zeros((images, 256, 256), np.int64)
    for (image, _, _), counted in zip(pieces, results, strict=True):
        if counted is not None:
            counts[image, : counted.shape[0], : counted.shape[1]] += counted
    return torch.from_numpy(classes), None if targets is None else torch.from_numpy(counts)


def shared_out(work: Callable[[Part], Result], pieces: Sequence[Part], threads: int) -> list[Result]:
    """The results, in order. This thread works too: those of torch spin for a while after a network, and others wait for their core."""
    if threads == 1 or len(pieces) == 1:
        return list(map(work, pieces))
    results: list[Any] = [None] * len(pieces)
    numbers = iter(range(len(pieces)))  # `next` on it is atomic: each piece is taken once

    def take() -> None:
        for number in numbers:
            results[number] = work(pieces[number])

    others = [_pool(threads - 1).submit(take) for _ in range(min(threads, len(pieces)) - 1)]
    take()
    for other in others:
        other.result()
    return results


def _pieces(images: int, height: int, threads: int) -> Iterator[Piece]:
    """(image, first row, row behind the last): four for each thread, for rows with many borders take longer."""
    rows = height if threads == 1 else max(ROWS_PER_PIECE, -(-height * images // (4 * threads)))
    for image in range(images):
        yield from ((image, first, min(first + rows, height)) for first in range(0, height, rows))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="upsampling")


@cache
def kernels_run(device: torch.device) -> bool:
    """Whether the Triton kernels can be built and run on a device. They need Triton and, when it is first run, a C compiler.

    Warns once where it cannot: torch's way rounds differently, needs the full-size logits, and is slower.
    """
    if importlib.util.find_spec("triton") is None:
        problem = "the package triton is not installed"
    else:
        from segbench.kernels.upsampling_cuda import enlarge

        try:
            enlarge(torch.zeros(1, 2, 2, 2, device=device), (4, 4), (4, 4), torch.zeros(1, 4, 4, dtype=torch.uint8, device=device))
            torch.cuda.synchronize(device)
            return True
        except Exception as error:  # the compiler, the linker, the driver: each has errors of its own
            problem = f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[-1]}"
    warnings.warn(f"class maps are made by torch's own operators, because segbench's CUDA kernels cannot run ({problem})", stacklevel=2)
    return False
