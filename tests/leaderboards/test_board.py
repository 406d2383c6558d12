from __future__ import annotations

from pathlib import Path

import pytest

from segbench.errors import DataError, RecordError
from segbench.files.json_text import write_text
from segbench.leaderboards.board import read_boards, read_files
from segbench.leaderboards.rules import read_reported, read_rules
from tests.report.fakes import FAIR, GOOD, profile, run_record

HEADER = "model,registered,variant,backbone,miou,scales,input,data,by,year,source,url\n"
ROWS = (
    "U-Net,unet,,,61.5,single,512x1024,,paper,2015,Table 1,https://example.org/unet\n"
    "SegNet,segnet,basic,VGG16,62.25,multi,,coarse,others,2017,README,https://example.org/segnet\n"
)


def board(root: Path, rules: str = "", reported: str = "") -> Path:
    for name, text in (("board.yaml", rules), ("reported.csv", reported)):
        if text:
            write_text(root / name, text)
    return root


def test_a_board_holds_its_rules_its_records_profiles_and_published_numbers(tmp_path: Path) -> None:
    folder = board(tmp_path / "toy", "title: A toy\ndataset: toy\nimages: 4\nprotocol: {flip: false}\n", HEADER + ROWS)
    for name, matrix in (("b", FAIR), ("a", GOOD)):
        write_text(folder / "records" / f"{name}.json", run_record(name, matrix).to_json())
    write_text(folder / "records" / "a.profile.json", profile("a", 3.0).to_json())
    (found,) = read_boards(tmp_path)
    assert (found.name, found.rules.title, found.rules.dataset, found.rules.images) == ("toy", "A toy", "toy", 4)
    assert found.rules.protocol == {"flip": False}
    assert [record.name for record in found.records] == ["a", "b"]
    assert [each.path.name for each in found.measured] == ["a.json", "b.json"]
    assert [measured.model for measured in found.profiles] == ["a"]
    assert [(row.model, row.miou, row.fraction) for row in found.reported] == [("SegNet", "62.25", 0.6225), ("U-Net", "61.5", 0.615)]


def test_a_folder_without_a_file_of_rules_has_its_name_for_a_title_and_no_rules(tmp_path: Path) -> None:
    rules = read_rules(tmp_path)
    assert (rules.title, rules.written, rules.dataset) == (tmp_path.name, False, None)


def test_published_numbers_alone_and_profiles_alone_make_a_board(tmp_path: Path) -> None:
    board(tmp_path / "published", reported=HEADER + ROWS)
    write_text(tmp_path / "speed" / "records" / "a.profile.json", profile("a", 3.0).to_json())
    assert [(len(b.measured), len(b.profiles), len(b.reported)) for b in read_boards(tmp_path)] == [(0, 0, 2), (0, 1, 0)]


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ("titel: x", r"yaml:1: board has no key 'titel'; did you mean 'title'\?"),
        ("title: x\nimages: many", "yaml:2: images: 'many' is not a whole number"),
        ("data: everything", "data: 'everything' is none of dataset, stated"),
        ("protocol: whole", "protocol: 'whole' is not a mapping"),
        ("[a, b]", "board must be a mapping"),
        ("a: [", r"board\.yaml"),
    ],
)
def test_rules_that_mean_nothing_are_named(tmp_path: Path, rules: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_rules(board(tmp_path, rules))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("U-Net,,,,61.5,both,,,paper,2015,T,https://a.b\n", "line 2: scales: 'both'"),
        ("U-Net,,,,0.615,single,,,paper,2015,T,https://a.b\n", "line 2: miou: '0.615' is no per cent"),
        ("U-Net,,,,61.5,single,,,paper,2015,,https://a.b\n", "line 2: source is empty"),
        ("U-Net,,,,61.5,single,,,paper,2015,T,recalled\n", "line 2: url: 'recalled'"),
        ("U-Net,,,,61.5,single,,,paper,15?,T,https://a.b\n", "line 2: year: '15\\?'"),
        ("U-Net,,61.5\n", "line 2: it has too many or too few columns"),
        (ROWS + ROWS, "line 4: stands in line 2 already"),
    ],
)
def test_a_published_number_without_a_source_or_a_meaning_is_named(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_reported(board(tmp_path, reported=HEADER + line))


def test_published_numbers_need_their_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its columns must be model,registered"):
        read_reported(board(tmp_path, reported="model,miou\nU-Net,61.5\n"))


def test_every_file_that_cannot_be_read_is_named_at_once(tmp_path: Path) -> None:
    board(tmp_path / "one", "titel: x")
    board(tmp_path / "two", reported="model\n")
    write_text(tmp_path / "two" / "records" / "broken.json", "{")
    with pytest.raises(RecordError) as caught:
        read_boards(tmp_path)
    for part in ("one", "titel", "two", "its columns", "broken.json", "3 files"):
        assert part in str(caught.value)


def test_a_record_that_is_being_written_is_none_yet(tmp_path: Path) -> None:
    folder = board(tmp_path / "toy")
    write_text(folder / "records" / "a.json", run_record("a", GOOD).to_json())
    (folder / "records" / ".b.7.partial.json").write_text('{"half')
    (tmp_path / ".hidden" / "records").mkdir(parents=True)
    assert [[each.record.name for each in found.measured] for found in read_boards(tmp_path)] == [["a"]]
    assert [len(read_files([path], [])[0]) for path in (folder, folder / "records")] == [1, 1]
