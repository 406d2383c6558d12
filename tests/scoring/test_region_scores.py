"""V_rand and V_info from folders and from models to records and tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from segbench.cli.main import main
from segbench.datasets.isbi2012 import isbi2012
from segbench.evaluation.run import run, save_outcomes
from segbench.images.files import write_labels
from segbench.kernels.watershed import connected_segments, thinned_segments
from segbench.metrics.region_scores import segment_scores
from segbench.records.per_image import read_per_image
from segbench.records.run_record import read_run
from segbench.report.pages.board_files import write as write_board
from tests.golden.membranes import membranes
from tests.tiny import tiny

SCORES = [
    (scores.v_rand, scores.v_info)
    for scores in (segment_scores(connected_segments(t), thinned_segments(p)) for t, p in map(membranes, range(6)))
]
V_RAND, V_INFO = np.mean(SCORES, axis=0)


def as_bytes(cells: np.ndarray) -> np.ndarray:
    return np.where(cells, 255, 0).astype(np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Slices 24 to 29 are pairs of membranes; the image shows what would be predicted."""
    for number in range(30):
        target, pred = membranes(max(0, number - 24))
        write_labels(tmp_path / f"data/train/image/{number}.png", as_bytes(pred))
        write_labels(tmp_path / f"data/train/label/{number}.png", as_bytes(target))
        if number >= 24:
            write_labels(tmp_path / f"preds/{number}.png", as_bytes(pred))
    return tmp_path


def test_score_prints_and_records_them_beside_iou(root: Path) -> None:
    arguments = ["score", root / "preds", "--dataset", "isbi2012", "--data", root / "data", "--json", root / "r.json"]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert f"V_rand {100 * V_RAND:.1f}" in result.stdout
    assert f"V_info {100 * V_INFO:.1f}" in result.stdout
    data, record = json.loads((root / "r.json").read_text()), read_run(root / "r.json")
    assert (data["scores"]["v_rand"], data["scores"]["v_info"]) == pytest.approx((V_RAND, V_INFO))
    assert record.to_json() == (root / "r.json").read_text()
    low, high = data["intervals"]["v_rand"]
    assert min(SCORES)[0] < low < V_RAND < high < max(SCORES)[0]
    assert f"V_rand {100 * V_RAND:.1f} ± {50 * (high - low):.1f}" in result.stdout
    ids, counted = read_per_image(root / "r.npz")
    assert ids == ["24", "25", "26", "27", "28", "29"]
    assert np.allclose(counted.beside["segments"], SCORES)


def test_predictions_as_train_ids_score_the_same(root: Path) -> None:
    for number in range(24, 30):
        write_labels(root / f"preds/{number}.png", membranes(number - 24)[1].astype(np.uint8))
    arguments = ["score", root / "preds", "--dataset", "isbi2012", "--data", root / "data", "--encoding", "train-ids"]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert f"V_rand {100 * V_RAND:.1f}" in result.stdout


def test_a_folder_of_targets_in_the_labels_of_isbi_is_scored_so_too(root: Path) -> None:
    for number in range(24, 30):
        write_labels(root / f"targets/{number}.png", as_bytes(membranes(number - 24)[0]))
    arguments = ["score", root / "preds", root / "targets", "--dataset", "isbi2012"]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert f"V_rand {100 * V_RAND:.1f}" in result.stdout


class Threshold(nn.Module):
    """A bright pixel is a cell."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([-x[:, :1], x[:, :1]], dim=1) * self.weight


def test_run_records_them_and_the_board_has_columns_for_them(root: Path) -> None:
    dataset = isbi2012(root / "data")
    segmenter = replace(tiny(dataset.labels), network=Threshold())
    (outcome,) = run([segmenter], dataset)
    assert outcome.record.segments is not None
    assert (outcome.record.segments.v_rand, outcome.record.segments.v_info) == pytest.approx((V_RAND, V_INFO))
    save_outcomes(root / "board", [outcome])
    write_board(root / "board")
    header, row = [line for line in (root / "board" / "leaderboard.md").read_text().splitlines() if line.startswith("|")][:3:2]
    columns = dict(zip(header.split("|"), row.split("|"), strict=True))
    assert {name.strip(): value.strip() for name, value in columns.items()}["V_rand"].strip("*") == f"{100 * V_RAND:.1f}"


def test_a_dataset_without_segments_has_no_such_scores(root: Path) -> None:
    dataset = replace(isbi2012(root / "data"), segments=None)
    (outcome,) = run([replace(tiny(dataset.labels), network=Threshold())], dataset.first(1))
    assert outcome.record.segments is None
    assert "v_rand" not in outcome.record.to_json()
