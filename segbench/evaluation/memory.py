"""What is said where memory does not suffice for an image: which windows would fit, because they were tried."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from segbench.errors import NetworkError
from segbench.evaluation.multi_view import protocol_scores
from segbench.evaluation.parsing import Size
from segbench.evaluation.precision import arithmetic
from segbench.evaluation.protocol import Protocol
from segbench.models.segmenter import Segmenter

SMALLEST = 64  # pixels of a side, below which no window is tried


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the host, had no memory left."""
    return isinstance(error, torch.OutOfMemoryError) or (isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error))


def out_of_memory(segmenter: Segmenter, image: str, inputs: Sequence[Tensor], protocol: Protocol) -> NetworkError:
    """What is said of a network that had no memory left for an image; ``inputs`` are image, target and depth on the device."""
    height, width = inputs[0].shape[1:3]
    device = segmenter.device
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "this machine"
    problem = f"{segmenter.title}: the memory of {where} does not suffice for {image}, {width}x{height} pixels"
    fits = largest_window(segmenter, inputs, protocol)
    if fits is None:
        return NetworkError(
            f"{problem}, nor for windows of it: choose fewer --scales or a device with more memory, or close what else uses it"
        )
    size = f"{fits[0]}x{fits[1]}"
    return NetworkError(f"{problem}; windows fit: --crop {size} --stride {size} (another protocol, and the record says so)")


def largest_window(segmenter: Segmenter, inputs: Sequence[Tensor], protocol: Protocol) -> Size | None:
    """The first of windows of half, a quarter ... of the sides with which an image passes; ``None`` if none does."""
    images, targets, *depth = inputs
    height, width = protocol.crop or images.shape[1:3]
    while (height := (height + 1) // 2) >= SMALLEST and (width := (width + 1) // 2) >= SMALLEST:
        _free(segmenter.device)
        windows = replace(protocol, crop=(height, width), stride=(height, width))
        try:
            with torch.inference_mode(), arithmetic(images.device, protocol.precision):
                protocol_scores(segmenter, images, depth[0] if depth else None, windows).counts(targets)
        except Exception as error:
            if not is_out_of_memory(error):
                return None
        else:
            return height, width
    return None


def _free(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
