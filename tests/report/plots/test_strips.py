from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segbench.errors import DataError
from segbench.files.json_text import write_text
from segbench.leaderboards.board import read_boards
from segbench.metrics.per_image import PerImage
from segbench.records.per_image import write_per_image
from segbench.report.plots import strips
from segbench.report.plots.gallery import Failure
from tests.report.fakes import GOOD, LABELS, run_record

IMAGE = np.random.default_rng(0).integers(0, 256, (80, 600, 3), np.uint8)
TARGET = np.repeat(np.arange(4, dtype=np.uint8), 20)[:, None].repeat(600, axis=1)


def failure(name: str) -> Failure:
    return Failure(name, (("road", 0.1),), IMAGE, TARGET, TARGET[::-1].copy())


@pytest.fixture
def board(tmp_path: Path) -> Path:
    write_text(tmp_path / "records" / "a.json", run_record("a", GOOD).to_json())
    return tmp_path


def test_a_strip_is_four_panels_that_a_phone_can_load(tmp_path: Path):
    strips.write_strips(tmp_path, [failure(f"city/{i}") for i in range(5)], LABELS)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["1-0.webp", "2-1.webp", "3-2.webp"]
    with Image.open(tmp_path / "1-0.webp") as picture:
        assert picture.size == (4 * 200 + 3 * strips.GAP, 27)
    assert (tmp_path / "1-0.webp").stat().st_size < strips.LARGEST


def test_pictures_of_an_earlier_run_go(tmp_path: Path):
    strips.write_strips(tmp_path, [failure("x"), failure("y")], LABELS)
    strips.write_strips(tmp_path, [failure("z")], LABELS)
    assert [path.name for path in tmp_path.iterdir()] == ["1-z.webp"]


def test_a_record_has_the_pictures_of_its_name_with_the_score_of_each_image(board: Path):
    strips.write_strips(board / "gallery" / "a", [failure("city/x"), failure("city/y")], LABELS)
    strips.write_strips(board / "gallery" / "b", [failure("city/z")], LABELS)
    counts = np.array([[[8, 2, 0, 0], [0, 10, 0, 0], [0, 0, 0, 0]], np.array(GOOD) - [[8, 2, 0, 0], [0, 10, 0, 0], [0, 0, 0, 0]]], np.int64)
    write_per_image(board / "records" / "a.npz", ["city/x", "city/w"], PerImage(counts))
    first, second = strips.strips_of(read_boards(board)[0].measured[0])
    assert first["caption"] == f"x, mIoU {50 * (8 / 10 + 10 / 12):.1f} %: image, target, prediction, errors"
    assert second["caption"] == "y: image, target, prediction, errors"
    assert first["src"].startswith("data:image/webp;base64,UklGR")


def test_a_record_without_pictures_has_an_empty_gallery(board: Path):
    assert strips.strips_of(read_boards(board)[0].measured[0]) == []


def test_a_picture_too_large_for_the_page_is_refused_by_name(board: Path):
    (board / "gallery" / "a").mkdir(parents=True)
    (board / "gallery" / "a" / "1-x.webp").write_bytes(b"RIFF\0\0\0\0WEBP" + bytes(strips.LARGEST + 1))
    with pytest.raises(DataError, match=r"1-x\.webp: 60013 bytes"):
        strips.strips_of(read_boards(board)[0].measured[0])
