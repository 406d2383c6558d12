"""Decoding photographs on one thread: PNG and JPEG files of 1024x2048 against Pillow, OpenCV and imagecodecs, and PNG against the limit."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench import environments
from tests.bench.data import photographs
from tests.bench.environments import OURS, Environment, NotInstalled
from tests.bench.rows import Row
from tests.bench.workers import Measured, interleaved

PEER = Path(__file__).with_name("peer.py")
PHOTOGRAPHS, ROUNDS, AGAIN = 8, 7, 2
LIMIT = "photographs_limit"


@dataclass(frozen=True)
class Peer:
    """``at_least``: by kind of file, how many times its speed is asked of ours."""

    name: str
    tool: str
    environment: Environment
    at_least: dict[str, float | None]


PEERS = (
    Peer("Pillow", "photographs_pillow", environments.PILLOW, {"png": 2.5, "jpg": 1.3}),
    Peer("OpenCV", "photographs_opencv", environments.OPENCV, {"png": 2.5, "jpg": None}),
    Peer("imagecodecs", "photographs_imagecodecs", environments.IMAGECODECS, {"png": 2, "jpg": None}),
)


def measure(quick: bool) -> list[Row]:
    """Milliseconds a photograph."""
    root = photographs(2 if quick else PHOTOGRAPHS)
    return [row for kind in ("png", "jpg") for row in _against_peers(root, kind, 2 if quick else ROUNDS)]


def _against_peers(root: Path, kind: str, rounds: int) -> list[Row]:
    files, ours = sorted(root.glob(f"*.{kind}")), f"photographs_{kind}"
    commands: dict[str, list[object]] = {ours: [OURS, "-m", "tests.bench.ours", ours, root]}
    if kind == "png":
        commands[LIMIT] = [OURS, "-m", "tests.bench.ours", LIMIT, root]
    problems: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "photographs.json"
        listed.write_text(json.dumps([[str(path)] for path in files]))
        for peer in PEERS:
            try:
                commands[peer.tool] = [peer.environment.python(), PEER, peer.tool, listed]
            except (NotInstalled, OSError) as error:
                problems[peer.tool] = str(error)
        measured, failed = interleaved(commands, rounds, dict.fromkeys((ours, LIMIT), AGAIN))
    rows = [_row(peer, kind, measured, problems | failed, len(files)) for peer in PEERS]
    if kind == "png":
        note = f"{measured[LIMIT].build}; inflating alone against everything"
        rows.append(Row(f"{_name(kind)}, share of the limit", "the limit", *_ms(measured, ours, LIMIT, len(files)), 0.6, note))
    return rows


def _row(peer: Peer, kind: str, measured: dict[str, Measured], problems: dict[str, str], count: int) -> Row:
    ours, asked = f"photographs_{kind}", peer.at_least[kind]
    if peer.tool not in measured:
        alone = 1e3 * measured[ours].median / count
        return Row(_name(kind), peer.name, alone, float("nan"), asked, f"not measured: {problems[peer.tool]}")
    assert np.array_equal(measured[peer.tool].counts, measured[ours].counts), f"{peer.name} decodes other pixels"
    return Row(_name(kind), peer.name, *_ms(measured, ours, peer.tool, count), asked, "the same pixels")


def _name(kind: str) -> str:
    return f"photograph, {'JPEG' if kind == 'jpg' else 'PNG'}, one thread"


def _ms(measured: dict[str, Measured], ours: str, theirs: str, count: int) -> tuple[float, float]:
    return 1e3 * measured[ours].median / count, 1e3 * measured[theirs].median / count
