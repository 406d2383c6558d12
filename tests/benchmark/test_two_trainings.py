"""Two trainings of one network: from the command line to the table, the comparison and the board."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.records.run_record import read_run
from tests.tiny import tiny_dataset

NETWORK = """
import torch
from segbench import Segmenter

def small(labels, channels=4, seed=0):
    torch.manual_seed(seed)
    network = torch.nn.Conv2d(3, channels, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(channels, len(labels.classes), 1)
    return Segmenter("net.py:small", torch.nn.Sequential(*network), labels, arguments={"channels": channels},
                     trained_on={"dataset": "mine"})
"""
DATA = """
splits:
  train: {images: images/*.png, targets: targets/*.png}
  val: {images: images/*.png, targets: targets/*.png}
classes:
  - {name: left, ids: [5], color: [255, 0, 0]}
  - {name: right, id: 7, color: [0, 255, 0]}
  - {name: spot, ids: [9], color: [0, 0, 255]}
ignore: 0
"""
COMMON = ("--dataset", "data.yaml", "--device", "cpu")


def segbench(*arguments: object, ends: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == ends, result.output
    return result


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tiny_dataset(tmp_path)
    (tmp_path / "net.py").write_text(NETWORK)
    (tmp_path / "data.yaml").write_text(DATA)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(seed: int) -> str:
    small = ("--set", "width=0.0625", "--steps", 1, "--batch-size", 2, "--crop", "16x16", "--seed", seed)
    segbench("train", "segnet_basic", *COMMON, *small, "--out", f"{seed}.safetensors")
    return f"{seed}.safetensors"


def test_two_files_of_one_network_stand_in_one_run_table_comparison_and_board(project: Path) -> None:
    files = {label: train(seed) for seed, label in enumerate(("a", "b"))}
    weights = [part for label, file in files.items() for part in ("--weights", f"segnet_basic:{label}={file}")]
    segbench("run", "--models", "segnet_basic", *weights, *COMMON, "--repeats", 2, "--out", "out")
    records = [project / "out" / "records" / f"segnet_basic-{label}.json" for label in "ab"]
    assert [read_run(record).name for record in records] == ["segnet_basic:a", "segnet_basic:b"]
    table = segbench("table", *records).output
    assert "segnet_basic:a" in table
    assert "segnet_basic:b" in table
    assert "segnet_basic:b" in segbench("compare", *records).output
    board = project / "boards" / "mine"
    (board / "records").mkdir(parents=True)
    (board / "board.yaml").write_text("title: Mine\n")
    for record in records:
        segbench("submit", record, "--board", board)
    segbench("leaderboard", project / "boards")
    assert all(name in (board / "leaderboard.md").read_text() for name in ("segnet_basic:a", "segnet_basic:b"))


def test_a_name_of_ones_own_is_in_the_record_and_its_file(project: Path) -> None:
    run = ("run", "--models", "net.py:small", *COMMON, "--repeats", 0, "--out", "out")
    segbench(*run, "--name", "net.py:small=mine, before")
    record = read_run(project / "out" / "records" / "mine-before.json")
    assert record.name == "mine, before"
    assert "--name small=" in record.command or "--name net.py:small=" in record.command


def test_arguments_reach_a_function_of_ones_own(project: Path) -> None:
    run = ("run", "--models", "net.py:small", *COMMON, "--repeats", 0, "--out", "out")
    segbench(*run, "--set", "channels=7", "--name", "net.py:small=wide")
    record = json.loads((project / "out" / "records" / "wide.json").read_text())
    assert record["model"]["arguments"] == {"channels": 7}
    refused = segbench(*run, "--set", "colour=red", "--name", "net.py:small=other", ends=2)
    assert "colour" in refused.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--weights", "enet=a.safetensors", "--weights", "enet=b.safetensors"), "enet is given twice; tell them apart: enet:first=FILE"),
        (("--weights", "unet=a.safetensors"), "--weights names unet, which --models does not"),
        (("--name", "enet"), "'enet' is not NAME=TITLE"),
        (("--set", "width=1", "--set", "width=2"), "width is given twice"),
        (("--set", "width"), "'width' is not [NAME.]KEY=VALUE"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: tuple[str, ...], words: str) -> None:
    result = segbench("run", "--models", "enet", *COMMON, *options, ends=2)
    assert words in " ".join(result.output.split())


def test_a_record_of_something_else_is_never_overwritten(project: Path) -> None:
    run = ("run", "--models", "net.py:small", *COMMON, "--repeats", 0, "--out", "out")
    segbench(*run)
    (record,) = (project / "out" / "records").glob("*.json")
    before = record.read_bytes()
    for changed in (("--flip",), ("--limit", 3), ("--set", "channels=5")):
        refused = segbench(*run, *changed, ends=2)
        assert "would be overwritten" in refused.output
        assert "--out FOLDER" in refused.output
        assert record.read_bytes() == before
    segbench(*run)  # the same again is welcome
    segbench(*run, "--flip", "--name", "net.py:small=flipped")


def test_a_model_is_checked_for_the_classes_of_the_data_beside_it(project: Path) -> None:
    fitted = NETWORK.replace(
        "    return Seg",
        "    network[2].load_state_dict({'weight': torch.zeros(3, channels, 1, 1), 'bias': torch.zeros(3)})\n    return Seg",
    )
    (project / "net.py").write_text(fitted.replace('trained_on={"dataset": "mine"}', "").replace(", seed=0", "").replace("seed)", "0)"))
    assert "It can be built" not in segbench("check", "net.py:small", "data.yaml").output
    refused = segbench("check", "net.py:small", ends=1).output
    assert "cannot be built for 19 classes called 0, 1, 2" in refused
    assert "segbench check NAME DATASET" in refused
