"""How long work takes: on the device, in its kernels alone, on the host."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch

from tests.device.step import synchronize

Work = Callable[[], Any]


def device_ms(work: Work, repeats: int = 30, warmup: int = 5) -> float:
    """Median milliseconds between CUDA events; by the clock on a CPU."""
    for _ in range(warmup):
        work()
    synchronize()
    if not torch.cuda.is_available():
        return host_ms(work, 3)
    times = []
    for _ in range(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)


def kernels_ms(work: Work, passes: int = 10) -> tuple[float, dict[str, float]]:
    """Milliseconds of a pass in which at least one kernel or copy runs, and those of each kernel. Gaps between kernels do not count."""
    if not torch.cuda.is_available():
        return host_ms(work, 3), {}
    from torch.profiler import ProfilerActivity, profile

    work()
    synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as profiled:
        for _ in range(passes):
            work()
        synchronize()
    spans = sorted((e.time_range.start, e.time_range.end, e.name) for e in profiled.events() if str(e.device_type).endswith("CUDA"))
    busy, until, names = 0.0, 0.0, Counter[str]()
    for start, end, name in spans:
        busy += max(0.0, end - max(start, until))
        until = max(until, end)
        names[name[:60]] += end - start
    return busy / 1e3 / passes, {name: round(us / 1e3 / passes, 4) for name, us in names.most_common(8)}


def host_ms(work: Work, times: int) -> float:
    """Milliseconds that the host needs to start the work, on average."""
    for _ in range(2):
        work()
    synchronize()
    start = time.perf_counter()
    for _ in range(times):
        work()
    spent = 1e3 * (time.perf_counter() - start) / times
    synchronize()
    return spent
