"""Where the time goes: of one pair on one core, stage by stage, and of a start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from segbench.core.confusion import ConfusionMatrix
from segbench.core.counting import count_pairs
from segbench.core.encodings import id_of_byte, pairs_to_ids, to_ids
from segbench.core.instances import InstanceHits, InstanceScores, count_instances
from segbench.datasets import png
from segbench.datasets.cityscapes import INSTANCES, LABELS, read_layout
from segbench.datasets.images import read_labels, read_uint16
from segbench.datasets.inflating import inflater
from segbench.datasets.unfiltering import SLACK, unfilter
from tests.bench.data import HEIGHT, WIDTH, bench_set
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
from segbench.starting import quick_start
import contextlib
with contextlib.ExitStack() as stack:
    stack.enter_context(quick_start())
    mark("numba")
    from segbench.commands import score
    mark("segbench, rich, Pillow")
    from pathlib import Path
    from segbench.datasets.folder import target_folder
    root = Path({root!r})
    dataset = target_folder(root)
    result = score.score_with_progress(root / "results", dataset, workers=1)
    mark("loading kernels, and the pair")
    record = score.record_of(result, "x")
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


@dataclass(frozen=True)
class _Maps:
    target: Any
    pred: Any
    instances: Any


def pair_stages(rounds: int = 30) -> Stages:
    """Milliseconds of one pair, one thread, in memory that is warm; medians."""
    dataset = read_layout("cityscapes", bench_set(1), "val")
    sample = dataset.samples[0]
    files = {"target": sample.target, "prediction": next((bench_set(1) / "results").iterdir()), "instances": sample.extras["instances"]}
    stages: Stages = []

    def stage(name: str, work: Callable[[], Any]) -> Any:
        result, seconds = work(), []
        for _ in range(rounds):
            start = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - start)
        stages.append((name, 1e3 * statistics.median(seconds)))
        return result

    for name, path in files.items():
        content = stage(f"{name}: reading the file", path.read_bytes)
        _, _, stream = stage(f"{name}: chunks and their checksums", lambda content=content: png._chunks(content))
        item = 2 if name == "instances" else 1
        raw = np.empty(HEIGHT * (1 + WIDTH * item) + SLACK * item, np.uint8)
        out = np.empty((HEIGHT + 1) * WIDTH + SLACK, np.uint16 if item == 2 else np.uint8)
        stage(f"{name}: inflating", lambda stream=stream, raw=raw, item=item: inflater()(stream, raw[: HEIGHT * (1 + WIDTH * item)]))
        stage(f"{name}: unfiltering", lambda raw=raw, out=out: unfilter(raw, out, WIDTH, HEIGHT))
    maps = _Maps(read_labels(files["target"]), read_labels(files["prediction"]), read_uint16(files["instances"]))
    pairs = stage("counting pairs", lambda: count_pairs(maps.target, maps.pred))
    hits = stage("counting instances", lambda: count_instances(maps.instances, maps.pred, INSTANCES))
    table, scores = id_of_byte(LABELS, "ids"), InstanceScores(LABELS, INSTANCES)
    stage("folding", lambda: ConfusionMatrix.from_pairs(LABELS, pairs_to_ids(pairs, table, table)))
    stage("weighing instances", lambda: scores.add(InstanceHits(hits.values, to_ids(hits.pred, table))))
    return stages
