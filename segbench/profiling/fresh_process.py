"""A profile from a process of its own: it shares no memory, no clock's warmth and no cache with the one before."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import torch

from segbench.errors import ProtocolError, SegbenchError
from segbench.models.loading import random_models
from segbench.profiling.device_state import memory_mb
from segbench.profiling.profiler import measure, runner
from segbench.profiling.timing import Effort
from segbench.records.profile import Profile


@dataclass(frozen=True)
class Request:
    """What is measured; ``device`` is named, because it belongs to a process."""

    model: str
    classes: int
    size: tuple[int, int]
    batch_size: int
    backend: str
    device: str
    effort: Effort
    best_batch: bool = False


def measure_in_process(request: Request) -> Profile:
    """Build the network in a fresh process, and profile it there.

    :raises ProtocolError: it cannot be run, in the words of whatever found out, or its process was killed.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _end_with_parent) as pool:
        try:
            answer = pool.submit(_measure, request).result()
        except BrokenProcessPool:
            raise ProtocolError(f"the process that ran {request.model} was killed; is there enough memory?") from None
    if isinstance(answer, str):
        raise ProtocolError(answer)
    return answer


def _end_with_parent() -> None:
    """A process that nobody waits for any more would go on measuring for minutes, and disturb what is measured next."""

    def wait(parent: multiprocessing.process.BaseProcess) -> None:
        parent.join()
        os._exit(1)

    if parent := multiprocessing.parent_process():
        threading.Thread(target=wait, args=(parent,), daemon=True).start()


def _measure(request: Request) -> Profile | str:
    """A profile, or what is wrong: messages travel between processes, exceptions of every kind do not."""
    torch.conv2d(torch.zeros(1, 8, 32, 32), torch.zeros(8, 8, 3, 3))  # the libraries' own pages are not the network's
    before = memory_mb("VmRSS")
    try:
        (segmenter,) = random_models([request.model], request.classes, torch.device(request.device))
        run = runner(segmenter, request.size, batch_size=request.batch_size, backend=request.backend)
        return measure([run], request.effort, best_batch=request.best_batch, memory_before_mb=before)[0]
    except (SegbenchError, MemoryError, RuntimeError) as error:
        return str(error) or type(error).__name__
