from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.errors import RecordError
from segbench.files.json_text import write_text
from segbench.leaderboards.board import read_boards
from segbench.leaderboards.submission import submit
from segbench.metrics.boundary_iou import Boundaries
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.per_image import PerImage
from segbench.records.per_image import write_per_image
from segbench.records.run_record import RunRecord
from tests.report.fakes import GOOD, LABELS, profile, run_record

RULES = f"""
dataset: toy
split: val
images: 4
labels: toy-3
targets_sha256: {"ab" * 32}
protocol: {{tiling: whole, flip: false, scales: [1.0]}}
data: dataset
"""
MATRICES = np.stack([np.array(GOOD)] * 4)


def good(**model: Any) -> RunRecord:
    facts = {"weights_sha256": "c" * 64, "trained_on": {"dataset": "toy", "split": "train"}} | model
    return replace(run_record("net", GOOD, **facts), confusion=ConfusionMatrix(LABELS, MATRICES.sum(axis=0)))


@pytest.fixture
def board(tmp_path: Path) -> Path:
    write_text(tmp_path / "boards" / "toy" / "board.yaml", RULES)
    return tmp_path / "boards" / "toy"


def record_file(
    root: Path, record: RunRecord, counted: PerImage | None = None, change: Callable[[dict[str, Any]], None] | None = None
) -> Path:
    data = json.loads(record.to_json())
    if change:
        change(data)
    write_text(root / "net.json", json.dumps(data))
    write_per_image(root / "net.npz", list("abcd"), counted or PerImage(MATRICES))
    return root / "net.json"


def refused(path: Path, board: Path) -> str:
    with pytest.raises(RecordError) as caught:
        submit(path, board)
    assert not (board / "records").exists() or not list((board / "records").glob("net*"))
    return str(caught.value)


def command(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["submit", *map(str, arguments)], catch_exceptions=False)


def test_a_record_that_keeps_to_the_rules_is_copied_with_its_matrices_and_its_profile(tmp_path: Path, board: Path) -> None:
    path = record_file(tmp_path, good())
    write_text(tmp_path / "net.profile.json", profile("net", 3.0).to_json())
    result = command(path, "--board", board)
    assert result.exit_code == 0, result.output
    for name in ("net.json", "net.npz", "net.profile.json"):
        assert (board / "records" / name).read_bytes() == (tmp_path / name).read_bytes()
    assert f"next: segbench leaderboard {board}" in result.output
    (found,) = read_boards(board)
    assert [record.name for record in found.records] == ["net"]


def test_every_broken_rule_is_listed_at_once_and_nothing_is_written(tmp_path: Path, board: Path) -> None:
    record = good(weights_sha256=None, trained_on=None)
    record = replace(
        record, dataset=dict(record.dataset) | {"name": "other", "of": 5}, protocol={"tiling": "whole", "flip": True, "scales": [1.0]}
    )
    result = command(record_file(tmp_path, record), "--board", board)
    assert result.exit_code == 2
    for line in (
        "dataset is other, the board's is toy",
        "only 4 of 5 images were evaluated",
        "protocol flip is True, the board's is False",
        "which weights these were",
        "what the model was trained on",
    ):
        assert line in result.stderr
    assert not (board / "records").exists()


def test_another_number_of_images_other_targets_and_other_classes_are_refused(tmp_path: Path, board: Path) -> None:
    record = good()
    record = replace(record, dataset=dict(record.dataset) | {"images": 3, "targets_sha256": "cd" * 32, "split": "test"})
    text = refused(record_file(tmp_path, record), board)
    assert "images is 3, the board's is 4" in text
    assert f"targets_sha256 is {'cd' * 32}, the board's is {'ab' * 32}" in text
    assert "split is test, the board's is val" in text


