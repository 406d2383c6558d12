from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from segbench.datasets.cityscapes import LABELS
from segbench.errors import RecordError
from segbench.files.json_text import write_text
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.scores import METRICS_VERSION
from segbench.metrics.uncertainty import bootstrap
from segbench.records.profile import read_profile
from segbench.records.run_record import RUN_SCHEMA, RunRecord, read_run, scores_dict
from tests.strategies import confusions, plain_labels


def record(confusion: ConfusionMatrix | None = None, **changes: Any) -> RunRecord:
    if confusion is None:
        counts = np.random.default_rng(0).integers(0, 1000, (19, 20))
        counts[3], counts[:, 3] = 0, 0
        confusion = ConfusionMatrix(LABELS, counts)
    return replace(
        RunRecord(
            model={"name": "fcn8s", "arguments": {"width": 0.5}},
            dataset={"name": "minicity", "split": "val", "images": 60, "targets_sha256": "0123456789abcdef"},
            protocol={"input_size": "native", "scales": [1.0, 0.5], "flip": False},
            environment={"numpy": "2"},
            confusion=confusion,
            iiou={"car": 0.25, "bus": math.nan},
            command="segbench run --models fcn8s",
        ),
        **changes,
    )


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_text(tmp_path / "r.json", record().to_json())
    read = read_run(tmp_path / "r.json")
    assert (read.model, read.dataset, read.protocol, read.environment, read.command) == tuple(
        getattr(record(), name) for name in ("model", "dataset", "protocol", "environment", "command")
    )
    assert np.array_equal(read.confusion.counts, record().confusion.counts)
    assert read.labels == LABELS
    assert read.iiou["car"] == 0.25
    assert math.isnan(read.iiou["bus"])
    assert read.to_json() == record().to_json()


@given(confusions(max_count=2**44))
def test_integers_of_any_size_survive(tmp_path_factory: pytest.TempPathFactory, confusion: ConfusionMatrix) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    write_text(path, record(ConfusionMatrix(confusion.labels, confusion.counts), iiou={}).to_json())
    assert np.array_equal(read_run(path).confusion.counts, confusion.counts)


def test_a_record_from_before_there_were_intervals_is_read_and_written_as_it_was() -> None:
    path = Path(__file__).parents[1] / "golden" / "run-1-without-intervals.json"
    read = read_run(path)
    assert read.intervals is None
    assert read.scores.miou == (90 / 110 + 40 / 55) / 2
    assert read.to_json() == path.read_text()


def test_what_was_explained_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_text(tmp_path / "r.json", record(explained={"micro": 0.5, "nothing": math.nan}).to_json())
    read = read_run(tmp_path / "r.json").explained
    assert read["micro"] == 0.5
    assert math.isnan(read["nothing"])


def with_intervals() -> RunRecord:
    per_image = np.random.default_rng(0).integers(0, 1000, (5, 19, 20))
    per_image[:, 3], per_image[:, :, 3] = 0, 0
    return record(ConfusionMatrix(LABELS, per_image.sum(axis=0)), intervals=bootstrap(LABELS, per_image, replicates=30))


def test_intervals_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = with_intervals()
    write_text(tmp_path / "r.json", written.to_json())
    data, read = json.loads((tmp_path / "r.json").read_text()), read_run(tmp_path / "r.json")
    assert read.to_json() == written.to_json()
    assert read.intervals is not None
    assert data["intervals"]["miou"] == read.intervals.bounds["miou"].tolist()
    assert data["intervals"]["class_iou"]["wall"] is None
    assert {key: data["intervals"][key] for key in ("level", "replicates", "seed", "units", "unit", "metrics_version")} == {
        "level": 0.95,
        "replicates": 30,
        "seed": 0,
        "units": 5,
        "unit": "images",
        "metrics_version": METRICS_VERSION,
    }


def test_intervals_of_scores_that_had_another_meaning_are_left_out(tmp_path: Path) -> None:
    data = json.loads(with_intervals().to_json())
    data["intervals"]["metrics_version"] = METRICS_VERSION - 1
    write_text(tmp_path / "r.json", json.dumps(data))
    assert read_run(tmp_path / "r.json").intervals is None


@pytest.mark.parametrize("change", [{"miou": [0.1]}, {"miou": "wide"}, {"class_iou": {}}, {"units": None}, {"level": "high"}], ids=str)
def test_intervals_that_are_none_are_refused_with_the_files_name(tmp_path: Path, change: dict[str, Any]) -> None:
    data = json.loads(with_intervals().to_json())
    data["intervals"] |= change
    write_text(tmp_path / "r.json", json.dumps(data))
    with pytest.raises(RecordError, match=r"r\.json"):
        read_run(tmp_path / "r.json")


