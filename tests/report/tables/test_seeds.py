"""Several seeds of a model are one row of a board: their mean, their spread and how many they are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segbench.files.json_text import write_text
from segbench.records.run_record import RunRecord
from segbench.report.pages import board_files
from segbench.report.tables.frames import score_table
from segbench.report.tables.seeds import all_seeds, board_groups, score_of_row, seeds_note
from tests.report.fakes import FAIR, GOOD, POOR, profile, run_record


def trained(name: str, matrix: Any, seed: int | None, **recipe: Any) -> RunRecord:
    """A record of a network that a recipe trained; weights are another for each seed."""
    stated = {} if seed is None else {"seed": seed}
    facts = {"dataset": "toy", "recipe": {"steps": 100} | stated | recipe, "continued_from": {"weights_sha256": f"{seed}" * 8}}
    return run_record(name, matrix, weights_sha256=f"{name}{seed}" + "0" * 50, trained_on=facts)


SEEDS = [trained("net", GOOD, 0), trained("net", POOR, 1), trained("net", FAIR, 2)]
LONE = run_record("other", FAIR)


def test_a_row_of_seeds_holds_means_their_number_and_their_standard_deviation() -> None:
    (group,) = board_groups([*SEEDS, LONE])
    assert [record.name for record in group.records] == ["net", "other"] or [record.name for record in group.records] == ["other", "net"]
    table = score_table(group.records, seeds=group.seeds).set_index("model")
    mious = [record.scores.miou for record in SEEDS]
    assert table.loc["net", "mIoU"] == pytest.approx(np.mean(mious))
    assert table.loc["net", "acc"] == pytest.approx(np.mean([record.scores.acc for record in SEEDS]))
    assert table.loc["net", "mIoU sd"] == pytest.approx(np.std(mious, ddof=1))
    assert table["seeds"].fillna(0).to_dict() == {"net": 3, "other": 0}
    assert len(all_seeds(group)) == 4
    (shown,) = group.seeds
    assert shown.scores.miou == sorted(mious)[1], "in pictures it is the one in the middle"
    assert score_of_row(shown, group).endswith("(3 seeds)")
    assert "draws images and seeds" in seeds_note(group)


def test_what_a_training_gave_tells_no_seeds_apart() -> None:
    records = []
    for seed, steps in ((0, 400), (1, 300)):
        facts = {"dataset": "toy", "seconds": 900 + seed, "best_val_miou": 0.2 + seed / 100, "steps": steps}
        recipe = {"steps": 500, "patience": 100, "seed": seed}
        records.append(run_record("net", GOOD, weights_sha256=f"{seed}" * 64, trained_on=facts | {"recipe": recipe}))
    (group,) = board_groups(records)
    assert len(group.seeds) == 1
    without = [replace(each, model=json.loads(json.dumps(each.model).replace('"patience": 100', '"patience": 0'))) for each in records]
    assert not board_groups(without)[0].seeds, "those that had other steps by themselves are trainings of two kinds"


def test_rows_are_in_the_order_of_their_means() -> None:
    first, second = trained("a", GOOD, 0), trained("a", POOR, 1)
    (group,) = board_groups([first, second, run_record("between", FAIR)])
    means = score_table(group.records, seeds=group.seeds)["mIoU"].tolist()
    assert means == sorted(means, reverse=True)
    assert score_table(group.records, seeds=group.seeds)["model"].tolist() == [record.name for record in group.records]


@pytest.mark.parametrize(
    "others",
    [
        [trained("net", POOR, None)],
        [trained("net", POOR, 0)],
        [trained("net", POOR, 1, steps=200)],
        [trained("mynet", POOR, 1)],
        [run_record("net", POOR, weights_sha256="1" * 64)],
    ],
    ids=["no seed is stated", "the same seed", "another recipe", "another name", "no recipe"],
)
def test_what_differs_in_more_than_a_seed_stays_apart(others: list[RunRecord]) -> None:
    (group,) = board_groups([SEEDS[0], *others])
    assert len(group.records) == 2
    assert not group.seeds
    assert "seeds" not in score_table(group.records)
    assert seeds_note(group) == ""


def test_the_seed_that_was_timed_is_shown_with_its_speed() -> None:
    timed = profile("net", 3.0, weights_sha256=SEEDS[1].model["weights_sha256"])
    (group,) = board_groups(SEEDS, [timed])
    assert [record.model["weights_sha256"] for record in group.seeds] == [timed.weights_sha256]
    assert score_table(group.records, [timed], seeds=group.seeds)["network_ms"].tolist() == [3.0]


def test_the_page_and_the_markdown_of_a_board_have_one_row(tmp_path: Path) -> None:
    board = tmp_path / "boards" / "mine"
    for index, record in enumerate([*SEEDS, LONE]):
        write_text(board / "records" / f"{index}.json", record.to_json())
    board_files.write(tmp_path / "boards")
    text = (board / "leaderboard.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| net")]
    assert len(rows) == 1
    assert "| 3 |" in rows[0]
    assert "mIoU sd" in text
    assert "Rows with a number of seeds hold means" in text
    page = (tmp_path / "boards" / "index.html").read_text()
    assert "mIoU sd" in page
    assert page.count('"name":"net"') == page.count('"name":"other"')
    assert "(3 seeds)" in (tmp_path / "boards" / "README.md").read_text() or LONE.scores.miou > np.mean([r.scores.miou for r in SEEDS])
    mean = round(100 * float(np.mean([record.scores.miou for record in SEEDS])), 2)
    assert f'"y":{mean}' in page, "plots show the mean too"
    assert "several seeds: their mean" in (board / "plots" / "miou-macs.svg").read_text()
    assert board_files.check(tmp_path / "boards") == []
