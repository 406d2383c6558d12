from __future__ import annotations

from pathlib import Path

import pytest

from segbench.datasets.wildcards import matches, partners, wildcards


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a/1_rgb.jpg", "a/2_rgb.jpg", "a/x.txt", "b/c/3_rgb.jpg", "4_rgb.jpg", "a/.5_rgb.jpg", "s[1]/6_rgb.jpg", "s1/7_rgb.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a/9_rgb.jpg").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("a/*_rgb.jpg", ["1", "2"]),
        ("*/?_rgb.jpg", ["a/1", "a/2", "s1/7", "s[1]/6"]),
        ("**/*_rgb.jpg", ["4", "a/1", "a/2", "b/c/3", "s1/7", "s[1]/6"]),
        ("a/**/*_rgb.jpg", ["1", "2"]),
        ("s[1]/*_rgb.jpg", ["6"]),
        ("none/*", []),
    ],
)
def test_a_file_is_called_by_what_stands_in_the_wildcards(root: Path, pattern: str, keys: list[str]) -> None:
    assert list(matches(root, pattern)) == keys


def test_a_pattern_may_start_at_the_root_of_the_disk(root: Path) -> None:
    assert matches(Path("elsewhere"), f"{root}/a/*_rgb.jpg") == matches(root, "a/*_rgb.jpg")


def test_wildcards_are_told_apart() -> None:
    assert wildcards("a/**/b*/?.png") == ["**/", "*", "?"]
    assert wildcards("a/b.png") == []


def test_files_without_a_partner_are_all_named() -> None:
    images = {"1": Path("i/1.jpg"), "2": Path("i/2.jpg")}
    targets = {"2": Path("t/2.png"), "3": Path("t/3.png")}
    assert partners(images, targets) == ("t/3.png: a target without an image", "i/1.jpg: an image without a target")
    assert partners(images, images) == ()
