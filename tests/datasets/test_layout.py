from __future__ import annotations

from pathlib import Path

import pytest

from segbench.datasets.layout import files_by_id, folder_of, listed_samples, paired_samples, read_list, require_split
from segbench.errors import DataError


def _touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_layout_begins_in_the_folder_or_in_a_nested_one(tmp_path: Path) -> None:
    _touch(tmp_path / "outer" / "inner" / "images" / "1.jpg")
    for given in (tmp_path / "outer", tmp_path / "outer" / "inner"):
        assert folder_of("x", given, ("images",), ("inner",), "way out") == tmp_path / "outer" / "inner"


def test_a_folder_that_is_no_layout_is_refused_with_every_place_that_was_looked_at(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="x: no folder given\nway out"):
        folder_of("x", None, ("images",), ("inner",), "way out")
    with pytest.raises(DataError, match=r"images and lists not found in .* or .*inner\nway out"):
        folder_of("x", tmp_path, ("images", "lists"), ("inner",), "way out")


def test_an_unknown_split_is_refused_with_those_that_exist() -> None:
    require_split("x", "val", ("train", "val"))
    with pytest.raises(DataError, match="x has no split 'test'\nits splits are train, val"):
        require_split("x", "test", ("train", "val"))


def test_a_list_gives_each_id_once_and_sorted_whatever_its_lines_look_like(tmp_path: Path) -> None:
    listing = tmp_path / "train.txt"
    listing.write_text("b\n\na\nb\n/JPEGImages/c.jpg /SegmentationClassAug/c.png\n")
    assert read_list("x", listing, "way out") == ["a", "b", "c"]
    listing.write_text("\n")
    with pytest.raises(DataError, match=r"train\.txt: the list of the split is empty"):
        read_list("x", listing, "way out")
    with pytest.raises(DataError, match="list of the split is missing"):
        read_list("x", tmp_path / "val.txt", "way out")


def test_every_missing_file_of_a_list_is_named(tmp_path: Path) -> None:
    _touch(tmp_path / "a.jpg", tmp_path / "b.png")

    def samples(ids: list[str]) -> None:
        listed_samples("x", ids, lambda i: tmp_path / f"{i}.jpg", lambda i: tmp_path / f"{i}.png", "way out")

    with pytest.raises(DataError, match="2 of 4 files are missing") as caught:
        samples(["a", "b"])
    assert all(any(name in line for line in caught.value.problems) for name in ("target of a", "image of b"))


def test_files_are_found_by_their_ending_in_whatever_case(tmp_path: Path) -> None:
    _touch(*(tmp_path / name for name in ("b.JPG", "a.jpg", "a_x.jpg", ".hidden.jpg", "a.txt")))
    assert files_by_id(tmp_path, ".jpg", ("_x.jpg",)) == {"a": tmp_path / "a.jpg", "b": tmp_path / "b.JPG"}
    assert files_by_id(tmp_path / "none", ".jpg") == {}


def test_files_without_a_partner_are_all_named(tmp_path: Path) -> None:
    images, targets = ({i: tmp_path / f"{i}{suffix}" for i in ids} for ids, suffix in (("ab", ".jpg"), ("bcd", ".png")))
    with pytest.raises(DataError, match="x: 3 files have no partner\n") as caught:
        paired_samples("x", images, targets, "images/*.jpg", "way out")
    assert [line.rpartition("/")[2] for line in caught.value.problems] == [
        "a.jpg: its target is missing",
        "c.png: its image is missing",
        "d.png: its image is missing",
    ]
    assert [s.id for s in paired_samples("x", images, {i: tmp_path / i for i in "ba"}, "", "")] == ["a", "b"]
    with pytest.raises(DataError, match=r"x: there is nothing in images/\*\.jpg"):
        paired_samples("x", {}, {}, "images/*.jpg", "way out")
