"""``python -m tests.bench.scaling [--quick]``: how `score` and `run` scale with processes, and what bounds them.

Prints a Markdown table and writes ``leaderboards/scaling.json``, of which the documents make their page. Each figure is a whole command,
from its start to its record, with one thread a process: `score` of pairs of 1024x2048, of small pairs from a server on this machine that
answers late, and `run` of ENet on minicity. A command with two images says what a start costs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

from segbench.files.json_text import dump_json
from tests.bench import page
from tests.bench.data import bench_set

ROOT = Path(__file__).parents[2]
OUT = ROOT / "leaderboards" / "scaling.json"
PROCESSES = (1, 2, 4)
LATENCY = 0.05  # seconds
FEW = 2  # images of a command that measures the start


@dataclass(frozen=True)
class Figure:
    """``seconds`` of a command for ``images`` on so many ``processes``, the median of all rounds; ``start_s`` of one with two images."""

    work: str
    bound: str
    processes: int
    images: int
    seconds: float
    start_s: float

    @property
    def images_per_s(self) -> float:
        """Without the start."""
        return (self.images - FEW) / max(self.seconds - self.start_s, 1e-9)


@dataclass(frozen=True)
class Work:
    """A command of ``segbench`` and how many images it goes through; ``{out}`` is a folder that is new each time."""

    name: str
    bound: str
    images: int
    words: tuple[str, ...]


class Late(SimpleHTTPRequestHandler):
    """Serves a folder, every answer late."""

    def do_GET(self) -> None:
        time.sleep(LATENCY)
        super().do_GET()

    def log_message(self, format: str, *values: object) -> None:
        """Says nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of a folder behind a server that answers late."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Late, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def small_pairs(folder: Path, pairs: int) -> None:
    """Pairs of 60x80 in CamVid's labels."""
    import numpy as np

    from segbench.images.files import write_labels

    rng = np.random.default_rng(0)
    for at in range(pairs):
        target = np.kron(rng.integers(0, 11, (6, 8), dtype=np.uint8), np.ones((10, 10), np.uint8))
        write_labels(folder / "gts" / f"{at:05}.png", target)
        write_labels(folder / "preds" / f"{at:05}.png", np.roll(target, 2, 1))


def seconds(work: Work, processes: int, *, limit: int) -> float:
    """How long a command takes with one thread a process."""
    with tempfile.TemporaryDirectory() as folder:
        words = [word.format(out=folder) for word in (*work.words, "--limit", str(limit))]
        launcher = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else []
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        started = time.perf_counter()
        done = subprocess.run([sys.executable, *launcher, "-m", "segbench", *words], capture_output=True, text=True, env=environment)
        taken = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(done.stderr)
    return taken


def measure(works: Sequence[Work], rounds: int) -> list[Figure]:
    """All works on all numbers of processes, in turns."""
    found: dict[tuple[Work, int], list[tuple[float, float]]] = {}
    for work in works:
        seconds(work, 1, limit=FEW)  # compiles, and fills caches
    for _ in range(rounds):
        for work in works:
            for processes in PROCESSES:
                pair = (seconds(work, processes, limit=work.images), seconds(work, processes, limit=FEW))
                found.setdefault((work, processes), []).append(pair)
                print(f"{work.name}, {processes}: {pair[0]:.1f} s, start {pair[1]:.1f} s", file=sys.stderr)
    return [
        Figure(work.name, work.bound, processes, work.images, *(round(median(each), 3) for each in zip(*pairs, strict=True)))
        for (work, processes), pairs in found.items()
    ]


def markdown(figures: Sequence[Figure]) -> str:
    """The table."""
    lines = [
        "| work | bound by | processes | images | seconds | of which start | images/s | times one process |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    alone = {each.work: each.images_per_s for each in figures if each.processes == 1}
    for each in figures:
        cells = [each.work, each.bound, each.processes, each.images, f"{each.seconds:.1f}", f"{each.start_s:.1f}"]
        cells += [f"{each.images_per_s:.1f}", f"{each.images_per_s / alone[each.work]:.2f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scaling", description="How score and run scale with processes.")
    parser.add_argument("--quick", action="store_true", help="small sets and one round: does everything work?")
    parser.add_argument("--rounds", type=int, help="of which the median is shown  [default: 3; with --quick 1]")
    parser.add_argument("--out", type=Path, help="the JSON to write  [default: leaderboards/scaling.json, or none with --quick]")
    options = parser.parse_args()
    pairs, small, scenes = (24, 60, 6) if options.quick else (1000, 2000, 60)
    large, folder = bench_set(pairs), Path(tempfile.mkdtemp())
    try:
        small_pairs(folder, small)
        with served(folder) as url:
            one = ("--workers", "1", "--quiet")
            works = [
                Work("score, 1024x2048", "decoding", pairs, ("score", f"{large}/results", f"{large}/gtFine/val", "--out", "{out}", *one)),
                Work(
                    f"score, 60x80 over HTTP, {1000 * LATENCY:.0f} ms",
                    "network",
                    small,
                    ("score", f"{url}/preds", f"{url}/gts", "--dataset", "camvid", "--out", "{out}", *one),
                ),
                Work(
                    "run of ENet, 256x512",
                    "network's arithmetic",
                    scenes,
                    ("run", "--models", "enet", "--dataset", "minicity", "--repeats", "0", "--device", "cpu", "--quiet", "--out", "{out}"),
                ),
            ]
            figures = measure(works, options.rounds or (1 if options.quick else 3))
    finally:
        shutil.rmtree(folder)
    print(markdown(figures))
    out = options.out or (None if options.quick else OUT)
    if out is not None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        out.write_text(dump_json({"schema": "segbench.scaling/1", **page.facts(cores), "figures": [asdict(each) for each in figures]}))
        print(f"wrote {out}", file=sys.stderr)


def read(path: Path = OUT) -> tuple[dict[str, object], list[Figure]]:
    """What was measured: on what, and the figures."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return content, [Figure(**each) for each in content.pop("figures")]


if __name__ == "__main__":
    main()
