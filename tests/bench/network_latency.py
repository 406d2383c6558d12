"""What `segbench profile` calls network_ms, against torch.utils.benchmark on the same inputs in the same run: they must agree within 3 %.

The two take turns, so that a drifting clock hits both. Ours prepares images and draws class maps between two passes of the network, as a
run does; torch's timer repeats the network alone.
"""

from __future__ import annotations

import statistics

import torch
from torch.utils.benchmark import Timer

from segbench.models.loading import random_models
from segbench.profiling.profiler import Runner, runner
from segbench.profiling.profiler import measure as profiles_of
from segbench.profiling.timing import Effort
from tests.bench.rows import Row

NETWORKS = ("enet", "bisenet_r18")
AGREE = 0.97


def measure(quick: bool) -> list[Row]:
    """Two rows a network, one for each direction: neither may be more than 3 % below the other."""
    size, rounds, seconds = ((128, 256), 2, 0.5) if quick else ((512, 1024), 8, 2.0)
    rows = []
    for name in NETWORKS[: 1 if quick else None]:
        (segmenter,) = random_models([name], 19, torch.device("cpu"))
        ours, theirs = medians(runner(segmenter, size), rounds, seconds)
        title, note = f"{name}, {size[0]}x{size[1]}, network_ms", f"{torch.get_num_threads()} threads, medians of {rounds} turns"
        rows.append(Row(title, "torch.utils.benchmark, at most 3 % faster", ours, theirs, AGREE, note))
        rows.append(Row(title, "torch.utils.benchmark, at most 3 % slower (columns exchanged)", theirs, ours, AGREE, note))
    return rows


def medians(run: Runner, rounds: int, seconds: float) -> tuple[float, float]:
    """Median milliseconds of the network in a profile, and by torch's timer."""
    ours: list[float] = []
    theirs: list[float] = []
    with torch.inference_mode():
        inputs = (run.first(), *run.further)
        timer = Timer("network(*inputs)", globals={"network": run.forward, "inputs": inputs}, num_threads=torch.get_num_threads())
        for _ in range(rounds):
            (profile,) = profiles_of([run], Effort(repeats=10_000, seconds=seconds, warmup_seconds=seconds / 4))
            ours += profile.network.samples[0]
            theirs += [1000 * each for each in timer.blocked_autorange(min_run_time=seconds).times]
    return statistics.median(ours), statistics.median(theirs)
