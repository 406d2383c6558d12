"""Text that people wrote with what they have is read in its encoding, or refused with the line and what to save it as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from segbench.datasets.layout import read_list
from segbench.errors import DataError, SegbenchError
from segbench.files.foreign import read_json
from segbench.files.text import read_text
from segbench.labels.files import read_label_space
from segbench.labels.mapping import read_mapping
from segbench.leaderboards.rules import read_reported, read_rules
from segbench.training.recipe import read_recipe

TEXT = "titel: Strasse\r\nname: Bärn\r\n"
ENCODINGS = {
    "utf-8": TEXT.encode(),
    "utf-8 with a mark": TEXT.encode("utf-8-sig"),
    "utf-16 of PowerShell": TEXT.encode("utf-16"),
    "utf-16-le without a mark": TEXT.encode("utf-16-le"),
    "utf-16-be without a mark": TEXT.encode("utf-16-be"),
    "utf-32": TEXT.encode("utf-32"),
}
HEAD = "model,registered,variant,backbone,miou,scales,input,data,by,year,source,url"
ROW = "FooNet,,,,71.20,single,512x1024,,authors,2020,Table 2,https://example.org/a"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_text_is_read_in_its_encoding_without_the_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "text"
    path.write_bytes(ENCODINGS[encoding])
    assert read_text(path) == TEXT


@pytest.mark.parametrize(
    ("content", "where"), [(TEXT.encode("cp1252"), "line 2 is not UTF-8 .*0xe4.*Windows-1252"), (b"\0\xff\0", "line 1")]
)
def test_other_encodings_are_refused_with_the_line_and_what_to_save_it_as(tmp_path: Path, content: bytes, where: str) -> None:
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{path}: {where}(.|\n)*save it as UTF-8"):
        read_text(path)


def _list(path: Path) -> object:
    return read_list("mine", path, "")


def _boards(path: Path) -> object:
    return read_reported(path.parent)


READERS: dict[str, tuple[str, str, Callable[[Path], object]]] = {
    "a list of a split": ("val.txt", "b2\r\na1\r\n", _list),
    "published numbers": ("reported.csv", f"{HEAD}\r\n{ROW}\r\n", _boards),
    "published numbers of a comma country": (
        "reported.csv",
        "\r\n".join(line.replace(",", ";").replace("71.20", "71,20") for line in (HEAD, ROW)) + "\r\n",
        _boards,
    ),
    "rules of a board": ("board.yaml", "title: mine\r\n", lambda path: read_rules(path.parent)),
    "labels": ("labels.yaml", "name: toy\r\nclasses: [a, b]\r\n", read_label_space),
    "a mapping": ("map.yaml", "classes: {a: b}\r\n", lambda path: read_mapping(str(path))),
    "a recipe": ("recipe.yaml", "crop: 64x64\r\n", lambda path: read_recipe(path, {}, "enet")),
    "JSON": ("record.json", '{"a":\r\n 1}', read_json),
}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("kind", READERS)
def test_every_reader_of_text_takes_what_windows_writes(tmp_path: Path, kind: str, encoding: str) -> None:
    name, text, read = READERS[kind]
    path = tmp_path / name
    path.write_text(text.replace("\r\n", "\n"), encoding="utf-8")
    plain = read(path)
    path.write_bytes(text.encode(encoding))
    assert read(path) == plain


@pytest.mark.parametrize("line", ["C:\\data\\val\\a1.png", "val/a1.jpg val/a1.png", "a1;bern", '"a1","bern"', "a1", "/data/a1.png\t1"])
def test_a_line_of_a_list_is_a_name_however_a_system_writes_it(tmp_path: Path, line: str) -> None:
    (tmp_path / "val.txt").write_text(line + "\r\n")
    assert _list(tmp_path / "val.txt") == ["a1"]


@pytest.mark.parametrize("kind", READERS)
def test_every_reader_of_text_names_a_file_in_the_ansi_code_page(tmp_path: Path, kind: str) -> None:
    name, text, read = READERS[kind]
    path = tmp_path / name
    path.write_bytes(text.encode() + "# Zürich\r\n".encode("cp1252"))
    with pytest.raises((SegbenchError, ValueError), match=rf"{name}: line \d is not UTF-8"):
        read(path)


def test_a_comma_in_numbers_is_read_as_one(tmp_path: Path) -> None:
    (tmp_path / "reported.csv").write_text(READERS["published numbers of a comma country"][1])
    (row,) = read_reported(tmp_path)
    assert row.fraction == pytest.approx(0.712)
