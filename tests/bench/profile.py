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
from segbench.labels.encodings import id_of_byte, to_ids
from segbench.metrics.confusion import fold_pairs
from segbench.metrics.instance_iou import InstanceHits, InstanceScores, count_instances
from segbench.scoring.folder import BATCH, _stacked
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
    from segbench.scoring.record import record_of
    mark("segbench, rich, Pillow")
    from pathlib import Path
    from segbench.datasets.target_folder import target_folder
    root = Path({root!r})
    dataset = target_folder(root)
    result = score.score_with_progress(root / "results", dataset, workers=1)
    mark("loading kernels, and the pair")
    record = record_of(result, "x")
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
    scores, table = InstanceScores(LABELS, INSTANCES), id_of_byte(LABELS, "ids")
    stages = _Stages()
    for _ in range(rounds):
        corners = []
        for sample, (target, pred) in zip(dataset.samples, paths(bench_set(pairs)), strict=True):
            files = {"target": target, "prediction": pred, "instances": sample.extras["instances"]}
            maps = {name: _decoded(name, path, stages) for name, path in files.items()}
            corners.append(stages.time("counting pairs", partial(count_corner, maps["target"], maps["prediction"])))
            hits = stages.time("counting instances", partial(count_instances, maps["instances"], maps["prediction"], INSTANCES))
            stages.time("weighing instances", lambda hits=hits: scores.add(InstanceHits(hits.values, to_ids(hits.pred, table))))
            if len(corners) == BATCH:
                stages.time(f"folding, {BATCH} pairs at once", partial(_fold, corners), BATCH)
                corners = []
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


def _fold(corners: list[NDArray[np.int64]]) -> object:
    return fold_pairs(_stacked(corners), LABELS.index_of_id, LABELS.index_of_id, len(LABELS.classes))
