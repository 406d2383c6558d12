"""Where the time goes: of one pair on one core, stage by stage, and of a start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.cityscapes import INSTANCES, LABELS, read_layout
from segbench.images import png
from segbench.images.buffers import borrow
from segbench.images.inflate import inflater
from segbench.images.unfilter import LEAD, SLACK, unfilter
from segbench.kernels.counting import count_corner
from segbench.labels.decoding import Decoding
from segbench.metrics.counting import count_instances
from segbench.metrics.image_counts import Counted, Counting, ImageCounts
from segbench.metrics.pair_counts import PairCounts
from tests.bench.data import HEIGHT, WIDTH, bench_set, paths
from tests.bench.workers import ROOT

Stages = list[tuple[str, float]]

START = """
import time
marks = [("python", None)]
def mark(name):
    marks.append((name, time.process_time()))
mark("python and this script")
import click
mark("click")
import numpy
mark("numpy")
from segbench.cli.numba_start import quick_start
import contextlib
with contextlib.ExitStack() as stack:
    stack.enter_context(quick_start())
    mark("numba")
    from segbench.console import score
    from segbench.labels.decoding import Decoding
    from segbench.metrics.image_counts import Counting
    from segbench.scoring.record import make_record
    from segbench.scoring.task import Scoring
    mark("segbench, rich, Pillow")
    from pathlib import Path
    from segbench.datasets.target_folder import target_folder
    root = Path({root!r})
    dataset = target_folder(root)
    counting = Counting(Decoding.of_files(dataset.labels), instances=dataset.instances)
    result = score.score_with_progress(Scoring(root / "results", dataset, counting, name="x"), 1)
    mark("loading kernels, and the pair")
    record = make_record(result, dataset, "x")
    mark("intervals (10 000 replicates) and the record")
    score.print_scores(record)
    mark("printing")
import sys
last = 0.0
for name, at in marks[1:]:
    print(f"{{name}}\\t{{1e3 * (at - last)}}", file=sys.stderr)
    last = at
"""


def start_stages(rounds: int = 5) -> Stages:
    """Milliseconds of processor time of a warm `segbench score` of one pair; medians."""
    command = [sys.executable, "-c", START.format(root=str(bench_set(1)))]
    runs = []
    for _ in range(rounds):
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        lines = [line.split("\t") for line in done.stderr.splitlines() if "\t" in line]
        runs.append([(name, float(value)) for name, value in lines])
    return [(names[0][0], statistics.median(value for _, value in names)) for names in zip(*runs, strict=True)]


class _Stages:
    """Seconds of each stage, of every time that it ran; :meth:`time` returns what the work returns."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def time(self, name: str, work: Callable[[], Any], share: int = 1) -> Any:
        start = time.perf_counter()
        result = work()
        self.seconds.setdefault(name, []).append((time.perf_counter() - start) / share)
        return result


def pair_stages(pairs: int = 24, rounds: int = 5) -> Stages:
    """Milliseconds of a pair on one thread, as scoring goes through many; medians. Of one pair alone a processor learns every branch."""
    dataset = read_layout("cityscapes", bench_set(pairs), "val")
    counting = Counting(Decoding.of_files(LABELS), instances=INSTANCES)
    stages = _Stages()
    for _ in range(rounds):
        images = []
        for sample, (target, pred) in zip(dataset.samples, paths(bench_set(pairs)), strict=True):
            files = {"target": target, "prediction": pred, "instances": sample.extras["instances"]}
            maps = {name: _decoded(name, path, stages) for name, path in files.items()}
            corner = stages.time("counting pairs", partial(count_corner, maps["target"], maps["prediction"]))
            cells = stages.time("the cells that occur", partial(PairCounts.of, corner))
            rows = stages.time("counting instances", partial(count_instances, counting, maps["instances"], maps["prediction"]))
            images.append((sample.id, ImageCounts(cells, instances=rows)))
        stages.time("folding and weighing, all pairs at once", partial(_add_up, Counted.of(counting, images)), len(images))
    return [(name, 1e3 * statistics.median(seconds)) for name, seconds in stages.seconds.items()]


def _decoded(name: str, path: Path, stages: _Stages) -> NDArray[Any]:
    """What :func:`segbench.images.png.decode` does, stage by stage."""
    dtype = np.dtype(np.uint16 if name == "instances" else np.uint8)
    content = stages.time(f"{name}: reading the file", path.read_bytes)
    stream = stages.time(f"{name}: chunks and their checksums", partial(png._chunks, content)).stream
    size, lead = HEIGHT * (1 + WIDTH * dtype.itemsize), (WIDTH + LEAD) * dtype.itemsize
    block = borrow(lead + size + SLACK * dtype.itemsize)
    out = block[: ((HEIGHT + 1) * WIDTH + SLACK) * dtype.itemsize].view(dtype)
    stages.time(f"{name}: inflating", partial(inflater(), stream, block[lead:][:size]))
    values: NDArray[Any] = stages.time(f"{name}: unfiltering", partial(unfilter, block[lead:], out, WIDTH, HEIGHT))
    return values


def _add_up(counted: Counted) -> object:
    return counted.per_image, counted.pairs, list(counted.target_histograms()), counted.instances
