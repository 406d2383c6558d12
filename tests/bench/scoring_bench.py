"""Scoring pairs of PNG files in a process that has started: cityscapesScripts, and whatever else people count confusion matrices with."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segbench.datasets.cityscapes import LABELS
from tests.bench import environments
from tests.bench.data import bench_set, paths
from tests.bench.environments import OURS, Environment, Fastest, NotInstalled
from tests.bench.rows import Row
from tests.bench.workers import Measured, interleaved

PEER = Path(__file__).with_name("peer.py")
PAIRS, ROUNDS, AGAIN = 24, 5, 2  # a pass of ours is short, so there are more of them
CLASSES = len(LABELS.classes)


@dataclass(frozen=True)
class Peer:
    """``environment``: None is our own interpreter. ``agrees``: whether what it counted is what int64[256, 256] pair counts say."""

    name: str
    tool: str
    environment: Environment | Fastest | None
    ours: str
    at_least: float
    agrees: Callable[[NDArray[np.int64], NDArray[np.int64]], bool]
    build: str = ""


def _confusion(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    ids = LABELS.id_of_index
    return pairs[np.ix_(ids, ids)]


def _as_ids(counts: NDArray[np.int64], pairs: NDArray[np.int64]) -> bool:
    """The official matrix is by label id, and may have a last row for the id -1."""
    return np.array_equal(counts[:34, :34], pairs[:34, :34]) and counts.sum() == pairs.sum()


def _as_confusion(counts: NDArray[np.int64], pairs: NDArray[np.int64]) -> bool:
    return np.array_equal(counts, _confusion(pairs))


def _as_areas(counts: NDArray[np.int64], pairs: NDArray[np.int64]) -> bool:
    matrix = _confusion(pairs)
    return np.array_equal(counts, [matrix.diagonal(), matrix.sum(axis=0), matrix.sum(axis=1)])


NO, WITH = "scoring", "scoring_instances"
PEERS = (
    Peer("cityscapesScripts, iIoU, a pair", "official_instances", environments.OFFICIAL, WITH, 50, _as_ids, "python"),
    Peer("cityscapesScripts, a pair", "official", environments.OFFICIAL, NO, 50, _as_ids, "python"),
    Peer("cityscapesScripts cython, iIoU, a pair", "official_instances", environments.CYTHON, WITH, 30, _as_ids, "cython"),
    Peer("cityscapesScripts cython, a pair", "official", environments.CYTHON, NO, 18, _as_ids, "cython"),
    Peer("numpy _fast_hist and Pillow, a pair", "fast_hist", None, NO, 30, _as_confusion),
    Peer("mmsegmentation's formula, a pair", "mmsegmentation", None, NO, 65, _as_areas),
    Peer("HuggingFace evaluate's formula, a pair", "huggingface", None, NO, 65, _as_areas),
    Peer("torchmetrics JaccardIndex, a pair", "torchmetrics", environments.TORCHMETRICS, NO, 100, _as_confusion),
    Peer("scikit-learn confusion_matrix, a pair", "scikit_learn", environments.SCIKIT, NO, 0, _as_confusion),
)


SAME = "the same integers"
NOTES = {"cython": f"{SAME}; its compiled loop is missing from the source distribution, so it is written anew here"}


def measure(quick: bool) -> list[Row]:
    """Milliseconds a pair."""
    root = bench_set(4 if quick else PAIRS)
    with tempfile.TemporaryDirectory() as folder:
        commands, missing = _commands(root, Path(folder))
        measured, failed = interleaved(commands, 2 if quick else ROUNDS, dict.fromkeys((NO, WITH, "scoring_one_core", "limit"), AGAIN))
    pairs = len(paths(root))
    rows = [_row(peer, measured, missing | failed, pairs) for peer in PEERS]
    ours, limit = measured["scoring_one_core"], measured["limit"]
    note = f"{limit.build}; inflating both files and one read of both maps, against everything on one core"
    rows.append(Row("share of the limit, one core", "the limit", _ms(ours, pairs), _ms(limit, pairs), 0.55, note))
    return rows


def _commands(root: Path, folder: Path) -> tuple[dict[str, list[object]], dict[str, str]]:
    """What to start, by tool; and what cannot be installed."""
    commands: dict[str, list[object]] = {
        name: [OURS, "-m", "tests.bench.ours", name, root] for name in (NO, WITH, "scoring_one_core", "limit")
    }
    missing: dict[str, str] = {}
    for kinds in (("target", "pred"), ("target_index", "pred_index")):
        (folder / f"{kinds[0]}.json").write_text(json.dumps([list(map(str, pair)) for pair in paths(root, kinds)]))
    for peer in PEERS:
        file = folder / ("target.json" if peer.agrees is _as_ids else "target_index.json")
        try:
            python = peer.environment.python() if peer.environment else OURS
        except (NotInstalled, OSError) as error:
            missing[peer.name] = str(error)
        else:
            commands[peer.name] = [python, PEER, peer.tool, file]
    return commands, missing


def _row(peer: Peer, measured: dict[str, Measured], problems: dict[str, str], pairs: int) -> Row:
    ours = measured[peer.ours]
    if peer.name not in measured:
        return Row(peer.name, peer.tool, _ms(ours, pairs), float("nan"), peer.at_least or None, f"not measured: {problems[peer.name]}")
    theirs = measured[peer.name]
    assert theirs.build == peer.build, f"{peer.name}: this is its {theirs.build or 'other'} build"
    assert peer.agrees(theirs.counts, ours.counts), f"{peer.name} counts something else"
    notes = [NOTES.get(peer.build, SAME), *([peer.environment.about] if peer.environment else [])]
    per_core = statistics.median(theirs.busy) / statistics.median(ours.busy)
    return Row(peer.name, peer.tool, _ms(ours, pairs), _ms(theirs, pairs), peer.at_least or None, "; ".join(notes), per_core=per_core)


def _ms(measured: Measured, pairs: int) -> float:
    return 1e3 * measured.median / pairs
