"""What lies below a folder is found, whether it is linked to or not; what would be left out is named."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from segbench.datasets.cityscapes import cityscapes
from segbench.datasets.wildcards import matches
from segbench.errors import DataError
from segbench.images.files import write_labels
from segbench.images.folders import files_below, files_in_folders, label_map_files, what_lies_in

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """``data/a/1.png``, and ``data/b`` that is a link to ``store/b`` with ``2.png`` in it."""
    for path in (tmp_path / "data" / "a" / "1.png", tmp_path / "store" / "b" / "2.png"):
        path.parent.mkdir(parents=True)
        path.touch()
    (tmp_path / "data" / "b").symlink_to(tmp_path / "store" / "b")
    return tmp_path / "data"


READERS = {
    "files_below": files_below,
    "label_map_files": label_map_files,
    "one star": lambda root: matches(root, "*/*.png").values(),
    "two stars": lambda root: matches(root, "**/*.png").values(),
    "files_in_folders": lambda root: files_in_folders(root, ".png"),
}


@pytest.mark.parametrize("reader", READERS)
def test_folders_that_are_linked_to_are_folders(store: Path, reader: str) -> None:
    assert sorted(path.name for path in READERS[reader](store)) == ["1.png", "2.png"]


@pytest.mark.parametrize("name", ["c", "v1.0"])
@pytest.mark.parametrize("reader", READERS)
def test_a_link_to_a_folder_that_leads_nowhere_is_named(store: Path, reader: str, name: str) -> None:
    (store / name).symlink_to(store / "gone")
    with pytest.raises(DataError, match=rf"{store / name}: this link leads nowhere \(.*gone\)"):
        list(READERS[reader](store))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("reader", READERS)
def test_a_folder_that_cannot_be_read_is_named(store: Path, reader: str) -> None:
    (store / "a").chmod(0)
    try:
        with pytest.raises(DataError, match="a: this folder cannot be read"):
            list(READERS[reader](store))
    finally:
        (store / "a").chmod(0o700)


def test_links_in_a_circle_are_followed_once(store: Path) -> None:
    (store / "a" / "up").symlink_to(store)
    (store / "a" / "self").symlink_to(store / "a")
    assert sorted(path.name for path in files_below(store) if "up" not in path.parts) == ["1.png", "2.png"]
    assert len(list(files_below(store))) < 10


def test_a_linked_city_is_one_of_cityscapes(cityscapes_set: Path) -> None:
    before = len(cityscapes(cityscapes_set))
    city = cityscapes_set / "elsewhere" / "linked"
    write_labels(city / "linked_000000_000019_gtFine_labelIds.png", np.full((4, 4), 7, np.uint8))
    (cityscapes_set / "gtFine" / "val" / "linked").symlink_to(city)
    assert len(cityscapes(cityscapes_set)) == before + 1
    (cityscapes_set / "gtFine" / "val" / "gone").symlink_to(cityscapes_set / "nowhere")
    with pytest.raises(DataError, match="gone: this link leads nowhere"):
        cityscapes(cityscapes_set)


def test_what_lies_in_a_folder_is_told_by_endings(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.json", "README"):
        (tmp_path / name).touch()
    assert what_lies_in(tmp_path) == "it holds 2 .jpg, 1 .json, 1 without an ending; JPEG is lossy, so it holds no label maps"
