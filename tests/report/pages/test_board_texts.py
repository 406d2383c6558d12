from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from segbench.errors import RecordError
from segbench.files.json_text import write_text
from segbench.leaderboards.rules import read_reported
from segbench.metrics.per_image import PerImage
from segbench.models import MODELS
from segbench.records.per_image import write_per_image
from segbench.report.pages.board_files import rebuild
from tests.report.fakes import FAIR, GOOD, profile, run_record

RULES = """
title: A | toy
about: Toys are compared.
dataset: toy
split: val
images: 4
targets_sha256: abababababab
protocol: {tiling: whole, scales: [1.0, 0.5], flip: false}
data: dataset
measured: By children.
command: segbench run --models NAME
"""
REPORTED = """model,registered,variant,backbone,miou,scales,input,data,by,year,source,url
U-Net,unet,,,61.5,single,512x1024,,authors,2015,Table 1,https://example.org/unet
SegNet,,basic,VGG16,62.25,multi,,coarse,others,2017,README,https://example.org/segnet
FCN,,,,60,unstated,,,authors,2015,abstract,https://example.org/fcn
"""


def images(matrix: list[list[int]], count: int) -> PerImage:
    return PerImage(np.stack([np.array(matrix)] * count))


def record_of(root: Path, name: str, matrix: list[list[int]], count: int, *, matrices: bool = True) -> None:
    write_text(root / "records" / f"{name}.json", run_record(name, np.array(matrix) * count).to_json())
    if matrices:
        write_per_image(root / "records" / f"{name}.npz", [str(i) for i in range(count)], images(matrix, count))


def pages(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): data.decode() for path, data in rebuild(root).items() if path.suffix in (".md", ".csv")}


def section(page: str, title: str) -> str:
    return page.split(f"## {title}\n")[1].split("\n## ")[0]


def test_a_page_states_the_rules_of_its_board(tmp_path: Path) -> None:
    write_text(tmp_path / "toy" / "board.yaml", RULES)
    record_of(tmp_path / "toy", "a", GOOD, 2)
    page = pages(tmp_path)["toy/leaderboard.md"]
    assert page.startswith("# A \\| toy\n")
    assert "\nToys are compared.\n" in page
    rules = section(page, "Rules")
    assert "- **Data**: toy, split val (images 4, targets `abababab…`)" in rules
    assert "- **Protocol**: tiling whole, scales 1, 0.5, flip no" in rules
    assert "- **Training data**: the training images of the dataset itself, and nothing else" in rules
    assert "- **Measured**: By children." in rules
    assert "`segbench submit RECORD.json --board leaderboards/toy`" in rules


def test_a_board_of_speed_states_rules_about_times_and_none_about_data(tmp_path: Path) -> None:
    write_text(tmp_path / "fast" / "board.yaml", "title: Fast\nmeasured: By children.\n")
    write_text(tmp_path / "fast" / "records" / "a.profile.json", profile("a", 3.0).to_json())
    rules = section(pages(tmp_path)["fast/leaderboard.md"], "Rules")
    assert "- **Protocol**: all rows of a table are of one machine, size, batch, number of threads and version of torch\n" in rules
    assert "- **Measured**: By children.\n" in rules
    assert "- **Add a network**: `segbench profile NAMES --out leaderboards/fast` measures those that have no record" in rules
    assert not [word for word in ("Data", "split", "Training", "submit", "record of") if word in rules]


def test_rules_that_name_no_dataset_name_no_split(tmp_path: Path) -> None:
    write_text(tmp_path / "toy" / "board.yaml", "title: Toys\n")
    assert "- **Data**: any\n" in pages(tmp_path)["toy/leaderboard.md"]


def test_a_closed_board_says_why_nothing_can_be_added(tmp_path: Path) -> None:
    write_text(tmp_path / "toy" / "board.yaml", "closed: nobody has the targets\n")
    page = pages(tmp_path)["toy/leaderboard.md"]
    assert "- **Add a record**: not possible: nobody has the targets" in page
    assert "Protocol" not in page
    assert "submit" not in page


