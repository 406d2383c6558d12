from __future__ import annotations

import gc
import struct
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from segbench.errors import DataError, ImageError
from segbench.images.files import read_image, read_labels, read_uint16, write_image, write_labels, write_uint16

# files.py leaves a damaged file, and any GIF, open until it is collected; see test_no_file_stays_open.

IDS = np.arange(34, dtype=np.uint8).repeat(6).reshape(12, 17)


def saved(path: Path, array: NDArray[np.generic], mode: str | None = None, **options: object) -> Path:
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_a_written_label_map_is_read_back(tmp_path_factory: pytest.TempPathFactory, labels: NDArray[np.uint8]) -> None:
    path = tmp_path_factory.getbasetemp() / "labels.png"
    write_labels(path, labels)
    assert np.array_equal(read_labels(path), labels)


@given(hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20)))
def test_a_written_16_bit_map_is_read_back(tmp_path_factory: pytest.TempPathFactory, values: NDArray[np.uint16]) -> None:
    path = tmp_path_factory.getbasetemp() / "values.png"
    write_uint16(path, values)
    read = read_uint16(path)
    assert read.dtype == np.uint16
    assert np.array_equal(read, values)


def test_a_written_photograph_is_read_back(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    write_image(tmp_path / "new" / "image.png", image)
    assert np.array_equal(read_image(tmp_path / "new" / "image.png"), image)


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_a_photograph_is_written_to_the_memory_that_is_given(tmp_path: Path, suffix: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    path = saved(tmp_path / f"image.{suffix}", image)
    room = np.zeros((5, 6, 3), np.uint8)
    with Image.open(path) as opened:
        meant = np.array(opened.convert("RGB"))
    assert read_image(path, lambda shape: room.reshape(shape)).base is room
    assert np.array_equal(room, meant)
    assert np.array_equal(read_image(path), meant)


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
@pytest.mark.parametrize(
    "room",
    [np.zeros((6, 5, 3), np.uint8), np.zeros((5, 6, 3), np.int8), np.zeros((5, 6, 6), np.uint8)[..., ::2], np.zeros((5, 6, 4), np.uint8)],
    ids=["turned", "another type", "with gaps", "four channels"],
)
def test_memory_of_another_kind_is_refused(tmp_path: Path, suffix: str, room: NDArray[np.uint8]) -> None:
    path = saved(tmp_path / f"image.{suffix}", np.zeros((5, 6, 3), np.uint8))
    with pytest.raises(TypeError, match=r"memory for a photograph must be uint8\[5, 6, 3\], C-contiguous and writeable"):
        read_image(path, lambda shape: room)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK"])
def test_a_photograph_of_any_mode_is_rgb(tmp_path: Path, mode: str) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
    path = tmp_path / "image.tif"
    Image.fromarray(image).convert(mode).save(path)
    with Image.open(path) as opened:
        meant = np.array(opened.convert("RGB"))
    read = read_image(path)
    assert np.array_equal(read, meant)
    assert read.flags.writeable


def test_of_a_palette_image_the_indices_are_used_and_not_the_colours(tmp_path: Path) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (34, 3), np.uint8)
    write_labels(tmp_path / "p.png", IDS, colors)
    with Image.open(tmp_path / "p.png") as image:
        assert image.mode == "P"
    assert np.array_equal(read_labels(tmp_path / "p.png"), IDS)
    assert np.array_equal(read_image(tmp_path / "p.png"), colors[IDS])


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "gif", "pgm"])
def test_every_lossless_format_gives_the_same_ids(tmp_path: Path, suffix: str) -> None:
    assert np.array_equal(read_labels(saved(tmp_path / f"ids.{suffix}", IDS)), IDS)


@pytest.mark.parametrize(("suffix", "dtype"), [("png", np.uint16), ("tif", np.uint16), ("tif", np.int32)])
def test_wide_integers_that_hold_bytes_are_fine(tmp_path: Path, suffix: str, dtype: type) -> None:
    labels = read_labels(saved(tmp_path / f"ids.{suffix}", IDS.astype(dtype)))
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, IDS)


def test_a_map_with_values_over_255_is_refused_as_a_label_map(tmp_path: Path) -> None:
    path = saved(tmp_path / "instances.png", np.uint16([[7, 26001]]))
    with pytest.raises(ImageError, match=r"instances\.png.*26001.*instance map"):
        read_labels(path)


def test_negative_values_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "negative.tif", np.int32([[-1, 7]]))
    for read in (read_labels, read_uint16):
        with pytest.raises(ImageError, match=r"-1 .*not fit"):
            read(path)


