from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from segbench.leaderboards.board import Board, read_boards
from segbench.report.pages import html as page
from segbench.report.pages.html import boards_page
from segbench.report.pages.tenths import tenths
from segbench.report.tables.numbers import percent
from segbench.report.tables.seeds import board_groups
from tests.report.fakes import many_records
from tests.report.page_boards import LABELS, MATRICES, with_ranks, write_boards

TEMPLATES = Path(page.__file__).parents[1] / "templates"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boards")
    write_boards(folder)
    return folder


@pytest.fixture(scope="module")
def html(root: Path) -> str:
    return boards_page("Leaderboards", with_ranks(root))


class Elements(HTMLParser):
    """Start tags with their attributes, and the text that is no script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


def data_of(html: str) -> Any:
    return json.loads(html.partition('id="data">')[2].partition("</script>")[0])


def test_the_same_boards_give_the_same_bytes(root: Path, html: str):
    assert boards_page("Leaderboards", with_ranks(root)) == html


def test_nothing_of_the_page_lies_elsewhere(html: str):
    tags = Elements(html).tags
    assert {tag for tag, attributes in tags if "src" in attributes} == set()
    assert [attributes["href"] for tag, attributes in tags if tag == "link"] == ["data:,"]
    style = html.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "sourceMappingURL" not in html


def test_what_a_record_says_is_text_and_no_markup(html: str):
    elements = Elements(html)
    assert not [attributes for tag, attributes in elements.tags if tag == "b"]
    assert "All <kinds> of rows." in elements.text
    assert data_of(html)["boards"][0]["groups"][0]["classes"][2] == "<b>bird</b>"


def test_every_element_that_is_named_is_there_once(html: str):
    tags = [attributes for _, attributes in Elements(html).tags]
    ids = [attributes["id"] for attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = {
        attributes[key] for attributes in tags for key in ("aria-labelledby", "data-filter", "data-compare", "for") if attributes.get(key)
    }
    assert named <= set(ids)


def test_the_page_holds_the_integers_of_a_record_and_its_scores_in_tenths(root: Path, html: str):
    group = data_of(html)["boards"][0]["groups"][0]
    beta = next(model for model in group["models"] if model["id"] == "beta")
    assert beta["counts"] == MATRICES["beta"]
    record = next(record for record in read_boards(root)[0].records if record.name == "beta")
    assert beta["iou"] == [round(1000 * value) for value in record.scores.class_iou[:3]] + [None]
    assert beta["shares"][0] == [800, 150, 0, 0, 50]
    assert beta["shares"][3] == [None] * 5
    assert beta["scores"][:2] == [
        ["rank", "1", None],
        [
            "mIoU",
            f"{100 * record.scores.miou:.1f} ± {100 * record.intervals.half_width('miou'):.1f}",
            round(1000 * record.scores.miou),
        ],
    ]


def test_tenths_round_as_the_tables_do():
    values = [i / 20_000 for i in range(20_001)]
    assert [f"{tenth / 10:.1f}" for tenth in tenths(values)] == [percent(value) for value in values]
    assert tenths([[float("nan")]]) == [[None]]


def test_records_of_different_signatures_are_in_different_tables_and_groups(root: Path):
    board = read_boards(root)[0]
    other = [replace(each, record=replace(each.record, protocol={**each.record.protocol, "flip": True})) for each in board.measured]
    html = page_of(replace(board, measured=(*board.measured, *other)))
    groups = data_of(html)["boards"][0]["groups"]
    ids = [model["id"] for group in groups for model in group["models"]]
    assert len(groups) == 2
    assert len(ids) == len(set(ids)) == 8
    assert "Measured: flip: yes" in html


def test_reported_rows_have_a_table_of_their_own(html: str):
    tables = re.findall(r"<table.*?</table>", html, re.DOTALL)
    measured, reported = (next(table for table in tables if name in table) for name in ("alpha", "PSPNet"))
    assert measured != reported
    assert "78.4" in reported
    assert "https://example.org/psp" in reported


def test_what_is_vendored_is_what_the_note_says():
    row = re.compile(r"^\| `(\S+)` \|.*\| ([\d.]+) \| .*`(\S+)` \| `([0-9a-f]{64})` \|$", re.MULTILINE)
    rows = row.findall((TEMPLATES / "vendor" / "README.md").read_text())
    assert {file for file, *_ in rows} == {path.name for path in (TEMPLATES / "vendor").glob("*.js")}
    for file, version, licence, checksum in rows:
        data = (TEMPLATES / "vendor" / file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == checksum
        assert f"v{version}".encode() in data[:200]
        assert len(data) < 300_000
        assert "Permission is hereby granted" in (TEMPLATES / "vendor" / licence).read_text()


def test_the_licence_of_the_chart_library_is_on_the_page(html: str):
    assert "Permission is hereby granted, free of charge" in html


def page_of(board: Board) -> str:
    return boards_page("Leaderboards", [(board, board_groups(board.records, board.profiles))])


def test_a_large_board_stays_a_small_page(root: Path):
    board = read_boards(root)[0]
    labels = replace(LABELS, classes=tuple(replace(LABELS.classes[0], name=f"class {i}", ids=(i,)) for i in range(19)))
    many = many_records(labels, {f"model{i}": {} for i in range(41)})
    measured = tuple(replace(board.measured[0], record=record) for record in many)
    assert len(page_of(replace(board, measured=measured, profiles=())).encode()) < 1_000_000
