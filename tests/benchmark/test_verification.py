from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from docs.extension.example_folder import write_example_folder
from segbench.cli.main import main
from segbench.datasets import minicity
from segbench.files.json_text import dump_json
from segbench.metrics.confusion import ConfusionMatrix
from segbench.records.per_image import read_per_image, write_per_image
from segbench.records.run_record import read_run, scores_dict


def segbench(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)), catch_exceptions=False)


def verify(record: Path, *arguments: object) -> Result:
    return segbench("verify", record, *arguments)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenes")


@pytest.fixture(autouse=True)
def few_scenes(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(minicity.SPLITS, "val", 3)
    monkeypatch.setenv("SEGBENCH_CACHE", str(scenes))
    monkeypatch.delenv("CITYSCAPES_DATASET", raising=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, scenes: Path) -> Path:
    """The folder of a run of two networks on three scenes."""
    root = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(minicity.SPLITS, "val", 3)
        patch.setenv("SEGBENCH_CACHE", str(scenes))
        options = ["--dataset", "minicity", "--repeats", 0, "--name", "enet=mine", "--out", root]
        result = segbench("run", "--models", "enet,fanet18", *options)
        assert result.exit_code == 0, result.output
    return root


@pytest.fixture
def record(runs: Path, tmp_path: Path) -> Path:
    """A copy of a record with its matrices, to be edited."""
    shutil.copytree(runs / "records", tmp_path / "records")
    return tmp_path / "records" / "mine.json"


def edit(path: Path, change: Any) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(dump_json(data))


def forge(path: Path, *, cells: tuple[tuple[int, int, int], ...], image: int = 0) -> None:
    """Edit a matrix of an image, the sum of all and the scores, so that the record is true to itself: (row, column, change)."""
    file = path.with_suffix(".npz")
    ids, counted = read_per_image(file)
    for row, column, change in cells:
        counted.confusion[image, row, column] += change
    write_per_image(file, ids, counted)
    record = read_run(path)
    forged = type(record)(
        record.model, record.dataset, record.protocol, record.environment, ConfusionMatrix(record.labels, counted.confusion.sum(axis=0))
    )
    edit(path, lambda data: data.update(confusion=forged.confusion.counts.tolist(), scores=json.loads(dump_json(scores_dict(forged)))))


def test_a_true_record_is_exact_to_the_last_pixel(record: Path) -> None:
    result = verify(record)
    assert result.exit_code == 0, result.output
    assert "mine: exact: every integer of 3 of 3 images" in result.stdout


def test_a_sample_is_drawn_by_a_seed_that_is_told(record: Path) -> None:
    result = verify(record, "--sample", 1)
    assert result.exit_code == 0, result.output
    assert "exact: every integer of 1 of 3 images (drawn with --seed " in result.stdout
    facts = json.loads(verify(record, "--sample", 2, "--seed", 5, "--json").stdout)
    assert (facts["holds"], facts["exact"], facts["images"], facts["of"], facts["seed"]) == (True, True, 2, 3, 5)


def test_one_edited_integer_is_caught_before_anything_is_run(record: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["confusion"][0][0] += 1

    edit(record, change)
    result = verify(record, "--data", record.parent / "nowhere")
    assert result.exit_code == 1
    assert "mine: FALSE" in result.stdout
    assert "do not add up to the confusion of the record" in result.stdout


def test_a_pixel_that_was_moved_everywhere_at_once_is_caught_by_counting_again(record: Path) -> None:
    forge(record, cells=((0, 0, 1), (0, 1, -1)), image=1)
    result = verify(record)
    assert result.exit_code == 1, result.output
    assert "FALSE on the machine and packages of the record, where integers are exact" in result.stdout
    assert "1 pixels are in other cells of 3 of 3 images" in result.stdout
    facts = json.loads(verify(record, "--json").stdout)
    assert (facts["holds"], facts["moved"], [each["pixels"] for each in facts["apart"]]) == (False, 1, [1])


def test_pixels_that_were_added_are_caught_as_no_pixels_of_the_target(record: Path) -> None:
    forge(record, cells=((0, 0, 40),))
    result = verify(record)
    assert result.exit_code == 1
    assert "the record counts other target pixels than the target has" in result.stdout


def test_on_another_machine_it_is_told_what_moved_and_whether_the_score_did(record: Path) -> None:
    forge(record, cells=((0, 0, 3), (0, 1, -3)))
    edit(record, lambda data: data["environment"].update(torch="1.0"))
    result = verify(record)
    assert result.exit_code == 0, result.output
    assert "within the tolerance of 0.05 points for another machine" in result.stdout
    assert "3 pixels are in other cells" in result.stdout
    assert "torch: 1.0 then, " in result.stdout
    strict = verify(record, "--tolerance", 0)
    assert strict.exit_code == 1
    assert "FALSE: beyond the tolerance of 0 points" in strict.stdout


def test_a_protocol_that_the_command_does_not_run_is_false(record: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["protocol"]["flip"] = True
        data["signature"] = data["signature"].replace("flip:no", "flip:yes")

    edit(record, change)
    result = verify(record)
    assert result.exit_code == 1
    assert "its protocol says flip True, and its command runs False" in result.stdout


def test_facts_of_the_network_and_the_targets_must_be_so(record: Path) -> None:
    edit(record, lambda data: data["model"].update(params=12))
    result = verify(record)
    assert result.exit_code == 1
    assert "the record says 12" in result.stdout


def test_weights_are_found_by_their_checksum_alone(record: Path, tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "other.safetensors").write_bytes(b"no weights")
    edit(record, lambda data: data["model"].update(weights_sha256="ab" * 32))
    result = verify(record, "--weights", tmp_path / "w")
    assert result.exit_code == 2
    assert "no weights with the checksum abababababab... are here; looked at " in result.output
    assert "--weights names their file, or a folder" in result.output


def test_a_record_without_matrices_is_held_against_its_sums_and_cannot_be_sampled(record: Path) -> None:
    record.with_suffix(".npz").unlink()
    assert verify(record).exit_code == 0
    refused = verify(record, "--sample", 1)
    assert refused.exit_code == 2
    assert "leave --sample out" in refused.output


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("segbench run --models evil.py:f --dataset minicity --split val", "no code is run because a record names it"),
        ("segbench run --models enet --dataset evil.py:f --split val", "its data are evil.py:f; name them yourself"),
        ("segbench run --suite evil.yaml", "it does not say with which `segbench run` it was made"),
        ("rm -r x", "it does not say with which `segbench run` it was made, but: rm -r x"),
        ("segbench run --models enet --frobnicate", "its command cannot be read"),
    ],
)
def test_a_command_of_a_stranger_runs_no_code_of_his(command: str, reason: str, record: Path) -> None:
    edit(record, lambda data: data.update(command=command))
    result = verify(record)
    assert result.exit_code == 2
    assert reason in result.output


def test_other_data_are_refused(record: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(minicity.SPLITS, "val", 2)
    result = verify(record, "--data", tmp_path / "two")
    assert result.exit_code == 2
    assert "minicity-val has 2 images, the record is of 3" in result.output


def test_all_records_of_a_board_are_verified_and_one_false_one_is_enough(record: Path) -> None:
    board = record.parents[1]
    result = verify(board, "--sample", 1)
    assert result.exit_code == 0, result.output
    assert result.stdout.count(": exact:") == 2
    edit(record, lambda data: data["scores"].update(miou=0.99))
    result = verify(board, "--sample", 1, "--json")
    assert result.exit_code == 1
    assert [each["holds"] for each in json.loads(result.stdout)] == [True, False]
    (record.parent / "fanet18.json").write_text("{")
    result = verify(board, "--sample", 1)
    assert result.exit_code == 1
    assert "fanet18.json: not verified: " in result.output


def test_label_maps_are_scored_again(tmp_path: Path) -> None:
    write_example_folder(tmp_path)
    file = tmp_path / "ours.json"
    data = ["--dataset", tmp_path / "mydata.yaml"]
    assert segbench("score", tmp_path / "preds", *data, "--boundary", "--json", file).exit_code == 0
    result = verify(file, "--preds", tmp_path / "preds", *data)
    assert result.exit_code == 0, result.output
    assert "exact: every integer of 3 of 3 images" in result.stdout
    false = verify(file, "--preds", tmp_path / "others", *data)
    assert false.exit_code == 1
    assert "FALSE on the machine and packages" in false.stdout
    assert "--preds says where they are" in verify(file).output
    edit(file, lambda data: data["environment"].update(torch="1.0"))  # no excuse: nothing is rounded
    assert verify(file, "--preds", tmp_path / "others", *data).exit_code == 1
    assert np.array_equal(read_run(file).confusion.counts.shape, (3, 4))


def test_label_maps_of_a_folder_of_targets_are_scored_again(cityscapes_set: Path) -> None:
    gts, preds, file = cityscapes_set / "gtFine" / "val", cityscapes_set / "results", cityscapes_set / "r.json"
    assert segbench("score", preds, gts, "--json", file).exit_code == 0
    result = verify(file, "--preds", preds, "--gts", gts, "--sample", 2)
    assert result.exit_code == 0, result.output
    assert "exact: every integer of 2 of 3 images" in result.stdout


def test_a_sample_is_verified_without_the_strata_that_it_would_cut_elsewhere(tmp_path: Path) -> None:
    options = ["--dataset", "minicity", "--repeats", 0, "--out", tmp_path, "--size-strata", 3, "--surface", 1]
    result = segbench("run", "--models", "enet", *options)
    assert result.exit_code == 0, result.output
    for more in ((), ("--sample", 2)):
        verified = verify(tmp_path / "records" / "enet.json", *more)
        assert verified.exit_code == 0, verified.output
