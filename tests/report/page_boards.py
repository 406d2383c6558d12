"""Boards for the page's tests: one with everything, one of profiles alone, one of published numbers alone."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from segbench.files.json_text import write_text
from segbench.labels.space import LabelClass, LabelSpace
from segbench.leaderboards.board import Board, read_boards
from segbench.metrics.per_image import PerImage
from segbench.metrics.uncertainty import bootstrap
from segbench.records.per_image import write_per_image
from segbench.report.plots.gallery import Failure
from segbench.report.plots.strips import write_strips
from segbench.report.tables.board_rows import rows_of
from segbench.report.tables.frames import Group
from tests.report.fakes import profile, run_record

LABELS = LabelSpace(
    "toy-4",
    (
        LabelClass("road", (0,), (128, 64, 128)),
        LabelClass("car", (1,), (0, 0, 142)),
        LabelClass("<b>bird</b>", (2,), (220, 20, 60)),
        LabelClass("unseen", (3,), (1, 2, 3)),
    ),
)
MATRICES = {
    "alpha": [[900, 50, 0, 0, 50], [100, 400, 0, 0, 0], [5, 5, 30, 0, 0], [0, 0, 0, 0, 0]],
    "beta": [[800, 150, 0, 0, 50], [200, 300, 0, 0, 0], [1, 2, 37, 0, 0], [0, 0, 0, 0, 0]],
    "gamma": [[700, 250, 50, 0, 0], [300, 200, 0, 0, 0], [20, 10, 10, 0, 0], [0, 0, 0, 0, 0]],
    "delta": [[100, 850, 50, 0, 0], [400, 100, 0, 0, 0], [30, 10, 0, 0, 0], [0, 0, 0, 0, 0]],
}
LATENCIES = {"alpha": 40.0, "beta": 5.0, "gamma": 20.0}
MACS = {"alpha": 9_000_000_000, "beta": 2_000_000_000, "gamma": 70_000_000_000, "delta": None}
REPORTED = (
    ("PSPNet", "pspnet_r50", "paper", "R50", "78.4", "single", "713x713", "", "authors", "2017", "table 4", "https://example.org/psp"),
    ("FCN", "fcn8s", "", "VGG16", "65.3", "single", "", "", "authors", "2015", "table 2", "https://example.org/fcn"),
    ("U-Net", "unet", "", "", "67.9", "multi", "", "coarse", "another", "2015", "a survey", "https://example.org/unet"),
)


def with_ranks(root: Path) -> list[tuple[Board, list[Group]]]:
    """The boards with ranks as if the two best models of each were alike."""
    ranks = (1, 1, 3, None)
    return [(board, [replace(group, ranks=ranks[: len(group.records)]) for group in rows_of(board)]) for board in read_boards(root)]


def write_boards(root: Path) -> None:
    records = root / "first" / "records"
    for name, matrix in MATRICES.items():
        counts = np.array(matrix, np.int64)
        hard = counts // 3
        arguments = {"width": 0.5} if name == "alpha" else {}
        record = run_record(
            name, matrix, arguments, labels=LABELS, macs=MACS[name], paper={"title": f"On {name}", "url": f"https://example.org/{name}"}
        )
        record = replace(record, intervals=bootstrap(LABELS, np.stack([hard, counts - hard]), replicates=200))
        write_text(records / f"{name}.json", record.to_json())
        if name in LATENCIES:
            write_text(records / f"{name}.profile.json", profile(name, LATENCIES[name], arguments).to_json())
    plane = np.arange(48, dtype=np.uint8).reshape(6, 8) % 4
    write_strips(root / "first" / "gallery" / "beta", [Failure("city/x", (), np.zeros((6, 8, 3), np.uint8), plane, plane)], LABELS)
    write_text(
        root / "first" / "board.yaml", yaml.safe_dump({"title": "Board & first", "about": "All <kinds> of rows.", "data": "dataset"})
    )
    with (root / "first" / "reported.csv").open("w", newline="") as file:
        header = "model,registered,variant,backbone,miou,scales,input,data,by,year,source,url"
        csv.writer(file).writerows([header.split(","), *REPORTED])
    for number in range(6):
        fast = profile(f"net{number}", 3.0 * 2**number, macs=10**9 * 3**number)
        write_text(root / "speed" / "records" / f"net{number}.profile.json", fast.to_json())
    write_text(root / "speed" / "board.yaml", "title: Speed\n")
    write_text(root / "third" / "board.yaml", "title: Only rules\n")


IMAGES = tuple(f"city/image_{number:02}" for number in range(20))
"""The images of :func:`write_pairs`."""


def write_pairs(root: Path) -> None:
    """A board `pairs` whose records have the matrices of their images: near and close are alike, far is worse; one has other images.

    `partly` holds the same of a label space whose means leave out cars.
    """
    _write_pairs(root, "pairs", LABELS)
    _write_pairs(root, "partly", LABELS.averaging(["road", "<b>bird</b>", "unseen"]))
    plane = np.arange(48, dtype=np.uint8).reshape(6, 8) % 4
    write_strips(root / "pairs" / "gallery" / "near", [Failure(IMAGES[7], (), np.zeros((6, 8, 3), np.uint8), plane, plane)], LABELS)
    write_text(root / "empty" / "board.yaml", "title: Empty\n")


def _write_pairs(root: Path, board: str, labels: LabelSpace) -> None:
    write_text(root / board / "board.yaml", f"title: {board}\n")
    records = root / board / "records"
    dice = np.random.default_rng(3)
    targets = dice.integers(0, 400, (len(IMAGES), 4))
    targets[:, 3] = 0
    targets[0, 2] = 0
    for name, right in {"near": 0.9, "close": 0.895, "far": 0.7, "other": 0.8}.items():
        shares = np.clip(right + dice.normal(0, 0.05, (len(IMAGES), 4)), 0.05, 0.99)
        hits = (targets * shares).astype(np.int64)
        counts = np.zeros((len(IMAGES), 4, 5), np.int64)
        for row in range(4):
            counts[:, row, row] = hits[:, row]
            counts[:, row, (row + 1) % 3] += (targets[:, row] - hits[:, row]) // 2
            counts[:, row, 4] = targets[:, row] - counts[:, row, :4].sum(axis=1)
        ids = IMAGES if name != "other" else tuple(f"{image}b" for image in IMAGES)
        size = {"params": 7_000_000} if name == "far" else {}
        record = run_record(name, counts.sum(axis=0), {"width": 0.5} if name == "near" else {}, labels=labels, **size)
        write_text(records / f"{name}.json", replace(record, intervals=bootstrap(labels, counts, replicates=200)).to_json())
        write_per_image(records / f"{name}.npz", ids, PerImage(counts))
        write_text(
            records / f"{name}.profile.json", profile(name, {"far": 10.0}.get(name, 50.0), dict(record.model["arguments"])).to_json()
        )
