"""Errors by cause from folders and networks to records, tables, pictures and comparisons."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.images.files import read_labels, write_labels
from segbench.labels.decoding import Decoding
from segbench.metrics.error_causes import CAUSES
from segbench.metrics.image_counts import Beside, Counted, Counting
from segbench.records.run_record import read_run
from segbench.scoring.pair_counting import count_folder
from tests.tiny import LABELS, tiny, tiny_dataset


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six targets under ``data``, predictions that are moved by a pixel under ``preds``, and without spots under ``blind``."""
    dataset = tiny_dataset(tmp_path / "data")
    for sample in dataset.samples:
        target = read_labels(sample.target)
        write_labels(tmp_path / "preds" / sample.target.name, np.roll(target, 1, 1))
        write_labels(tmp_path / "blind" / sample.target.name, np.where(target == 9, 5, target).astype(np.uint8))
    (tmp_path / "labels.yaml").write_text(json.dumps(LABELS.to_dict()))
    return tmp_path


def segbench(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def score(root: Path, preds: str, *options: Any) -> Result:
    return segbench("score", root / preds, root / "data" / "targets", "--labels", root / "labels.yaml", *options)


def test_errors_are_printed_and_recorded_with_their_integers(root: Path) -> None:
    result = score(root, "blind", "--errors", "--json", root / "r.json")
    assert result.exit_code == 0, result.output
    record, data = read_run(root / "r.json"), json.loads((root / "r.json").read_text())
    assert record.errors is not None
    wrong = 6 * 5 * 6  # spots of 5x6 pixels
    assert record.errors.pixels == {"border": 0, "extent": 0, "missed": wrong, "invented": 0, "confusion": 0}
    assert data["errors"]["border"] == 3
    assert data["errors"]["pixels"]["missed"] == {"target": [0, 0, wrong], "pred": [wrong, 0, 0]}
    assert data["scores"]["cured_missed"] == 1.0
    assert data["intervals"]["gain_missed"][0] > 0
    assert record.to_json() == (root / "r.json").read_text()
    assert np.array_equal(np.load(root / "r.npz")["errors"].sum(axis=0), record.errors.counts)
    assert any("missed" in line and "100.0" in line for line in result.stdout.splitlines())


def test_a_moved_edge_is_border_and_another_width_is_recorded(root: Path) -> None:
    assert score(root, "preds", "--errors", "--error-border", 1, "--json", root / "r.json").exit_code == 0
    errors = read_run(root / "r.json").errors
    assert errors is not None
    assert errors.border == 1
    assert errors.pixels["border"] > 0


def test_without_the_flag_there_are_none(root: Path) -> None:
    result = score(root, "preds", "--json", root / "r.json")
    assert "cause" not in result.stdout
    assert "errors" not in json.loads((root / "r.json").read_text())
    refused = segbench("errors", root / "r.json")
    assert refused.exit_code == 2
    assert "no errors by cause are in 1 of 1 records: preds; `run --errors` and `score --errors` count them" in refused.stderr


def test_shards_give_the_record_of_one_process(root: Path) -> None:
    assert score(root, "preds", "--errors", "--json", root / "one.json").exit_code == 0
    for shard in ("2/2", "1/2"):
        assert score(root, "preds", "--errors", "--out", root / "parts", "--shard", shard).exit_code == 0
    assert segbench("merge", root / "parts", "--json", root / "all.json").exit_code == 0
    for ending in ("json", "npz"):
        assert (root / f"all.{ending}").read_bytes() == (root / f"one.{ending}").read_bytes()


def test_the_command_prints_tables_json_and_a_picture(root: Path) -> None:
    for preds in ("preds", "blind"):
        assert score(root, preds, "--errors", "--json", root / "records" / f"{preds}.json").exit_code == 0
    shown = segbench("errors", root / "records", "--per-class", "--plot", root / "errors.svg")
    assert shown.exit_code == 0, shown.output
    for words in (
        "blind: cause of the error",
        "preds: cause of the error",
        "class: gain in IoU by",
        "small, below 32² px",
        "gains do not add up",
    ):
        assert words in shown.stdout
    svg = (root / "errors.svg").read_text()
    assert all(cause in svg for cause in CAUSES)
    assert segbench("errors", root / "records", "--plot", root / "errors.png").exit_code == 0
    assert (root / "errors.png").stat().st_size > 10_000
    rows = json.loads(segbench("errors", root / "records", "--json").stdout)
    (blind,) = (row for row in rows if row["model"] == "blind")
    assert blind["causes"]["missed"]["share"] == 1.0
    assert blind["causes"]["missed"]["class_gain"]["spot"] == 1.0
    low, high = blind["causes"]["missed"]["gain_interval"]
    assert low <= blind["causes"]["missed"]["gain"] <= high
    refused = segbench("errors", root / "records", "--plot", root / "errors.txt")
    assert "ends on neither of .svg, .png" in refused.stderr


def test_what_lies_in_one_picture_was_counted_alike(root: Path) -> None:
    assert score(root, "preds", "--errors", "--json", root / "records" / "a.json").exit_code == 0
    assert score(root, "blind", "--errors", "--error-border", 2, "--json", root / "records" / "b.json").exit_code == 0
    refused = segbench("errors", root / "records", "--plot", root / "errors.svg")
    assert refused.exit_code == 2
    assert "an edge is near within 2 or 3 px here" in refused.stderr
    compared = segbench("compare", root / "records" / "a.json", root / "records" / "b.json")
    assert "errors by cause" not in compared.stdout


def test_a_comparison_says_which_cause_moved(root: Path) -> None:
    for preds in ("preds", "blind"):
        assert score(root, preds, "--errors", "--json", root / f"{preds}.json").exit_code == 0
    compared = segbench("compare", root / "blind.json", root / "preds.json")
    assert any("missed, gain in mIoU" in line for line in compared.stdout.splitlines())
    (missed,) = (
        each
        for each in json.loads(segbench("compare", root / "blind.json", root / "preds.json", "--json").stdout)["errors"]
        if each["name"] == "missed, share"
    )
    assert missed["a"] == 1.0
    assert missed["difference"] > 0


def test_the_counts_beside_a_record_must_add_up_to_it(root: Path) -> None:
    from segbench.leaderboards.submission import contradictions

    assert score(root, "preds", "--errors", "--json", root / "r.json").exit_code == 0
    assert not [line for line in contradictions(root / "r.json", read_run(root / "r.json")) if "cause" in line]
    arrays = dict(np.load(root / "r.npz"))
    arrays["errors"][0, 0, 0, 0] += 1
    np.savez(root / "r.npz", **arrays)
    assert any("errors by cause of r.npz do not add up" in line for line in contradictions(root / "r.json", read_run(root / "r.json")))


def test_a_network_is_counted_as_its_class_maps_are(root: Path) -> None:
    from segbench.evaluation.inference import counting_of, evaluate

    dataset, segmenter = tiny_dataset(root / "data"), tiny(LABELS)
    found = list(evaluate([segmenter], dataset, beside=Beside(errors=2, trimap=True), keep_class_maps=True))
    ids = np.full(256, 0, np.uint8)
    ids[: len(LABELS.classes)] = LABELS.id_of_index
    for each in found:
        write_labels(root / "maps" / f"{each.sample.id}.png", ids[each.class_maps[0]])
    items = [(each.sample.id, each.counts[0]) for each in found]
    ours = Counted.of(counting_of(segmenter, dataset, Beside(errors=2, trimap=True)), items).total
    counting = Counting(Decoding.of_files(LABELS, encoding="ids"), errors=2, trimap=True)
    theirs = Counted.of(counting, count_folder(root / "maps", dataset, counting)).total
    assert ours.errors is not None
    assert theirs.errors is not None
    assert ours.errors.to_dict() == theirs.errors.to_dict()
    assert ours.trimap is not None
    assert theirs.trimap is not None
    assert ours.trimap.to_dict() == theirs.trimap.to_dict()


def test_run_records_errors_and_its_command_repeats_them(small_minicity: Path, tmp_path: Path) -> None:
    options = ["--dataset", "minicity", "--data", small_minicity, "--limit", 2, "--repeats", 0, "--out", tmp_path / "out"]
    ran = segbench("run", "--models", "enet", *options, "--errors", "--error-border", 2)
    assert ran.exit_code == 0, ran.output
    record = read_run(tmp_path / "out" / "records" / "enet.json")
    assert record.errors is not None
    assert record.errors.border == 2
    assert sum(record.errors.pixels.values()) == record.confusion.counts.sum() - record.confusion.counts.diagonal().sum()
    assert "--errors --error-border 2" in record.command
    assert "enet: cause of the error" in ran.stdout
