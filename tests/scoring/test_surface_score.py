"""Surface Dice and boundary F from folders and networks to records, tables and shards."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from segbench import partials
from segbench.datasets.target_folder import target_folder
from segbench.errors import UsageError
from segbench.images.files import write_labels
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.image_counts import Beside
from segbench.records.run_record import read_run
from segbench.report.tables.surface import FIELDS
from segbench.scoring.folder import score_folder
from tests.scoring.test_errors_score import root, score, segbench

__all__ = ["root"]  # a fixture


def test_surface_dice_is_printed_and_recorded_with_its_integers(root: Path) -> None:
    result = score(root, "preds", "--surface", "1,0.008", "--json", root / "r.json")
    assert result.exit_code == 0, result.output
    record, data = read_run(root / "r.json"), json.loads((root / "r.json").read_text())
    assert record.surface is not None
    assert record.surface.tolerances == (0.008, 1)
    assert record.to_json() == (root / "r.json").read_text()
    scores = record.surface.scores(record.labels)
    assert data["scores"]["nsd_1"] == float(scores["nsd_1"])
    assert np.array_equal(np.load(root / "r.npz")["surface_1"].sum(axis=0), record.surface.at(1))
    low, high = data["intervals"]["image_boundary_f_1"]
    line = next(line for line in result.stdout.splitlines() if "1 px" in line)
    assert f"{100 * scores['nsd_1']:.1f}" in line
    assert f"{100 * scores['image_boundary_f_1']:.1f} ± {50 * (high - low):.1f}" in line
    assert "0.8 % of the diagonal" in result.stdout


def test_records_are_printed_and_written_as_json_and_csv(root: Path) -> None:
    for name in ("preds", "blind"):
        assert score(root, name, "--surface", "2", "--json", root / "records" / f"{name}.json").exit_code == 0
    shown = segbench("surface", root / "records", "--per-class")
    assert shown.exit_code == 0, shown.output
    assert "preds: boundaries within" in shown.stdout
    assert "blind: class, within 2 px" in shown.stdout
    told = segbench("surface", root / "records", "--json", "--csv", root / "s.csv")
    rows, lines = json.loads(told.stdout), list(csv.DictReader((root / "s.csv").read_text().splitlines()))
    assert list(lines[0]) == list(FIELDS)
    assert [float(line["value"]) if line["value"] else None for line in lines] == [row["value"] for row in rows]
    assert {(row["model"], row["score"]) for row in rows if not row["class"]} >= {("blind", "nsd"), ("preds", "image_boundary_f")}
    row = next(row for row in rows if row["model"] == "preds" and row["score"] == "nsd" and not row["class"])
    assert row["low"] <= row["value"] <= row["high"]


def test_shards_give_the_record_of_one_process(root: Path) -> None:
    assert score(root, "preds", "--surface", "1,3", "--json", root / "whole.json").exit_code == 0
    for index in (1, 2):
        assert score(root, "preds", "--surface", "1,3", "--shard", f"{index}/2", "--out", root / "parts").exit_code == 0
    assert segbench("merge", root / "parts", "--json", root / "merged.json").exit_code == 0
    assert (root / "merged.json").read_text() == (root / "whole.json").read_text()
    assert (root / "merged.npz").read_bytes() == (root / "whole.npz").read_bytes()
    other = score(root, "preds", "--surface", "2", "--shard", "1/2", "--out", root / "parts")
    assert other.exit_code == 2 or "something else" in other.output


def test_run_counts_class_maps_and_its_command_repeats_them(small_minicity: Path, tmp_path: Path) -> None:
    options = ["--dataset", "minicity", "--data", small_minicity, "--limit", 2, "--repeats", 0, "--out", tmp_path / "out"]
    ran = segbench("run", "--models", "enet", *options, "--surface", "2,0.008")
    assert ran.exit_code == 0, ran.output
    record = read_run(tmp_path / "out" / "records" / "enet.json")
    assert record.surface is not None
    assert "--surface 0.008,2" in record.command
    assert "boundaries within" in ran.stdout


def test_what_is_no_tolerance_and_records_without_are_refused(root: Path) -> None:
    refused = score(root, "preds", "--surface", "far")
    assert refused.exit_code == 2
    assert "is no tolerance: pixels from 0 to 1000" in " ".join(refused.output.split())
    assert score(root, "preds", "--json", root / "r.json").exit_code == 0
    lacking = segbench("surface", root / "r.json")
    assert lacking.exit_code == 2
    assert "no surface Dice is in 1 of 1 records: preds" in lacking.stderr


def test_label_maps_are_asked_for_more_from_python_and_not_for_what_networks_have(tmp_path: Path) -> None:
    target = np.zeros((6, 8), np.uint8)
    target[2:4, 2:6] = 1
    labels = LabelSpace("two", tuple(LabelClass(name, (i,), (i, 0, 0)) for i, name in enumerate(("ground", "house"))))
    for folder in ("gts", "preds"):
        write_labels(tmp_path / folder / "a.png", target)
    dataset = target_folder(tmp_path / "gts", labels)
    asked = Beside(errors=3, trimap=True, surface=(1.0,))
    counted = score_folder(tmp_path / "preds", dataset, beside=asked)
    assert sorted(counted.total.counted) == ["errors", "surface", "trimap"]
    rows = partials.count([("a", tmp_path / "preds" / "a.png")], dataset, counting=partials.counting_of(dataset, beside=asked))
    assert "surface" in json.loads(rows[0]["counts"])
    for of_network in (Beside(calibration=True), Beside(ood=True)):
        with pytest.raises(UsageError, match=r"label maps have no (calibration|ood); `segbench\.run`"):
            score_folder(tmp_path / "preds", dataset, beside=of_network)