def test_published_numbers_stand_in_tables_of_their_own_by_scales_with_their_sources(tmp_path: Path) -> None:
    write_text(tmp_path / "toy" / "reported.csv", REPORTED)
    record_of(tmp_path / "toy", "a", GOOD, 2)
    files = pages(tmp_path)
    page = files["toy/leaderboard.md"]
    one, several, unstated = (
        section(page, f"Published: {t}") for t in ("one scale", "several scales, or mirrored as well", "scales not stated")
    )
    assert "| U-Net (`unet`) |  | 61.5 | 512x1024 |  | authors | 2015 | [Table 1](https://example.org/unet) |" in one
    assert "| SegNet | basic, VGG16 | 62.25 |  | coarse | others | 2017 | [README](https://example.org/segnet) |" in several
    assert "| FCN |" in unstated
    assert page.count("U-Net") == page.count("62.25") == 1
    assert "3 numbers below were published by others" in page
    assert "U-Net" not in files["toy/leaderboard.csv"]


def test_a_board_of_published_numbers_alone_is_a_page_and_a_line_of_the_index(tmp_path: Path) -> None:
    write_text(tmp_path / "toy" / "reported.csv", REPORTED)
    write_text(tmp_path / "toy" / "board.yaml", RULES)
    files = pages(tmp_path)
    assert set(files) == {"README.md", "toy/leaderboard.md"}
    assert "| [toy](toy/leaderboard.md) | toy, split val: 4 images | 0 | – | – | 3 |" in files["README.md"]
    assert "How to read this" not in files["toy/leaderboard.md"]


def test_rows_that_a_paired_test_tells_apart_have_ranks_of_their_own(tmp_path: Path) -> None:
    for name, matrix in (("good", GOOD), ("twin", GOOD), ("fair", FAIR)):
        record_of(tmp_path / "toy", name, matrix, 12)
    files = pages(tmp_path)
    assert [row["rank"] for row in csv.DictReader(files["toy/leaderboard.csv"].splitlines())] == ["1", "1", "3"]
    assert "| 3 | fair |" in files["toy/leaderboard.md"]
    assert "Holm-corrected" in files["toy/leaderboard.md"]


def test_too_few_images_tell_nothing_apart(tmp_path: Path) -> None:
    for name, matrix in (("good", GOOD), ("fair", FAIR)):
        record_of(tmp_path / "toy", name, matrix, 3)
    assert [row["rank"] for row in csv.DictReader(pages(tmp_path)["toy/leaderboard.csv"].splitlines())] == ["1", "1"]


def test_a_record_without_matrices_has_no_rank_and_a_lone_record_needs_none(tmp_path: Path) -> None:
    for name, matrix in (("good", GOOD), ("fair", FAIR)):
        record_of(tmp_path / "toy", name, matrix, 12)
    record_of(tmp_path / "toy", "bare", GOOD, 12, matrices=False)
    record_of(tmp_path / "lone", "a", GOOD, 12)
    files = pages(tmp_path)
    ranks = {row["model"]: row["rank"] for row in csv.DictReader(files["toy/leaderboard.csv"].splitlines())}
    assert ranks == {"good": "1", "fair": "2", "bare": ""}
    assert "| – | bare |" in files["toy/leaderboard.md"]
    assert "rank" not in files["lone/leaderboard.csv"]
    assert "Holm" not in files["lone/leaderboard.md"]


def test_matrices_of_other_images_are_not_ranked(tmp_path: Path) -> None:
    record_of(tmp_path / "toy", "a", GOOD, 12)
    record_of(tmp_path / "toy", "b", FAIR, 6)
    with pytest.raises(RecordError, match=r"toy: a paired comparison needs the same images"):
        rebuild(tmp_path)


@pytest.mark.parametrize("split", ["val", "test"])
def test_the_committed_boards_show_every_published_number_once_with_its_source(split: str) -> None:
    board = Path(__file__).parents[3] / "leaderboards" / f"cityscapes-{split}"
    page = (board / "leaderboard.md").read_text(encoding="utf-8")
    rows = read_reported(board)
    shown = [line for line in page.splitlines() if line.startswith("| ") and "](https://" in line]
    assert len(shown) == len(rows) > 20
    assert f"The {len(rows)} numbers below" in page
    assert {name for row in rows if (name := row.registered)} <= set(MODELS.table)
    for row in rows:
        assert any(f" | {row.miou} | " in line and f"]({row.url})" in line for line in shown), row
