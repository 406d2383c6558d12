"""`segbench score` on files as people have them: in linked folders, under other names, one pair, some, or the targets."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from segbench.cli.main import main
from segbench.images.files import read_labels, write_labels

LABELS = "name: toy\nclasses: [a, b, c]\n"


class Pairs(NamedTuple):
    """Folders of predictions and of targets, and the confusion of each pair, int64[3, 3], by its name."""

    root: Path
    preds: Path
    gts: Path
    labels: Path
    counts: dict[str, NDArray[np.int64]]

    def miou(self, *names: str) -> str:
        """What `score` prints of these pairs, of all if none is named."""
        total = sum(self.counts[name] for name in names or self.counts)
        hits = np.diag(total)
        return f"mIoU {100 * np.mean(hits / (total.sum(0) + total.sum(1) - hits)):.1f}"

    def rename(self, side: Path, form: str) -> None:
        """Files of a side as ``form.format(name)``."""
        for name in self.counts:
            to = side / form.format(name)
            to.parent.mkdir(exist_ok=True)
            (side / f"{name}.png").rename(to)


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    rng = np.random.default_rng(3)
    counts = {}
    for number, name in enumerate(("im1", "im2", "im3")):
        target = rng.integers(0, 3, (9, 12)).astype(np.uint8)
        pred = np.where(rng.random(target.shape) < 0.2 * (number + 1), rng.integers(0, 3, target.shape), target).astype(np.uint8)
        counts[name] = np.zeros((3, 3), np.int64)
        np.add.at(counts[name], (target, pred), 1)
        write_labels(tmp_path / "g" / f"{name}.png", target)
        write_labels(tmp_path / "p" / f"{name}.png", pred)
    (tmp_path / "labels.yaml").write_text(LABELS)
    return Pairs(tmp_path, tmp_path / "p", tmp_path / "g", tmp_path / "labels.yaml", counts)


def segbench(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def scored(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(result: Result) -> str:
    assert result.exit_code == 2, result.output
    return result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_linked_folders_of_predictions_and_of_targets_are_scored(pairs: Pairs) -> None:
    for side in (pairs.preds, pairs.gts):
        for name, city in (("im1", "bern"), ("im2", "chur"), ("im3", "chur")):
            (folder := side / city if city == "bern" else pairs.root / "store" / side.name / city).mkdir(parents=True, exist_ok=True)
            (side / f"{name}.png").rename(folder / f"{name}.png")
        (side / "chur").symlink_to(pairs.root / "store" / side.name / "chur")
    assert pairs.miou() in scored(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels))


@pytest.mark.parametrize("form", ["{}.jpg.png", "{}.PNG", "deep/er/{}.png"])
def test_double_endings_and_other_folders_of_predictions_are_the_same_names(pairs: Pairs, form: str) -> None:
    (pairs.preds / "deep" / "er").mkdir(parents=True)
    pairs.rename(pairs.preds, form)
    assert pairs.miou() in scored(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels))


def test_an_umlaut_in_one_character_is_the_same_as_in_two(pairs: Pairs) -> None:
    pairs.rename(pairs.preds, unicodedata.normalize("NFC", "Zürich {}.png"))
    pairs.rename(pairs.gts, unicodedata.normalize("NFD", "Zürich {}.png"))
    assert pairs.miou() in scored(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels))


@pytest.mark.parametrize(
    ("targets", "preds", "option"),
    [
        ("{}_mask.png", "{}.png", "--target-names '*_mask.*'"),
        ("{}_mask.png", "{}.jpg.png", "--target-names '*_mask.*'"),
        ("{}.png", "{}_pred.png", "--pred-names '*_pred.*'"),
        ("{}.png", "pred-{}.png", "--pred-names 'pred-*.*'"),
        ("{}.png", "{}/mask.png", "--pred-names '*/mask.png'"),
        ("gt_{}.png", "pred_{}.png", "--target-names 'gt_*.*' --pred-names 'pred_*.*'"),
    ],
)
def test_names_that_differ_in_what_stands_beside_them_are_told_the_option_that_pairs_them(
    pairs: Pairs, targets: str, preds: str, option: str
) -> None:
    pairs.rename(pairs.gts, targets)
    pairs.rename(pairs.preds, preds)
    said = refused(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels))
    assert targets.format("im1") in said
    assert preds.format("im1") in said
    assert option in said
    options = option.replace("'", "").split()
    assert pairs.miou() in scored(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels, *options))


def test_targets_of_a_yaml_file_are_told_its_pattern_and_not_an_option_that_is_for_folders(pairs: Pairs) -> None:
    pairs.rename(pairs.gts, "{}_mask.png")
    (pairs.root / "d.yaml").write_text("targets: g/*.png\nclasses: [a, b, c]\n")
    said = refused(segbench("score", pairs.preds, "--dataset", pairs.root / "d.yaml"))
    assert "write *_mask for the name in `targets` of" in said
    assert "--target-names" not in said
    (pairs.root / "d.yaml").write_text("targets: g/*_mask.png\nclasses: [a, b, c]\n")
    assert pairs.miou() in scored(segbench("score", pairs.preds, "--dataset", pairs.root / "d.yaml"))


def test_a_pattern_that_pairs_nothing_gets_no_advice_that_changes_nothing(pairs: Pairs) -> None:
    said = refused(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels, "--pred-names", "im*.png"))
    assert "score them with" not in said
    assert "im1.png" in said


def test_names_that_differ_in_case_alone_are_said_to(pairs: Pairs) -> None:
    pairs.rename(pairs.gts, "{}-A.png")
    pairs.rename(pairs.preds, "{}-a.png")
    assert "upper and lower case alone" in refused(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels))


def test_a_pair_of_files_is_scored(pairs: Pairs) -> None:
    (pairs.preds / "im2.png").rename(pairs.preds / "other.png")
    result = segbench("score", pairs.preds / "other.png", pairs.gts / "im2.png", "--labels", pairs.labels)
    assert pairs.miou("im2") in scored(result)


def test_one_prediction_is_scored_against_the_target_of_its_name_and_the_record_says_so(pairs: Pairs) -> None:
    record = pairs.root / "r.json"
    result = segbench("score", pairs.preds / "im2.png", pairs.gts, "--labels", pairs.labels, "--json", record)
    assert pairs.miou("im2") in scored(result)
    assert "1 of the 3 images were scored (that of im2.png)" in result.stderr
    data = json.loads(record.read_text())["dataset"]
    assert (data["images"], data["of"], data["subset"]) == (1, 3, "that of im2.png")


def test_one_prediction_that_fits_no_target_is_told_to_name_it(pairs: Pairs) -> None:
    (pairs.preds / "im2.png").rename(pairs.preds / "other.png")
    said = refused(segbench("score", pairs.preds / "other.png", pairs.gts, "--labels", pairs.labels))
    assert "no target of the 3 is called so" in said
    assert "segbench score PRED TARGET" in said


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--only", "predicted"], ["im2"]),
        (["--only", "list.txt"], ["im2"]),
        (["--only", "cells.csv"], ["im2"]),
        (["--limit", "2", "--only", "predicted"], ["im2"]),
    ],
)
def test_some_pairs_are_scored_and_the_record_says_which(
    pairs: Pairs, options: list[str], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pairs.root)
    (pairs.preds / "im1.png").unlink()
    (pairs.preds / "im3.png").unlink()
    Path("cells.csv").write_bytes('\ufeff"im2";"chur"\r\n'.encode())
    Path("list.txt").write_bytes("g\\im2.png\r\n".encode("utf-16"))
    result = segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels, *options, "--json", "r.json")
    assert pairs.miou(*names) in scored(result)
    assert "1 of the 3 images were scored" in result.stderr
    assert json.loads(Path("r.json").read_text())["dataset"]["of"] == 3


def test_without_a_choice_the_missing_are_named_and_how_to_score_the_rest(pairs: Pairs) -> None:
    (pairs.preds / "im3.png").unlink()
    said = refused(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels))
    assert "im3: no prediction" in said
    assert "2 of 3 targets have a prediction: --only predicted scores these alone" in said


def test_names_of_a_list_that_there_are_not_are_all_named(pairs: Pairs) -> None:
    (pairs.root / "list.txt").write_text("im1\nim9\nim2.png\nim8.png\n")
    said = refused(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels, "--only", pairs.root / "list.txt"))
    assert "im9 (name 2)" in said
    assert "im8.png (name 4)" in said
    assert "im1 (" not in said


def test_a_list_that_is_missing_or_empty_is_refused(pairs: Pairs) -> None:
    assert "this list cannot be read" in refused(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels, "--only", "none.txt"))
    (pairs.root / "empty").touch()
    assert "the list is empty" in refused(
        segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels, "--only", pairs.root / "empty")
    )


def test_predictions_that_are_the_targets_are_doubted(pairs: Pairs) -> None:
    result = segbench("score", pairs.gts, pairs.gts, "--labels", pairs.labels)
    assert "mIoU 100.0" in scored(result)
    assert "PREDS and GTS are the same" in result.stderr
    for name in pairs.counts:
        write_labels(pairs.preds / f"{name}.png", read_labels(pairs.gts / f"{name}.png"))
    result = segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels)
    assert "is PREDS a copy of the targets?" in result.stderr


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="such names cannot be there")
@pytest.mark.parametrize("name", [b"caf\xe9", b"\x1b[31mred\x07"])
def test_names_in_other_bytes_are_scored_and_shown_without_steering_the_terminal(pairs: Pairs, name: bytes) -> None:
    for side in (pairs.preds, pairs.gts):
        (side / "im1.png").rename(side / f"{os.fsdecode(name)}.png")
    arguments = ("score", pairs.preds, pairs.gts, "--labels", pairs.labels)
    assert pairs.miou() in scored(segbench(*arguments, "--json", pairs.root / "r.json"))
    (pairs.preds / f"{os.fsdecode(name)}.png").unlink()
    said = refused(segbench(*arguments))
    assert "\x1b[31m" not in said
    assert "\\xe9" in said or "\\x1b[31mred\\x07: no prediction" in said


def test_targets_that_stand_there_twice_are_named(pairs: Pairs) -> None:
    write_labels(pairs.gts / "im1.png", np.zeros((9, 12), np.uint8))
    (pairs.gts / "im1.tif").write_bytes((pairs.gts / "im1.png").read_bytes())
    said = refused(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels))
    assert "im1.png and im1.tif" in said
    assert pairs.preds.exists()
    scored(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels, "--target-names", "*.png"))


def test_targets_of_a_rare_kind_are_not_left_out_beside_others(pairs: Pairs) -> None:
    np.save(pairs.gts / "im3.npy", read_labels(pairs.gts / "im3.png"))
    arguments = ("score", pairs.preds, pairs.gts, "--labels", pairs.labels)
    assert pairs.miou() in scored(segbench(*arguments))
    (pairs.gts / "im3.png").unlink()
    said = refused(segbench(*arguments))
    assert "1 files of a rare kind would be left out" in said
    assert "im3.npy" in said
    assert pairs.miou("im1", "im2") in scored(segbench(*arguments, "--target-names", "*.png"))
    for name in ("im1", "im2"):
        np.save(pairs.gts / f"{name}.npy", read_labels(pairs.gts / f"{name}.png"))
        (pairs.gts / f"{name}.png").unlink()
    assert pairs.miou() in scored(segbench(*arguments))


def test_folders_without_label_maps_say_what_they_hold(pairs: Pairs) -> None:
    for name in pairs.counts:
        (pairs.preds / f"{name}.png").rename(pairs.preds / f"{name}.jpg")
    said = refused(segbench("score", pairs.preds, pairs.gts, "--labels", pairs.labels))
    assert "it holds 3 .jpg; JPEG is lossy" in said


@pytest.mark.parametrize(("role", "option"), [("p", "--encoding color"), ("g", "--target-encoding color")])
def test_colours_are_told_the_option_of_their_own_side(pairs: Pairs, role: str, option: str) -> None:
    from PIL import Image

    pairs.labels.write_text(
        "name: toy\nclasses:\n  - {name: a, color: [9, 8, 7]}\n  - {name: b, color: [200, 0, 0]}\n  - {name: c, color: [0, 0, 200]}\n"
    )
    colors = np.array([[9, 8, 7], [200, 0, 0], [0, 0, 200]], np.uint8)
    for name in pairs.counts:
        path = pairs.root / role / f"{name}.png"
        Image.fromarray(colors[read_labels(path)]).save(path)
    arguments = ("score", pairs.preds, pairs.gts, "--labels", pairs.labels)
    said = refused(segbench(*arguments))
    assert "3 bands (RGB), drawn in the colours of 'toy'" in said
    assert f"\n{option} reads them by their colours" in said
    assert pairs.miou() in scored(segbench(*arguments, *option.split()))
