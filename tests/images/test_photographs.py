"""Photographs of every kind that people have sent: as a viewer shows them, or refused with what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from segbench.errors import ImageError
from segbench.images.files import read_image
from segbench.images.library import size_of
from tests.tiffs import tiff

PIXELS = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
GREY = PIXELS[..., 0]
WIDE = GREY.astype(np.uint16) << 8 | 0x5A


def refusal(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        read_image(path)
    return caught.value.reason


def grey(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(values[..., None], 3, axis=2)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_upright_whatever_its_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(PIXELS).save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    with Image.open(path) as image:
        shown = np.array(ImageOps.exif_transpose(image))
    assert np.array_equal(read_image(path), shown)
    assert size_of(path) == (shown.shape[1], shown.shape[0])
    assert (shown.shape[:2] == (24, 16)) == (orientation >= 5)


def test_a_photograph_that_is_turned_is_written_to_the_memory_that_is_given(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=exif)
    rooms: list[NDArray[np.uint8]] = []
    read_image(tmp_path / "a.png", lambda shape: rooms.append(np.zeros(shape, np.uint8)) or rooms[0])
    assert np.array_equal(rooms[0], np.rot90(PIXELS, 3))


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
def test_sixteen_bits_lose_the_lower_eight(tmp_path: Path, name: str) -> None:
    if name.endswith(".pgm"):  # Pillow writes them of 16 bits since 11
        (tmp_path / name).write_bytes(b"P5 %d %d 65535\n" % WIDE.shape[::-1] + WIDE.astype(">u2").tobytes())
    else:
        Image.fromarray(WIDE).save(tmp_path / name)
    assert np.array_equal(read_image(tmp_path / name), grey(GREY))


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_of_a_tiff_lose_the_lower_eight_in_either_byte_order_also_inverted(tmp_path: Path, order: str) -> None:
    values = WIDE.astype(f"{order}u2")
    (tmp_path / "a.tif").write_bytes(tiff(values))
    assert np.array_equal(read_image(tmp_path / "a.tif"), grey(GREY))
    if order == "<":
        (tmp_path / "b.tif").write_bytes(tiff(values, photometric=0))
        assert np.array_equal(read_image(tmp_path / "b.tif"), grey(255 - GREY))


def test_sixteen_bits_a_channel_lose_the_lower_eight(tmp_path: Path) -> None:
    import struct
    import zlib

    rows = b"".join(b"\0" + row.tobytes() for row in (PIXELS.astype(np.uint16) << 8 | 0x77).astype(">u2"))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 24, 16, 16, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    assert np.array_equal(read_image(tmp_path / "a.png"), PIXELS)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "uint32", "float32", "float64", "int64"])
def test_other_numbers_are_refused_by_their_name(tmp_path: Path, dtype: str) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(GREY.astype(dtype)))
    assert f"1 band of {dtype}; a photograph is RGB or grey of 8 or 16 bits" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize("bands", [3, 5, 8])
def test_bands_that_are_no_colours_are_refused_with_their_number(tmp_path: Path, bands: int) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(np.zeros((4, 5, bands), np.uint8)))
    assert f"{bands} bands of uint8; a photograph is RGB" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", ["tif", "png", "gif", "webp"])
def test_several_images_in_one_file_are_refused_with_their_number(tmp_path: Path, suffix: str) -> None:
    pages = [Image.fromarray(PIXELS + np.uint8(i)) for i in range(3)]
    pages[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=pages[1:])
    assert "of 3 " in refusal(tmp_path / f"a.{suffix}")


def test_the_picture_of_a_telephone_with_its_preview_is_the_first(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[Image.fromarray(PIXELS[::2, ::2])])
    assert read_image(tmp_path / "a.jpg").shape == (16, 24, 3)


def test_a_large_photograph_is_read_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for suffix in ("png", "tif", "bmp", "jpg"):
        Image.fromarray(PIXELS).convert("CMYK" if suffix in {"tif", "jpg"} else "RGB").save(tmp_path / f"a.{suffix}")
        assert read_image(tmp_path / f"a.{suffix}").shape == (16, 24, 3)
    assert Image.MAX_IMAGE_PIXELS == 10, "the limit of the program that uses this stays"


def test_transparent_colours_of_a_palette_give_no_warning(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).convert("P").save(tmp_path / "a.png", transparency=b"\0\x80\xff")
    with Image.open(tmp_path / "a.png") as image:
        image.info.pop("transparency")
        expected = np.array(image.convert("RGB"))
    assert np.array_equal(read_image(tmp_path / "a.png"), expected)
