"""Between the machine's memory and the device's, while the device computes.

Images are decoded into pinned memory and go up as bytes, on a stream of their own, started by the thread that decoded them; the stream that
computes waits for an image only when it needs it. Counts come down into pinned memory, and nobody waits for them until the next image is
under way. On a CPU nothing is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segbench.images.buffers import Allocate

Array = NDArray[Any]


def pinned_room(device: torch.device) -> Allocate | None:
    """Gives memory from which a CUDA device can copy by itself, for a decoder to write to; ``None`` for a CPU, where any will do."""
    if device.type != "cuda":
        return None
    return lambda shape: torch.empty(shape, dtype=torch.uint8, pin_memory=True).numpy()


def upload(arrays: Sequence[Array | None], device: torch.device) -> Callable[[], list[Tensor | None]]:
    """Start to bring arrays to the device, each as a batch of one. The function returned gives them to the stream that calls it."""
    tensors = [None if array is None else torch.from_numpy(array[None]) for array in arrays]
    if device.type != "cuda":
        return lambda: [None if tensor is None else tensor.to(device) for tensor in tensors]
    stream = _upload_stream(device)
    with torch.cuda.stream(stream):
        there = [None if tensor is None else tensor.pin_memory().to(device, non_blocking=True) for tensor in tensors]
        arrived = stream.record_event()

    def wait() -> list[Tensor | None]:
        computing = torch.cuda.current_stream(device)
        computing.wait_event(arrived)
        for tensor in there:
            if tensor is not None:
                tensor.record_stream(computing)  # or its memory could be given to the next upload while it is read
        return there

    return wait


def download(tensor: Tensor) -> Callable[[], Array]:
    """Start to bring a tensor back. The function returned waits until it is there."""
    if tensor.device.type != "cuda":
        array = tensor.cpu().numpy()
        return lambda: array
    here = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    here.copy_(tensor, non_blocking=True)
    arrived = torch.cuda.current_stream(tensor.device).record_event()

    def wait() -> Array:
        arrived.synchronize()
        return np.array(here.numpy())  # pinned memory is for the next one

    return wait


@cache
def _upload_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
