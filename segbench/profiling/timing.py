"""Timing of passes: warm-up until they are stable, then turns, so that a drifting clock hits all networks alike.

A pass is a function that does the work once and returns how many milliseconds the network took, and how many everything took.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

Pass = Callable[[], tuple[float, float]]
WINDOW = 10
STABLE = 0.01
TURN_SECONDS = 0.5


@dataclass(frozen=True)
class Effort:
    """How much is measured: ``repeats`` passes of each network, or as many as ``seconds`` hold, but at least ``least`` where there is time.

    The warm-up ends after ``warmup_seconds`` or twice ``repeats`` passes at the latest. Slow networks thus get few passes, fast ones many.
    """

    repeats: int = 500
    seconds: float = 10.0
    warmup_seconds: float = 3.0
    least: int = 3

    def share(self, samples: Sequence[tuple[float, float]]) -> float:
        """How much of it has been measured: 1 is all."""
        spent = sum(whole for _, whole in samples) / 1000
        if len(samples) < min(self.least, self.repeats):
            return len(samples) / (1 + min(self.least, self.repeats))
        return min(1.0, max(len(samples) / self.repeats, spent / self.seconds))


def stopwatch(device: torch.device) -> tuple[Callable[[], Any], Callable[[Any, Any], float]]:
    """``mark()`` a moment, and ``between(a, b)`` marks in milliseconds: CUDA events on a CUDA device, else the processor's clock."""
    if device.type != "cuda":
        return time.perf_counter, lambda a, b: (b - a) * 1000

    def mark() -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def between(a: torch.cuda.Event, b: torch.cuda.Event) -> float:
        b.synchronize()
        return float(a.elapsed_time(b))

    return mark, between


def warm_up(work: Pass, effort: Effort) -> dict[str, Any]:
    """Run passes until the median of ten moves by less than one per cent from that of the ten before, or the effort's bound.

    What a record says of it: how many passes, and whether they became stable. The first pass is none of them: libraries compile and try
    their algorithms in it, which can take longer than the bound.
    """
    work()
    times: list[float] = []
    while True:
        times.append(work()[1])
        if len(times) >= 2 * WINDOW:
            recent, before = statistics.median(times[-WINDOW:]), statistics.median(times[-2 * WINDOW : -WINDOW])
            if abs(recent / before - 1) < STABLE:
                return {"passes": len(times) + 1, "stable": True}
        if sum(times) >= 1000 * effort.warmup_seconds or len(times) >= 2 * effort.repeats:
            return {"passes": len(times) + 1, "stable": False}


def time_in_turns(works: Sequence[Pass], effort: Effort) -> Generator[float, None, list[list[tuple[float, float]]]]:
    """Samples of (network, everything) in milliseconds, for each pass: A B A B, each for half a second or one pass at a time.

    The one before left the caches full of its own, so the first pass of a turn is dropped where the turn has more. Yields the share of the
    work that is done after each turn, and returns the samples.
    """
    samples: list[list[tuple[float, float]]] = [[] for _ in works]
    while any(effort.share(own) < 1 for own in samples):
        for work, own in zip(works, samples, strict=True):
            if effort.share(own) < 1:
                own += _turn(work, effort.repeats - len(own), drop_first=len(works) > 1)
                yield statistics.fmean(effort.share(each) for each in samples)
    return samples


def _turn(work: Pass, wanted: int, *, drop_first: bool) -> list[tuple[float, float]]:
    passes: list[tuple[float, float]] = []
    end = time.perf_counter() + TURN_SECONDS
    while not passes or (len(passes) < wanted + drop_first and time.perf_counter() < end):
        passes.append(work())
    return passes[1:] if drop_first and len(passes) > 1 else passes
