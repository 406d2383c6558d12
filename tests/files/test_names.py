"""Names are the same in any form of Unicode and with any number of endings, and are shown without steering a terminal."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from segbench.files.names import as_written, bare, composed, printable


def test_an_umlaut_of_one_character_or_of_two_is_the_same_name() -> None:
    assert composed(unicodedata.normalize("NFD", "Zürich")) == "Zürich"
    assert composed("bern") == "bern"


@pytest.mark.parametrize(
    ("name", "stem"),
    [("a.png", "a"), ("a.jpg.png", "a"), ("a.JPG.Tif", "a"), ("a.v2.png", "a.v2"), ("a", "a"), (".png", ".png"), ("a.txt", "a.txt")],
)
def test_a_bare_name_has_no_ending_of_a_picture(name: str, stem: str) -> None:
    assert bare(name) == stem


def test_a_path_is_found_in_the_form_in_which_it_is_written(tmp_path: Path) -> None:
    decomposed = tmp_path / unicodedata.normalize("NFD", "Zürich.png")
    decomposed.touch()
    assert as_written(tmp_path / "Zürich.png").exists()
    assert as_written(tmp_path / "none.png") == tmp_path / "none.png"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext", "plain\n\ttext"),
        ("Zürich 東京", "Zürich 東京"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\rb", "a\\x0db"),
        ("right\u202eleft", "right\\u202eleft"),
        (os.fsdecode(b"caf\xe9"), "caf\\xe9"),
    ],
)
def test_text_that_would_steer_a_terminal_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown
    printable(text).encode()