@pytest.mark.parametrize(("mode", "bands"), [("RGB", 3), ("RGBA", 4), ("LA", 2), ("CMYK", 4), ("PA", 2)])
def test_several_channels_are_refused_with_their_number(tmp_path: Path, mode: str, bands: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*IDS.shape, bands), np.uint8)
    path = tmp_path / ("m.tif" if mode in {"CMYK", "PA"} else "m.png")
    (Image.fromarray(IDS).convert("PA") if mode == "PA" else Image.fromarray(noise, mode)).save(path)
    for read in (read_labels, read_uint16):
        with pytest.raises(ImageError, match=f"{bands} bands"):
            read(path)


def test_one_bit_is_0_and_1(tmp_path: Path) -> None:
    assert np.array_equal(read_labels(saved(tmp_path / "mask.png", IDS % 2 == 1)), IDS % 2)


def test_jpeg_bytes_in_a_png_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="JPEG is lossy"):
        read_labels(saved(tmp_path / "lie.png", IDS, format="JPEG"))


def test_floats_are_fine_if_they_are_whole(tmp_path: Path) -> None:
    assert np.array_equal(read_labels(saved(tmp_path / "float.tif", IDS.astype(np.float32))), IDS)
    with pytest.raises(ImageError, match=r"float32 with values such as 0\.5, 1\.5"):
        read_labels(saved(tmp_path / "half.tif", np.float32([[0.5, 1, 1.5]])))
    with pytest.raises(ImageError, match="1 pixels that are no number"):
        read_labels(saved(tmp_path / "nan.tif", np.float32([[np.nan, 1]])))


@pytest.mark.parametrize("read", [read_labels, read_uint16, read_image])
def test_missing_damaged_and_foreign_files_are_one_clear_error(tmp_path: Path, read: object) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    whole = saved(tmp_path / "whole.png", np.random.default_rng(0).integers(0, 34, (64, 64), np.uint8)).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "folder.png").mkdir()
    for name, reason in (
        ("none", "missing"),
        ("text", "not a picture"),
        ("empty", "the file is empty"),
        ("half", "damaged"),
        ("folder", "cannot be read"),
    ):
        with pytest.raises(ImageError, match=rf"{name}\.png: .*{reason}") as caught:
            read(tmp_path / f"{name}.png")  # type: ignore[operator]
        assert isinstance(caught.value, DataError)
        assert caught.value.path == tmp_path / f"{name}.png"


@pytest.fixture(scope="module")
def whole_png(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("whole") / "whole.png", IDS)


@given(st.data())
def test_a_png_cut_anywhere_is_refused_or_complete(whole_png: Path, data: st.DataObject) -> None:
    content = whole_png.read_bytes()
    cut = whole_png.with_name("cut.png")
    cut.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with suppress(ImageError):
        assert np.array_equal(read_labels(cut), IDS)


def grey_png(ids: NDArray[np.uint8], bits: int) -> bytes:
    """A grey PNG of fewer than eight bits a pixel, which Pillow reads but does not write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = np.unpackbits(ids[..., None], axis=2)[..., 8 - bits :].reshape(len(ids), -1)
    raw = b"".join(b"\0" + np.packbits(row).tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", ids.shape[1], ids.shape[0], bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def refused_or_equal(path: Path, ids: NDArray[np.uint8]) -> bool:
    try:
        return np.array_equal(read_labels(path), ids)
    except ImageError:
        return True


@pytest.mark.parametrize("bits", [2, 4])
def test_grey_of_fewer_bits_is_refused_or_read_as_stored(tmp_path: Path, bits: int) -> None:
    ids = (IDS % 2**bits).astype(np.uint8)
    (tmp_path / "grey.png").write_bytes(grey_png(ids, bits))
    assert refused_or_equal(tmp_path / "grey.png", ids)


def test_a_pgm_with_a_small_maximum_is_refused_or_read_as_stored(tmp_path: Path) -> None:
    (tmp_path / "ids.pgm").write_bytes(f"P5 {IDS.shape[1]} {IDS.shape[0]} 33\n".encode() + IDS.tobytes())
    assert refused_or_equal(tmp_path / "ids.pgm", IDS)


@pytest.mark.parametrize("name", ["half.png", "whole.gif"])
def test_no_file_stays_open(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, np.random.default_rng(0).integers(0, 34, (64, 64), np.uint8))
    if name == "half.png":
        path.write_bytes(path.read_bytes()[:2000])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with suppress(ImageError):
            read_labels(path)
        gc.collect()
    assert not [str(warning.message) for warning in seen]
