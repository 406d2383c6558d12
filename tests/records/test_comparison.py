from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from segbench.cli.main import main
from segbench.errors import RecordError
from segbench.files.json_text import write_text
from segbench.images.files import read_labels, write_labels
from segbench.metrics.boundary_iou import Boundaries
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.per_image import PerImage
from segbench.metrics.uncertainty import compare
from segbench.records.comparison import compare_records
from segbench.records.per_image import write_per_image
from segbench.records.run_record import RunRecord
from tests.report.fakes import FAIR, GOOD, LABELS, run_record
from tests.tiny import LABELS as TINY
from tests.tiny import tiny_dataset

IDS = [f"city{i % 3}_{i:03}" for i in range(12)]


def record_file(
    root: Path, name: str, matrices: NDArray[np.int64], record: RunRecord | None = None, counted: PerImage | None = None
) -> Path:
    record = replace(record or run_record(name, GOOD), confusion=ConfusionMatrix(LABELS, matrices.sum(axis=0)))
    write_text(root / f"{name}.json", record.to_json())
    write_per_image(root / f"{name}.npz", IDS[: len(matrices)], counted or PerImage(matrices))
    return root / f"{name}.json"


def matrices(better: int = 0) -> NDArray[np.int64]:
    """Of twelve images; the first ``better`` of them are seen better."""
    return np.stack([np.array(GOOD if i < better else FAIR) * (i + 1) for i in range(12)])


def segbench(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)], catch_exceptions=False)


def test_what_is_compared_are_the_matrices_of_the_images(tmp_path: Path) -> None:
    a, b = record_file(tmp_path, "a", matrices(12)), record_file(tmp_path, "b", matrices())
    found = compare_records(a, b)
    expected = compare(LABELS, matrices(12), matrices())
    assert found.found.p_value["miou"] == expected.p_value["miou"] < 0.001
    assert np.array_equal(found.found.intervals.bounds["class_iou"], expected.intervals.bounds["class_iou"], equal_nan=True)
    assert found.scores[0]["miou"] == found.a.scores.miou
    assert found.scores[1]["acc"] == found.b.scores.acc


def test_the_images_that_changed_most_come_first_and_those_that_did_not_are_left_out(tmp_path: Path) -> None:
    found = compare_records(record_file(tmp_path, "a", matrices(2)), record_file(tmp_path, "b", matrices()))
    assert [found.ids[i] for i in found.changed_most(10)] == IDS[:2]
    assert found.changed_most(1) == [0]


def test_groups_are_drawn_where_they_are_asked_for(tmp_path: Path) -> None:
    found = compare_records(record_file(tmp_path, "a", matrices(12)), record_file(tmp_path, "b", matrices()), "city").found
    assert (found.intervals.units, found.intervals.unit, found.exact) == (3, "cities", True)
    assert found.p_value["miou"] == 2 / 8


def test_records_of_different_signatures_are_refused_with_what_differs(tmp_path: Path) -> None:
    a = record_file(tmp_path, "a", matrices())
    b = record_file(tmp_path, "b", matrices(), run_record("b", GOOD, precision="bf16"))
    with pytest.raises(RecordError, match=r"not comparable; their signatures differ in\n  precision: fp32 and bf16$"):
        compare_records(a, b)


def test_records_without_their_matrices_or_with_those_of_another_run_are_refused(tmp_path: Path) -> None:
    a, b = record_file(tmp_path, "a", matrices()), record_file(tmp_path, "b", matrices(3))
    write_per_image(tmp_path / "b.npz", IDS, PerImage(matrices(4)))
    with pytest.raises(RecordError, match=r"b\.npz: these matrices do not add up to b\.json"):
        compare_records(a, b)
    (tmp_path / "b.npz").unlink()
    with pytest.raises(RecordError, match=r"b\.npz is missing: .*`score --json` write it"):
        compare_records(a, b)


def test_the_same_images_in_another_order_are_refused(tmp_path: Path) -> None:
    a, b = record_file(tmp_path, "a", matrices()), record_file(tmp_path, "b", matrices())
    write_per_image(tmp_path / "b.npz", IDS[::-1], PerImage(matrices()))
    with pytest.raises(RecordError, match="another order"):
        compare_records(a, b)


def test_boundaries_of_different_widths_are_not_compared(tmp_path: Path) -> None:
    near = np.abs(matrices())[:, :, :3]
    files = []
    for name, ratio in (("a", 0.02), ("b", 0.02), ("c", 0.005)):
        record = replace(run_record(name, GOOD), boundary=Boundaries(near.sum(axis=0), ratio, (1,)))
        files.append(record_file(tmp_path, name, matrices(), record, PerImage(matrices(), {"boundary": near})))
    assert "boundary_miou" in compare_records(files[0], files[1]).found.difference
    assert "boundary_miou" not in compare_records(files[0], files[2]).found.difference


