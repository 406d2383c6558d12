from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import Base

from segbench.errors import ImageError
from segbench.images import jpeg
from segbench.images.files import read_image

QUALITIES = st.integers(1, 100)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "progressive": st.just(True),
        "optimize": st.just(True),
        "restart_marker_blocks": st.integers(1, 5),
        "subsampling": st.integers(0, 2),
    },
)


def drawn(seed: int, width: int, height: int) -> Image.Image:
    """Slopes, edges and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width, :1][:2]
    values = y * rng.integers(-5, 6, 3) + x * rng.integers(-5, 6, 3) + 90 * (x > width // 2)
    return Image.fromarray((values + rng.integers(0, rng.choice([1, 6, 256]), (height, width, 3))).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def pillows(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(1, 90), st.sampled_from(["RGB", "L"]), QUALITIES, OPTIONS)
def test_a_photograph_has_the_pixels_that_pillow_reads(
    seed: int, width: int, height: int, mode: str, quality: int, options: dict[str, object]
) -> None:
    data = encoded(drawn(seed, width, height).convert(mode), quality=quality, **options)
    read = jpeg.decode_photograph(data)
    assert read is not None
    assert (read.dtype, read.shape) == (np.uint8, (height, width, 3))
    assert np.array_equal(read, pillows(data))


@given(st.integers(0, 2**32 - 1), QUALITIES, OPTIONS, st.data())
def test_what_is_decoded_of_a_damaged_file_is_what_pillow_decodes(
    seed: int, quality: int, options: dict[str, object], data: st.DataObject
) -> None:
    content = bytearray(encoded(drawn(seed, 40, 30), quality=quality, **options))
    at = data.draw(st.integers(0, len(content) - 1))
    match data.draw(st.sampled_from(["changed", "cut", "missing"])):
        case "changed":
            content[at] ^= data.draw(st.integers(1, 255))
        case "cut":
            del content[at:]
        case "missing":
            del content[at : at + data.draw(st.integers(1, 4))]
    if (read := jpeg.decode_photograph(bytes(content))) is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of notes that are cut
            assert np.array_equal(read, pillows(bytes(content)))


def test_a_photograph_that_is_cut_is_one_clear_error(tmp_path: Path) -> None:
    content = encoded(drawn(0, 40, 30))
    for length in (len(content) // 2, len(content) - 40):
        (tmp_path / "photograph.jpg").write_bytes(content[:length])
        with pytest.raises(ImageError, match=r"photograph\.jpg: the file is damaged"):
            read_image(tmp_path / "photograph.jpg")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_that_a_camera_calls_turned_is_for_the_library(orientation: int) -> None:
    notes = Image.Exif()
    notes[Base.Orientation] = orientation
    data = encoded(drawn(0, 40, 30), exif=notes)
    assert (jpeg.decode_photograph(data) is not None) == (orientation == 1)


def test_notes_without_an_orientation_turn_nothing() -> None:
    notes = Image.Exif()
    notes[Base.Make] = "a camera"
    assert jpeg.decode_photograph(encoded(drawn(0, 40, 30), exif=notes)) is not None


def test_other_colours_are_for_the_library(tmp_path: Path) -> None:
    data = encoded(drawn(0, 40, 30).convert("CMYK"))
    assert jpeg.decode_photograph(data) is None
    (tmp_path / "photograph.jpg").write_bytes(data)
    assert np.array_equal(read_image(tmp_path / "photograph.jpg"), pillows(data))


def test_a_photograph_is_written_to_the_memory_that_is_given() -> None:
    data = encoded(drawn(0, 41, 29))
    around = np.full(41 * 29 * 3 + 2, 0xA5, np.uint8)
    read = jpeg.decode_photograph(data, lambda shape: around[1:-1].reshape(shape))
    assert read is not None
    assert read.base is around
    assert np.array_equal(read, pillows(data))
    assert (around[0], around[-1]) == (0xA5, 0xA5)


def test_a_decoded_photograph_can_be_kept() -> None:
    first, second = encoded(drawn(1, 40, 30)), encoded(drawn(2, 40, 30))
    kept = jpeg.decode_photograph(first)
    assert all(np.array_equal(jpeg.decode_photograph(second), pillows(second)) for _ in range(20))
    assert np.array_equal(kept, pillows(first))


def test_without_the_package_pillow_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photograph.jpg").write_bytes(encoded(drawn(0, 40, 30)))
    ours = read_image(tmp_path / "photograph.jpg").copy()
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    assert jpeg.decode_photograph((tmp_path / "photograph.jpg").read_bytes()) is None
    assert np.array_equal(read_image(tmp_path / "photograph.jpg"), ours)
