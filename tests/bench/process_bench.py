"""Whole processes: `segbench score` from the first import to the last table, against cityscapesScripts; memory, growth and starts."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.data import bench_set
from tests.bench.environments import OFFICIAL, NotInstalled
from tests.bench.rows import Row
from tests.bench.workers import ROOT

OFFICIAL_PROCESS = Path(__file__).with_name("official_process.py")
PAIRS, FEW, MANY = 240, 15, 500
RESULT = "resultPixelLevelSemanticLabeling.json"
NOTICE = "compiling kernels, once"
PEER = "cityscapesScripts as pip installs it"


@dataclass(frozen=True)
class Run:
    """Of one process: seconds from start to end, megabytes at its peak, what it wrote to standard error."""

    seconds: float
    peak_mb: float
    errors: str


def run(command: list[object], **variables: str) -> Run:
    """Wait for a process.

    :raises RuntimeError: it failed.
    """
    with tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command)), cwd=ROOT, env=os.environ | variables, stdout=subprocess.DEVNULL, stderr=errors, text=True
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read()
    if process.returncode:
        raise RuntimeError(f"{command[:4]} ended with {process.returncode}: {said[-500:]}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Run(seconds, usage.ru_maxrss / unit, said)


def score(root: Path, *options: object, **variables: str) -> Run:
    """`segbench score` of a set; Cityscapes' layout has instance maps, so iIoU is in it."""
    return run([sys.executable, "-m", "segbench", "score", root / "results", root, *options], **variables)


def score_without_iiou(root: Path, *options: object) -> Run:
    """The targets' folder alone, seen through a folder of links without the instance maps."""
    plain = root / "plain"
    if not plain.exists():
        plain.mkdir()
        for target in sorted(root.rglob("*_gtFine_labelIds.png")):
            (plain / target.name).symlink_to(target)
    return run([sys.executable, "-m", "segbench", "score", root / "results", plain, *options])


def measure(quick: bool) -> list[Row]:
    """Seconds as milliseconds; and megabytes."""
    few, many, pairs = (3, 8, 8) if quick else (FEW, MANY, PAIRS)
    score(bench_set(few))  # whatever is compiled is compiled now
    return [
        *_against_official(bench_set(pairs), pairs, 1 if quick else 2),
        *_growth(few, many, 2 if quick else 5),
        *_starts(3 if quick else 7),
    ]


def _against_official(root: Path, pairs: int, rounds: int) -> list[Row]:
    rows = []
    for iiou, asked in (("yes", 20), ("no", 11)):
        ours, theirs, note = [], [], f"the same integers; {OFFICIAL.about}"
        with tempfile.TemporaryDirectory() as folder:
            official, own = Path(folder) / RESULT, Path(folder) / "own.json"
            variables = {"CITYSCAPES_DATASET": str(root), "CITYSCAPES_RESULTS": str(root / "results"), "MPLBACKEND": "Agg"}
            for _ in range(rounds):
                if iiou == "yes":
                    ours += [score(root, "--official-json", own).seconds, score(root).seconds, score(root).seconds]
                else:
                    ours += [score_without_iiou(root).seconds for _ in range(3)]
                try:
                    python = OFFICIAL.python()
                    theirs.append(run([python, OFFICIAL_PROCESS, iiou], CITYSCAPES_EXPORT_DIR=folder, **variables).seconds)
                except (NotInstalled, OSError, RuntimeError) as error:
                    theirs, note = [math.nan], f"not measured: {error}"
                    break
            if iiou == "yes" and official.exists():
                assert_same(json.loads(official.read_text()), json.loads(own.read_text()))
        name = f"whole process, {pairs} pairs, {'iIoU' if iiou == 'yes' else 'no iIoU'}"
        rows.append(Row(name, PEER, 1e3 * statistics.median(ours), 1e3 * statistics.median(theirs), asked, note))
    return rows


def assert_same(official: Any, ours: Any) -> None:
    """Equal numbers, to the last bit; the official NaN is our null."""
    if isinstance(official, dict):
        for key in official.keys() & ours.keys():
            assert_same(official[key], ours[key])
    elif isinstance(official, list):
        for one, other in zip(official, ours, strict=True):
            assert_same(one, other)
    else:
        assert official == ours or (ours is None and math.isnan(official)), f"{official} is not {ours}"


def _growth(few: int, many: int, rounds: int) -> list[Row]:
    runs: dict[int, list[Run]] = {few: [], many: []}
    for _ in range(rounds):
        for pairs, done in runs.items():
            done.append(score(bench_set(pairs)))
    peak = {pairs: statistics.median(each.peak_mb for each in done) for pairs, done in runs.items()}
    seconds = {pairs: statistics.median(each.seconds for each in done) for pairs, done in runs.items()}
    slope = 1e3 * (seconds[many] - seconds[few]) / (many - few)
    whole = 1e3 * seconds[many] / many
    note = f"{1e3 * seconds[few]:.0f} ms for {few} pairs, {1e3 * seconds[many]:.0f} ms for {many}, with iIoU and intervals"
    return [
        Row(f"peak memory, {many} pairs", f"{few} pairs", peak[many], peak[few], 1 / 1.1, "within 10 %", "MB"),
        Row("time of one pair more", f"its share of the time of {many} pairs", slope, whole, None, note),
    ]


def _starts(rounds: int) -> list[Row]:
    root = bench_set(1)
    warm = []
    with tempfile.TemporaryDirectory() as cache:
        cold = score(root, NUMBA_CACHE_DIR=cache)
        for _ in range(rounds):
            warm.append(score(root, NUMBA_CACHE_DIR=cache))
    assert cold.errors.count(NOTICE) == 1, "a cold start says once that it compiles"
    assert not any(NOTICE in each.errors for each in warm), "a warm start has nothing to compile"
    milliseconds = 1e3 * statistics.median(each.seconds for each in warm)
    return [
        Row("warm start, one pair", "half a second", milliseconds, 500, 1, "whole process with iIoU"),
        Row("cold start, one pair", "a warm one", 1e3 * cold.seconds, milliseconds, None, "says once that it compiles kernels"),
    ]