def test_the_command_prints_metrics_classes_images_and_a_verdict(tmp_path: Path) -> None:
    result = segbench(record_file(tmp_path, "good", matrices(12)), record_file(tmp_path, "fair", matrices()), "--images", 3)
    assert result.exit_code == 0, result.output
    for part in ("│ mIoU ", "│ category mIoU ", "│ road ", "│ rare | bird ", "city0_000"):
        assert part in result.output
    assert "city1_001" not in result.output
    assert "The mIoU of good is higher than that of fair by " in result.output
    assert "p < 0.001" in result.output
    assert "paired bootstrap over 12 images (10000 replicates, seed 0); p: all exchanges" in result.output
    turned = segbench(tmp_path / "fair.json", tmp_path / "good.json")
    verdict = next(line for line in result.output.splitlines() if line.startswith("The mIoU"))
    assert verdict in turned.output


def test_json_holds_the_facts_that_are_printed_as_plain_numbers(tmp_path: Path) -> None:
    a, b = record_file(tmp_path, "good", matrices(12)), record_file(tmp_path, "fair", matrices())
    found, result = compare_records(a, b), segbench(a, b, "--images", 3, "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["a"], facts["b"], facts["better"], facts["signature"]) == ("good", "fair", "a", found.a.signature)
    by_name = {each["name"]: each for each in facts["metrics"]}
    assert set(by_name) == {"miou", "acc", "acc_cls", "fwiou", "dice", "precision", "category_miou"}
    assert by_name["miou"] == {
        "name": "miou",
        "a": found.a.scores.miou,
        "b": found.b.scores.miou,
        "difference": found.a.scores.miou - found.b.scores.miou,
        "interval": found.found.intervals.bounds["miou"].tolist(),
        "p": found.found.p_value["miou"],
    }
    assert [each["name"] for each in facts["classes"]["class_iou"]] == list(LABELS.class_names)
    assert [each["id"] for each in facts["images"]] == [found.ids[i] for i in found.changed_most(3)]
    assert facts["images"][0]["difference"] == facts["images"][0]["a"] - facts["images"][0]["b"]
    assert facts["intervals"] == {"level": 0.95, "units": 12, "unit": "images", "replicates": 10000, "seed": 0, "method": "bootstrap"}
    assert facts["exchanges"] == "all"
    assert json.loads(segbench(b, a, "--json").stdout)["better"] == "b"


def test_json_has_null_where_nothing_is_defined_and_names_nobody_better_by_chance(tmp_path: Path) -> None:
    counts = matrices(1)
    counts[:, 2] = counts[:, :, 2] = 0  # the last class: neither in the targets nor predicted
    other = matrices()
    other[:, 2] = other[:, :, 2] = 0
    facts = json.loads(segbench(record_file(tmp_path, "a", counts), record_file(tmp_path, "b", other), "--json").stdout)
    assert facts["better"] is None
    *_, absent = facts["classes"]["class_iou"]
    assert absent == {"name": LABELS.class_names[-1], "a": None, "b": None, "difference": None, "interval": [None, None], "p": None}


def test_what_is_no_difference_is_called_none(tmp_path: Path) -> None:
    a = record_file(tmp_path, "a", matrices(1))
    assert "These images do not tell the mIoU of a and b apart (p = 1.000)." in segbench(a, record_file(tmp_path, "b", matrices())).output
    same = segbench(a, a).output
    assert "a (A) and a (B) apart" in same
    assert "changed most" not in same


def test_records_of_scored_label_maps_can_be_compared(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path / "data")
    (tmp_path / "labels.yaml").write_text(json.dumps(TINY.to_dict()))
    for name, corner in (("small", 2), ("large", 9)):
        for sample in dataset.samples:
            pred = read_labels(sample.target)
            pred[:corner, :corner] = 5
            write_labels(tmp_path / name / sample.target.name, pred)
        arguments = ["score", tmp_path / name, dataset.root, "--labels", tmp_path / "labels.yaml", "--json", tmp_path / f"{name}.json"]
        assert CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False).exit_code == 0
    result = segbench(tmp_path / "small.json", tmp_path / "large.json")
    assert "The mIoU of small is higher than that of large" in result.output
    assert "source:label maps" in result.output


def test_an_unreadable_record_is_one_clear_error(tmp_path: Path) -> None:
    result = segbench(tmp_path / "none.json", tmp_path / "none.json")
    assert result.exit_code == 2
    assert "the record is missing" in result.stderr