def test_scores_and_a_signature_that_were_edited_are_found(tmp_path: Path, board: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["scores"]["miou"] = 0.99
        data["scores"]["class_iou"]["road"] = None
        data["signature"] += "|better:yes"

    text = refused(record_file(tmp_path, good(), change=change), board)
    assert "not those of its integers: miou, class_iou" in text
    assert "its signature is not that of its facts" in text


def test_scores_of_another_meaning_are_refused(tmp_path: Path, board: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["scores"]["metrics_version"] = 0

    assert "metrics version 0, and this is version 1" in refused(record_file(tmp_path, good(), change=change), board)


@pytest.mark.parametrize(
    ("trained_on", "problem"),
    [
        (
            {"dataset": "toy", "split": "train", "continued_from": {"dataset": "ImageNet"}},
            "trained on ImageNet too, and this board allows toy alone",
        ),
        ({"dataset": "toy", "split": "val"}, "trained on toy val, which it is evaluated on"),
        ({"dataset": "toy", "split": "train+val"}, "trained on toy train+val, which it is evaluated on"),
        ({"weights": "somewhere"}, "does not say what the model was trained on"),
    ],
)
def test_what_the_model_has_seen_is_held_against_the_rule(tmp_path: Path, board: Path, trained_on: dict[str, Any], problem: str) -> None:
    assert problem in refused(record_file(tmp_path, good(trained_on=trained_on)), board)


def test_extra_data_is_allowed_where_the_board_only_wants_it_stated(tmp_path: Path, board: Path) -> None:
    write_text(board / "board.yaml", RULES.replace("data: dataset", "data: stated"))
    trained_on = {"dataset": "toy", "split": "train", "continued_from": {"dataset": "ImageNet"}}
    assert submit(record_file(tmp_path, good(trained_on=trained_on)), board)


def test_matrices_that_are_missing_or_of_another_run_are_refused(tmp_path: Path, board: Path) -> None:
    path = record_file(tmp_path, good(), PerImage(MATRICES * 2))
    assert "net.npz do not add up to the confusion" in refused(path, board)
    write_per_image(tmp_path / "net.npz", list("aacd"), PerImage(MATRICES))
    assert "holds 3 different images, the record says 4" in refused(path, board)
    (tmp_path / "net.npz").unlink()
    assert "net.npz: not the matrices of a record's images" in refused(path, board)


def test_boundaries_and_instances_must_be_in_the_matrices_too(tmp_path: Path, board: Path) -> None:
    near = MATRICES[:, :, :3]
    record = replace(good(), boundary=Boundaries(near.sum(axis=0), 0.02, (1,)), iiou={"car": 0.5})
    text = refused(record_file(tmp_path, record, PerImage(MATRICES, {"boundary": near // 2})), board)
    assert "the boundary counts of net.npz do not add up" in text
    assert "net.npz has no counts of instances" in text
    instances = np.ones((4, 3, 2))
    assert "do not give the iIoU of the record" in refused(
        record_file(tmp_path, record, PerImage(MATRICES, {"boundary": near, "instances": instances})), board
    )
    space = replace(LABELS, classes=tuple(replace(label, has_instances=label.name == "car") for label in LABELS.classes))
    false = MATRICES[:, :, 1].sum() - MATRICES[:, 1, 1].sum()
    record = replace(record, confusion=ConfusionMatrix(space, record.confusion.counts), iiou={"car": 4 / (8 + false)})
    assert submit(record_file(tmp_path, record, PerImage(MATRICES, {"boundary": near, "instances": instances})), board)


def test_the_same_weights_are_not_added_twice_and_other_ones_get_a_name_of_their_own(tmp_path: Path, board: Path) -> None:
    submit(record_file(tmp_path, good()), board)
    with pytest.raises(RecordError, match=r"these weights under this protocol are there already: net\.json"):
        submit(tmp_path / "net.json", board)
    written = submit(record_file(tmp_path, good(weights_sha256="d" * 64)), board)
    assert [path.name for path in written] == ["net-dddddddd.json", "net-dddddddd.npz"]


def test_targets_that_differ_from_those_of_the_board_s_records_are_refused(tmp_path: Path, board: Path) -> None:
    submit(record_file(tmp_path, good()), board)
    write_text(board / "board.yaml", "dataset: toy\n")
    record = good(weights_sha256="d" * 64)
    with pytest.raises(RecordError, match=r"its targets are not those of net\.json"):
        submit(record_file(tmp_path, replace(record, dataset=dict(record.dataset) | {"targets_sha256": "cd" * 32})), board)


def test_a_closed_board_takes_nothing_and_a_folder_of_boards_is_no_board(tmp_path: Path, board: Path) -> None:
    path = record_file(tmp_path, good())
    write_text(board / "board.yaml", RULES + "closed: nobody has the targets\n")
    assert "takes no records: nobody has the targets" in refused(path, board)
    assert "is no board" in command(path, "--board", board.parent).stderr


def test_what_is_no_record_is_one_clear_error(tmp_path: Path, board: Path) -> None:
    write_text(tmp_path / "net.json", "{}")
    result = command(tmp_path / "net.json", "--board", board)
    assert result.exit_code == 2
    assert "this segbench reads 'segbench.run/1'" in result.stderr


def test_a_new_board_takes_its_first_record(tmp_path: Path) -> None:
    (tmp_path / "boards" / "new" / "records").mkdir(parents=True)
    submit(record_file(tmp_path, good()), tmp_path / "boards" / "new")
    (board,) = read_boards(tmp_path / "boards")
    assert [record.name for record in board.records] == ["net"]


def test_of_two_that_submit_one_record_at_once_one_is_refused_and_the_other_is_whole(tmp_path: Path, board: Path) -> None:
    path = record_file(tmp_path, good())
    code = "import sys; from segbench.cli.main import main; input(); main()"
    arguments = [sys.executable, "-c", code, "submit", str(path), "--board", str(board)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(arguments, **pipes) for _ in range(2)]
    for each in both:
        each.stdin.write("\n")
        each.stdin.flush()
    errors = [each.communicate(timeout=120)[1] for each in both]
    assert sorted(each.returncode for each in both) == [0, 2]
    assert "these weights under this protocol are there already: net.json" in "".join(errors)
    assert sorted(file.name for file in (board / "records").iterdir()) == ["net.json", "net.npz"]
    assert (board / "records" / "net.npz").read_bytes() == (tmp_path / "net.npz").read_bytes()


def test_a_submit_that_was_killed_before_the_record_was_there_can_be_repeated(tmp_path: Path, board: Path) -> None:
    path = record_file(tmp_path, good())
    write_text(tmp_path / "net.profile.json", profile("net", 3.0).to_json())
    for name in ("net.npz", "net.profile.json"):
        (board / "records").mkdir(exist_ok=True)
        (board / "records" / name).write_bytes((tmp_path / name).read_bytes())
    (board / "records" / ".net.abc-1.partial.json").write_text("{")
    assert [file.name for file in submit(path, board)] == ["net.json", "net.npz", "net.profile.json"]


def test_a_profile_that_is_there_is_not_overwritten(tmp_path: Path, board: Path) -> None:
    path = record_file(tmp_path, good())
    write_text(tmp_path / "net.profile.json", profile("net", 3.0).to_json())
    write_text(board / "records" / "net.profile.json", profile("net", 4.0).to_json())
    before = (board / "records" / "net.profile.json").read_bytes()
    with pytest.raises(RecordError, match=r"net\.profile\.json: there already; rename net\.json"):
        submit(path, board)
    assert [file.name for file in (board / "records").iterdir()] == ["net.profile.json"]
    assert (board / "records" / "net.profile.json").read_bytes() == before