def test_undefined_scores_are_null_and_the_text_is_strict_json() -> None:
    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is no JSON")

    data = json.loads(record().to_json(), parse_constant=refuse)
    assert data["schema"] == RUN_SCHEMA
    assert data["scores"]["class_iou"]["wall"] is None
    assert data["iiou"]["bus"] is None
    assert data["scores"]["metrics_version"] == METRICS_VERSION


def test_scores_in_a_file_are_a_courtesy_and_recomputed(tmp_path: Path) -> None:
    data = json.loads(record().to_json())
    data["scores"]["miou"] = 0.999
    write_text(tmp_path / "r.json", json.dumps(data))
    assert read_run(tmp_path / "r.json").scores.miou == record().scores.miou


def test_a_signature_holds_what_must_be_equal() -> None:
    assert record().signature == (
        f"data:minicity-val|n:60|targets:01234567|labels:cityscapes-19|input_size:native|scales:1,0.5|flip:no|metrics:{METRICS_VERSION}"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": {"name": "cityscapes", "split": "val", "images": 60, "targets_sha256": "0123456789abcdef"}},
        {"dataset": {"name": "minicity", "split": "val", "images": 59, "targets_sha256": "0123456789abcdef"}},
        {"dataset": {"name": "minicity", "split": "val", "images": 60, "targets_sha256": "1123456789abcdef"}},
        {"protocol": {"input_size": "native", "scales": [1.0, 0.5], "flip": True}},
        {"confusion": ConfusionMatrix.zero(plain_labels(3))},
    ],
)
def test_what_makes_numbers_incomparable_changes_the_signature(changes: dict[str, Any]) -> None:
    assert record(**changes).signature != record().signature


def test_the_model_does_not_change_the_signature() -> None:
    assert record(model={"name": "unet"}, environment={}, command="other").signature == record().signature


@pytest.mark.parametrize("key", ["model", "dataset", "protocol", "environment", "labels", "confusion", "command"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    data = json.loads(record().to_json())
    del data[key]
    write_text(tmp_path / "r.json", json.dumps(data))
    with pytest.raises(RecordError, match=rf"r\.json: the record has no '{key}'"):
        read_run(tmp_path / "r.json")


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "segbench.run/99"},
        {"schema": None},
        {"confusion": [[1, 2], [3, 4]]},
        {"confusion": [[1, 2], [3]]},
        {"confusion": [[-1] * 20] * 19},
        {"confusion": [[1.5] * 20] * 19},
        {"confusion": [["1"] * 20] * 19},
        {"confusion": [[True] * 20] * 19},
        {"confusion": [[2**64] * 20] * 19},
        {"confusion": [[2**62] * 20] * 19},
        {"confusion": [[2**53] + [0] * 19] * 19},
        {"dataset": {"name": "m", "split": "v", "images": 2**53, "targets_sha256": "0"}},
        {"confusion": None},
        {"labels": {"classes": []}},
        {"labels": None},
        {"iiou": {"car": "much"}},
        {"iiou": 3},
        {"model": {}},
        {"model": "fcn8s"},
        {"model": {"name": "a", "changed": "1e999"}},
        {"dataset": {"name": "minicity"}},
        {"protocol": []},
    ],
    ids=str,
)
def test_contents_that_do_not_fit_together_are_refused_with_the_files_name(tmp_path: Path, change: dict[str, Any]) -> None:
    write_text(tmp_path / "r.json", json.dumps(json.loads(record().to_json()) | change))
    with pytest.raises(RecordError, match=r"r\.json"):
        read_run(tmp_path / "r.json")


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"3", b"\xff\xfe"])
def test_what_is_no_record_is_refused_with_the_files_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "r.json"
    if content is not None:
        path.write_bytes(content)
    for read in (read_run, read_profile):
        with pytest.raises(RecordError, match=r"r\.json"):
            read(path)


def test_the_mean_of_iiou_leaves_undefined_classes_out() -> None:
    scores = scores_dict(replace(record(), iiou={"car": 0.25, "bus": math.nan, "person": 0.75}))
    assert scores["iiou"] == 0.5
    assert "iiou" not in scores_dict(replace(record(), iiou={}))
    assert "category_iou" not in scores_dict(replace(record(ConfusionMatrix.zero(plain_labels(2))), iiou={}))
