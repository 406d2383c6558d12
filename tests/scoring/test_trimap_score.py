"""The trimap curve of several models as a table and a picture; and what comparisons say of what is counted beside pairs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from segbench.images.files import read_labels, write_labels
from tests.scoring.test_errors_score import root, score, segbench

__all__ = ["root"]  # a fixture
BESIDE = ("--errors", "--trimap", "--surface", "2,0.008", "--size-strata", 2)
TITLES = {
    "errors": "errors by cause",
    "sizes": "segments by size",
    "strata": "segments by quantiles of size",
    "trimap": "mIoU near edges",
    "surface": "boundaries",
}


@pytest.fixture
def records(root: Path) -> Path:
    for preds in ("preds", "blind"):
        assert score(root, preds, *BESIDE, "--json", root / "records" / f"{preds}.json").exit_code == 0
    return root / "records"


def test_curves_are_printed_and_drawn_for_all_models(records: Path, tmp_path: Path) -> None:
    shown = segbench("trimap", records, "--plot", tmp_path / "t.svg")
    assert shown.exit_code == 0, shown.output
    assert "mIoU within px of an edge" in shown.stdout
    svg = (tmp_path / "t.svg").read_text()
    assert all(words in svg for words in ("preds", "blind", "an edge of the target", "shaded"))
    rows = json.loads(segbench("trimap", records, "--json").stdout)
    data = json.loads((records / "blind.json").read_text())
    (blind,) = (row for row in rows if row["model"] == "blind")
    assert [point["miou"] for point in blind["trimap"]] == [data["scores"][f"trimap_miou_{point['width']}"] for point in blind["trimap"]]
    assert blind["trimap"][0]["interval"] == data["intervals"]["trimap_miou_1"]
    assert segbench("trimap", records, "--plot", tmp_path / "t.png").exit_code == 0
    assert (tmp_path / "t.png").stat().st_size > 10_000


def test_records_without_a_curve_and_of_other_data_are_refused(records: Path, root: Path) -> None:
    assert score(root, "preds", "--json", root / "plain.json").exit_code == 0
    lacking = segbench("trimap", root / "plain.json")
    assert lacking.exit_code == 2
    assert "no trimap curve is in 1 of 1 records: preds" in lacking.stderr
    assert score(root, "preds", "--trimap", "--limit", 3, "--json", records / "few.json").exit_code == 0
    apart = segbench("trimap", records, "--plot", root / "t.svg")
    assert apart.exit_code == 2
    assert "records of different signatures do not belong in one picture" in apart.stderr


def test_a_comparison_shows_what_both_have_counted(records: Path) -> None:
    words = ("compare", records / "blind.json", records / "preds.json")
    shown, markdown, facts = segbench(*words).stdout, segbench(*words, "--markdown").stdout, json.loads(segbench(*words, "--json").stdout)
    scores = [json.loads((records / f"{name}.json").read_text())["scores"] for name in ("blind", "preds")]
    for called, title in TITLES.items():
        assert title in shown
        assert f"<summary>{title}</summary>" in markdown
        assert facts[called]
    (near,) = (row for row in facts["trimap"] if row["name"] == "within 4 px")
    assert near["difference"] == pytest.approx(scores[0]["trimap_miou_4"] - scores[1]["trimap_miou_4"])
    assert near["interval"][0] <= near["difference"] <= near["interval"][1]
    names = {row["name"] for row in facts["surface"]}
    assert {"NSD, within 2 px", "boundary F per image, within 0.8 % of the diagonal"} <= names
    assert {row["name"] for row in facts["sizes"]} >= {"small, found", "small, recall"}


def test_seeds_are_compared_in_the_same_scores(root: Path) -> None:
    for side, preds in (("a", "preds"), ("b", "blind")):
        for seed in (1, 2):
            for path in sorted((root / preds).iterdir()):
                changed = read_labels(path)
                changed[seed, : 2 + 3 * seed] = np.uint8(9)
                write_labels(root / f"{side}{seed}" / path.name, changed)
            assert score(root, f"{side}{seed}", *BESIDE, "--json", root / "seeds" / f"{side}-{seed}.json").exit_code == 0
    words = ("compare", str(root / "seeds" / "a-*.json"), str(root / "seeds" / "b-*.json"))
    for result in (segbench(*words), segbench(*words, "--markdown")):
        assert result.exit_code == 0, result.output
        assert all(title in result.stdout for title in TITLES.values())
        assert "NSD per image, within 2 px" in result.stdout
