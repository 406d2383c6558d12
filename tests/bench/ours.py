"""segbench over the same pairs, as ``peer.py`` does it for the peers: ``python -m tests.bench.ours TOOL FOLDER``."""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.cityscapes import LABELS, read_layout
from segbench.images import png
from segbench.images.files import read_image, read_labels
from segbench.images.inflate import inflater
from segbench.kernels.boundary_counting import count_boundaries
from segbench.labels.decoding import Decoding
from segbench.metrics.boundary_iou import boundary_sums
from segbench.metrics.image_counts import Counted, Counting
from segbench.scoring.folder import score_folder
from segbench.scoring.pair_counting import count_folder
from tests.bench.data import HEIGHT, WIDTH, paths

Result = tuple[object, float]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
BOUNDARY = 46  # pixels: 2 % of the diagonal
BEYOND_CACHES = 1 << 28
TIMES = 10  # a set has hundreds of pairs, over which starting threads and their first memory are spread


def score(root: Path, *, instances: bool = False, workers: int = CORES) -> Counted:
    """What `segbench score` does between reading its arguments and printing, with every pair ``TIMES`` times."""
    dataset = read_layout("cityscapes", root, "val")
    dataset = replace(dataset, samples=dataset.samples * TIMES)
    return score_folder(root / "results", dataset if instances else replace(dataset, instances=None), workers=workers)


def scoring(root: Path) -> Callable[[], Result]:
    return _timed(lambda: score(root).pairs, TIMES)


def scoring_instances(root: Path) -> Callable[[], Result]:
    return _timed(lambda: score(root, instances=True).pairs, TIMES)


def scoring_one_core(root: Path) -> Callable[[], Result]:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return _timed(lambda: score(root, workers=1).pairs, TIMES)


def scoring_errors(root: Path) -> Callable[[], Result]:
    """As ``scoring``, with errors by cause."""
    dataset = read_layout("cityscapes", root, "val")
    dataset = replace(dataset, samples=dataset.samples * TIMES, instances=None)
    counting = Counting(Decoding.of_files(dataset.labels), errors=3)
    return _timed(lambda: Counted.of(counting, count_folder(root / "results", dataset, counting, workers=CORES)).pairs, TIMES)


def limit(root: Path) -> Callable[[], Result]:
    """No decoder is faster than inflating both files into memory that is there, and no counter than reading both maps once."""
    streams = [bytes(png._chunks(path.read_bytes()).stream) for pair in paths(root) for path in pair]
    raw = np.zeros(HEIGHT * (WIDTH + 1), np.uint8)
    memory = np.ones(BEYOND_CACHES // 8, np.int64)
    inflate = inflater()

    def run() -> Result:
        start = time.perf_counter()
        for stream in streams:
            inflate(stream, raw)
        inflating = time.perf_counter() - start
        start = time.perf_counter()
        total = int(memory.sum())
        reading = (time.perf_counter() - start) * len(streams) * HEIGHT * WIDTH / BEYOND_CACHES
        return [total], inflating + reading

    return run


def boundary(root: Path) -> Callable[[], Result]:
    """In memory, one thread, and void read as class 0, as for ``boundary_erosion``."""
    classes = len(LABELS.classes)
    index = np.where(LABELS.index_of_id < classes, LABELS.index_of_id, 0).astype(np.uint8)
    maps = [tuple(read_labels(path).copy() for path in pair) for pair in paths(root)]

    def count() -> NDArray[np.int64]:
        tables = [boundary_sums(count_boundaries(target, pred, index, index, classes, BOUNDARY)) for target, pred in maps]
        return np.asarray(np.sum(tables, axis=0))

    return _timed(count)


def photographs(root: Path, suffix: str) -> Callable[[], Result]:
    """One thread, and checksums that are not timed, as for the peers."""
    files = sorted(root.glob(f"*{suffix}"))

    def run() -> Result:
        counts, seconds = [], 0.0
        for path in files:
            start = time.perf_counter()
            image = read_image(path)
            seconds += time.perf_counter() - start
            counts.append([zlib.crc32(image)])
        return counts, seconds

    return run


def photographs_png(root: Path) -> Callable[[], Result]:
    return photographs(root, ".png")


def photographs_jpg(root: Path) -> Callable[[], Result]:
    return photographs(root, ".jpg")


def photographs_limit(root: Path) -> Callable[[], Result]:
    """No decoder is faster than inflating a file into memory that is there."""
    streams = [bytes(png._chunks(path.read_bytes()).stream) for path in sorted(root.glob("*.png"))]
    raw, inflate = np.zeros(HEIGHT * (3 * WIDTH + 1), np.uint8), inflater()

    def run() -> Result:
        start = time.perf_counter()
        for stream in streams:
            inflate(stream, raw)
        return [[len(stream)] for stream in streams], time.perf_counter() - start

    return run


def loop_meter(root: Path) -> Callable[[], Result]:
    """:class:`segbench.Meter` over the same batches as ``peer.py``."""
    from segbench import Meter
    from tests.bench.peer import CLASSES, loop_batches

    batches = loop_batches()

    def run() -> Result:
        start = time.perf_counter()
        meter = Meter(CLASSES)
        for logits, target in batches:
            meter.update(logits, target)
        meter.compute()
        seconds = time.perf_counter() - start
        return meter.confusion.counts[:, :CLASSES], seconds

    return run


def _timed(count: Callable[[], NDArray[np.int64]], times: int = 1) -> Callable[[], Result]:
    """Counts and seconds of going through all pairs once, where ``count`` does it several times."""

    def run() -> Result:
        start = time.perf_counter()
        counts = count()
        seconds = time.perf_counter() - start
        assert not (counts % times).any()
        return counts // times, seconds / times

    run.times = times  # type: ignore[attr-defined]
    return run


def main() -> None:
    tool = globals()[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps({"build": inflater().__qualname__.split(".")[0]}), flush=True)
    for _ in sys.stdin:
        busy = time.process_time()
        counts, seconds = tool()
        busy = time.process_time() - busy
        print(json.dumps({"seconds": seconds, "busy": busy / getattr(tool, "times", 1), "counts": np.asarray(counts).tolist()}), flush=True)


if __name__ == "__main__":
    main()
