"""Files of label maps of every kind that people have sent: read as they are meant, or refused with what they are."""

from __future__ import annotations

import io
import os
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segbench.datasets import cityscapes
from segbench.errors import ImageError
from segbench.images.label_maps import LabelMaps, advice_of_option
from segbench.labels.space import LabelSpace
from tests.tiffs import tiff

COLORS = np.array([[10, 20, 30], [200, 0, 0], [0, 200, 0], [0, 0, 200]], np.uint8)
DRAWN = LabelSpace.from_dict(
    {"name": "drawn", "classes": [{"name": f"c{i}", "color": color} for i, color in enumerate(COLORS.tolist())], "void": []}
)
PLAIN = LabelSpace.from_dict({"name": "plain", "classes": ["a", "b", "c", "d"], "void": [{"name": "nodata", "ids": [255, -1, 65535]}]})
SPARSE = LabelSpace.from_dict({"name": "sparse", "classes": [{"name": f"c{i}", "ids": [i]} for i in (7, 8, 11, 23)]})
MASK = LabelSpace.from_dict({"name": "mask", "classes": [{"name": "back", "ids": [0]}, {"name": "front", "ids": [255]}]})
IDS = np.random.default_rng(0).integers(0, 4, (8, 12)).astype(np.uint8)
Values = NDArray[np.generic]


def saved(path: Path, values: Values, mode: str | None = None, **options: object) -> Path:
    image = Image.fromarray(values)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def indexed(path: Path, indices: NDArray[np.uint8], colors: NDArray[np.uint8], **options: object) -> Path:
    image = Image.fromarray(indices)
    image.putpalette(np.asarray(colors, np.uint8).tobytes())
    image.save(path, **options)
    return path


def read(path: Path, labels: LabelSpace = PLAIN, **options: object) -> NDArray[np.uint8]:
    return LabelMaps(labels, advice=advice_of_option("--encoding"), **options).read(path)  # type: ignore[arg-type]


def refusal(path: Path, labels: LabelSpace = PLAIN, **options: object) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read(path, labels, **options)
    assert str(caught.value).startswith(f"{path}: ")
    return caught.value


# ---- palettes ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "gif", "tif", "bmp"])
def test_indices_in_their_own_colours_are_ids(tmp_path: Path, suffix: str) -> None:
    assert np.array_equal(read(indexed(tmp_path / f"p.{suffix}", IDS, COLORS), DRAWN), IDS)


@pytest.mark.parametrize("suffix", ["png", "gif", "tif", "bmp"])
@pytest.mark.parametrize("order", [[1, 0, 2, 3], [3, 2, 1, 0], [1, 2, 3, 0]], ids=["two swapped", "reversed", "shifted"])
def test_indices_in_the_colours_of_others_are_refused_naming_both_labels(tmp_path: Path, suffix: str, order: list[int]) -> None:
    error = refusal(indexed(tmp_path / f"p.{suffix}", np.argsort(order)[IDS].astype(np.uint8), COLORS[order]), DRAWN)
    assert f"index 0 (c0) is drawn in {tuple(COLORS[order[0]].tolist())}, the colour of c{order[0]}" in error.reason
    assert error.way_out == "--encoding color reads them by their colours; --encoding ids insists on the indices"


def test_what_a_quantiser_made_of_the_right_colours_is_read_by_colour_and_not_by_index(tmp_path: Path) -> None:
    Image.fromarray(COLORS[IDS]).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "q.png")
    refusal(tmp_path / "q.png", DRAWN)
    assert np.array_equal(read(tmp_path / "q.png", DRAWN, encoding="color"), IDS)


def test_who_insists_on_indices_gets_them(tmp_path: Path) -> None:
    path = indexed(tmp_path / "p.png", IDS, COLORS[::-1])
    assert np.array_equal(read(path, DRAWN, insists=True), IDS)


def test_colours_that_are_shared_are_not_advised_for_reading(tmp_path: Path) -> None:
    labels = LabelSpace.from_dict(
        {"name": "two", "classes": [{"name": n, "color": [9, 9, 200]} for n in "ab"] + [{"name": "c", "color": [1, 2, 3]}]}
    )
    path = indexed(tmp_path / "p.png", np.uint8([[0, 1]]), np.uint8([[1, 2, 3], [9, 9, 200]]))
    assert refusal(path, labels).way_out == "--encoding ids insists on the indices"


def test_a_palette_of_train_ids_is_told_as_one(tmp_path: Path) -> None:
    city = cityscapes.LABELS
    path = indexed(tmp_path / "p.png", IDS, np.uint8([label.color for label in city.classes]))
    assert "--encoding train-ids" in refusal(path, city).way_out
    assert np.array_equal(read(path, city, encoding="train-ids"), IDS)
    swapped = indexed(tmp_path / "q.png", IDS, np.uint8([label.color for label in city.classes[::-1]]))
    with pytest.raises(ImageError, match="its palette is not in the order") as caught:
        read(swapped, city, encoding="train-ids")
    assert caught.value.way_out == "--encoding color reads them by their colours"


@pytest.mark.parametrize("name", ["voc", "random", "ramp", "rainbow"])
def test_palettes_that_have_nothing_to_do_with_the_labels_stay_indices(tmp_path: Path, name: str) -> None:
    from segbench.labels.tables import voc_color

    rng = np.random.default_rng(1)
    palettes = {
        "voc": [voc_color(i) for i in range(256)],
        "random": rng.integers(0, 256, (256, 3)),
        "ramp": [[85 * i] * 3 for i in range(4)],
        "rainbow": [[i, 255 - i, (7 * i) % 256] for i in range(256)],
    }
    for labels, ids in ((DRAWN, IDS), (PLAIN, IDS), (cityscapes.LABELS, np.uint8([[21, 7, 0, 11]]) if name != "ramp" else IDS)):
        assert np.array_equal(read(indexed(tmp_path / "p.png", ids, np.uint8(palettes[name])), labels), ids)


def test_black_and_white_indices_of_a_mask_stay_indices(tmp_path: Path) -> None:
    path = indexed(tmp_path / "p.png", IDS % 2, np.uint8([[0] * 3, [255] * 3]))
    assert np.array_equal(read(path), IDS % 2)
    assert np.array_equal(read(path, MASK), IDS % 2 * 255), "1 is no id there, 255 is"


@pytest.mark.parametrize("save", ["gif of an array", "png of an optimiser"])
def test_greys_that_a_program_made_a_palette_of_are_the_ids(tmp_path: Path, save: str) -> None:
    ids = np.uint8([7, 8, 11, 23])[IDS]
    if save.startswith("gif"):
        path = saved(tmp_path / "a.gif", ids)
        with Image.open(path) as image:
            assert sorted(set(np.array(image).reshape(-1).tolist())) == [0, 1, 2, 3], "Pillow has compacted its palette"
    else:
        path = indexed(tmp_path / "a.png", IDS, np.uint8([[7] * 3, [8] * 3, [11] * 3, [23] * 3]))
    assert np.array_equal(read(path, SPARSE), ids)
    assert np.array_equal(read(path, cityscapes.LABELS), ids)


def test_greys_that_are_as_good_as_the_indices_are_refused(tmp_path: Path) -> None:
    path = indexed(tmp_path / "a.png", np.uint8([[0, 1, 2]]), np.uint8([[1] * 3, [2] * 3, [3] * 3]))
    assert "indices 0, 1, 2 or greys 1, 2, 3" in refusal(path).reason


# ---- several images ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["tif", "png", "gif", "webp"])
def test_several_images_in_one_file_are_refused_with_their_number(tmp_path: Path, suffix: str) -> None:
    pages = [Image.fromarray((IDS + i) % 4) for i in range(3)]
    path = tmp_path / f"many.{suffix}"
    pages[0].save(path, save_all=True, append_images=pages[1:], **({"lossless": True} if suffix == "webp" else {}))
    assert "of 3 " in refusal(path).reason


def test_overviews_are_no_images_of_their_own(tmp_path: Path) -> None:
    half, quarter = (Image.fromarray(IDS[::step, ::step]) for step in (2, 4))
    Image.fromarray(IDS).save(tmp_path / "o.tif", save_all=True, append_images=[half, quarter])
    assert np.array_equal(read(tmp_path / "o.tif"), IDS)
    Image.fromarray(IDS).save(tmp_path / "p.tif", save_all=True, append_images=[half, Image.fromarray(IDS[:5])])
    assert "TIFF of 2 pages (12x5, 12x8)" in refusal(tmp_path / "p.tif").reason


def test_a_mask_of_valid_pixels_in_a_tiff_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.tif").write_bytes(tiff(IDS, also=[tiff.page(IDS, subfile=4)]))
    assert "mask of valid pixels" in refusal(tmp_path / "m.tif").reason


# ---- lossy, inverted, turned ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {"quality": 100}),
        ("a.png", {"format": "JPEG"}),
        ("a.tif", {"compression": "jpeg"}),
        ("a.webp", {"quality": 100}),
        ("a.png", {"format": "WEBP"}),
        ("a.jp2", {}),
        ("a.tif", {"format": "JPEG2000"}),
    ],
)
def test_what_is_stored_with_loss_is_refused_whatever_it_is_called(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    assert "is lossy: a label map must be stored without loss" in refusal(saved(tmp_path / name, IDS, **options)).reason


def test_webp_without_loss_is_read(tmp_path: Path) -> None:
    assert np.array_equal(read(saved(tmp_path / "a.webp", IDS, lossless=True)), IDS)


@pytest.mark.parametrize("compression", [6, 7, 34712, 50001])
def test_a_tiff_says_itself_that_its_compression_is_lossy(tmp_path: Path, compression: int) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(IDS, compression=compression))
    assert "is lossy" in refusal(tmp_path / "a.tif").reason


def test_white_is_zero_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(IDS, photometric=0))
    assert "WhiteIsZero" in refusal(tmp_path / "a.tif").reason


@pytest.mark.parametrize("suffix", ["tif", "png", "webp"])
def test_a_map_that_says_to_be_turned_is_refused(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[274] = 6
    lossless = {"lossless": True} if suffix == "webp" else {}
    assert "orientation tag says 6" in refusal(saved(tmp_path / f"a.{suffix}", IDS, exif=exif, **lossless)).reason
    exif[274] = 1
    assert np.array_equal(read(saved(tmp_path / f"b.{suffix}", IDS, exif=exif, **lossless)), IDS)


# ---- kinds of numbers ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int16", "uint32", "int32", "float32"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_kind_of_number_that_a_tiff_holds_is_read(tmp_path: Path, dtype: str, order: str) -> None:
    if (dtype, order) in {("uint32", ">"), ("int8", ">")}:
        pytest.skip("Pillow does not know it")
    (tmp_path / "a.tif").write_bytes(tiff(IDS.astype(np.dtype(dtype).newbyteorder(order))))
    assert np.array_equal(read(tmp_path / "a.tif"), IDS)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "float64", "float16"])
def test_kinds_that_pillow_does_not_know_are_read_by_tifffile_or_named(tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(IDS.astype(dtype)))
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    error = refusal(tmp_path / "a.tif")
    assert f"TIFF of {dtype}, which Pillow does not read: write 8 bits, or pip install 'segbench[tiff]'" in error.reason
    monkeypatch.undo()
    pytest.importorskip("tifffile")
    assert np.array_equal(read(tmp_path / "a.tif"), IDS)


@pytest.mark.parametrize(
    ("value", "dtype"), [(-1, "int8"), (-1, "int16"), (-1, "int32"), (65535, "uint16"), (65535, "int32"), (-1, "float32")]
)
def test_values_beyond_a_byte_are_void_where_the_labels_say_so(tmp_path: Path, value: int, dtype: str) -> None:
    values = IDS.astype(dtype)
    values[:, :3] = value
    (tmp_path / "a.tif").write_bytes(tiff(values))
    expected = IDS.copy()
    expected[:, :3] = 255
    assert np.array_equal(read(tmp_path / "a.tif"), expected)
    assert np.array_equal(read(tmp_path / "a.tif", encoding="train-ids"), expected)


@pytest.mark.parametrize(
    ("value", "dtype"), [(-9999, "int16"), (-100, "int32"), (256, "uint16"), (4294967295, "uint32"), (-9999, "float32")]
)
def test_values_that_nobody_declared_are_named_with_what_to_write(tmp_path: Path, value: int, dtype: str) -> None:
    values = IDS.astype(dtype)
    values[0, 0] = value
    (tmp_path / "a.tif").write_bytes(tiff(values, nodata=str(value)))
    error = refusal(tmp_path / "a.tif")
    assert f"the value {value} (its nodata) does not fit" in error.reason
    assert error.way_out.startswith("write 255 ('plain' has it as void) instead")
    assert f"void: [{{name: nodata, ids: [{value}]}}]" in error.way_out


def test_void_that_has_no_byte_gets_one_that_no_class_has(tmp_path: Path) -> None:
    labels = LabelSpace.from_dict({"name": "x", "classes": ["a", "b", "c", "d"], "void": [{"name": "nodata", "ids": [-1]}]})
    (byte,) = labels.void[0].byte_ids
    values = IDS.astype(np.int16)
    values[0, 0] = -1
    (tmp_path / "a.tif").write_bytes(tiff(values))
    assert read(tmp_path / "a.tif", labels)[0, 0] == byte
    assert labels.index_of_id[byte] == 4
    assert byte not in (0, 1, 2, 3, 255)
    assert LabelSpace.from_dict(labels.to_dict()) == labels


def test_floats_that_are_not_whole_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(np.float32([[0.25, 1]])))
    assert "float32 with values such as 0.25" in refusal(tmp_path / "a.tif").reason
    (tmp_path / "b.tif").write_bytes(tiff(np.float32([[np.nan, np.nan]])))
    assert "2 pixels that are no number" in refusal(tmp_path / "b.tif").reason


@pytest.mark.parametrize("bands", [2, 3, 4, 5, 19])
def test_several_bands_are_refused_with_their_number(tmp_path: Path, bands: int) -> None:
    one_hot = (np.arange(bands) == IDS[..., None]).astype(np.uint8)
    (tmp_path / "a.tif").write_bytes(tiff(one_hot))
    assert f"{bands} bands of uint8; a label map has one band" in refusal(tmp_path / "a.tif").reason


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_three_equal_channels_of_ids_are_one(tmp_path: Path, suffix: str, alpha: bool) -> None:
    channels = [IDS] * 3 + [np.full_like(IDS, 255)] * alpha
    for labels in (PLAIN, DRAWN):
        assert np.array_equal(read(saved(tmp_path / f"a.{suffix}", np.dstack(channels)), labels), IDS)


def test_three_equal_channels_that_hold_no_ids_are_refused_with_their_values(tmp_path: Path) -> None:
    error = refusal(saved(tmp_path / "a.png", np.full((2, 2, 3), 77, np.uint8)))
    assert "3 bands (RGB), all equal, but [77] are no ids of 'plain'" in error.reason
    assert error.way_out == ""


def test_greys_that_are_the_colours_of_other_labels_are_no_ids(tmp_path: Path) -> None:
    labels = LabelSpace.from_dict({"name": "g", "classes": [{"name": "a", "color": [1] * 3}, {"name": "b", "color": [0] * 3}]})
    path = saved(tmp_path / "a.png", np.zeros((2, 2, 3), np.uint8))
    assert "--encoding color" in refusal(path, labels).way_out
    assert read(path, labels, encoding="color").tolist() == [[1, 1], [1, 1]]


def test_colours_are_advised_only_where_they_can_be_read(tmp_path: Path) -> None:
    drawn = saved(tmp_path / "a.png", COLORS[IDS])
    assert refusal(drawn, DRAWN).way_out == "--encoding color reads them by their colours"
    assert np.array_equal(read(drawn, DRAWN, encoding="color"), IDS)
    assert refusal(drawn, PLAIN).way_out == ""
    other = refusal(saved(tmp_path / "b.png", COLORS[IDS] + np.uint8(1)), DRAWN)
    assert other.way_out == ""
    assert "belong to no label of 'drawn'; nearest are" in other.reason


def test_partly_transparent_maps_are_refused(tmp_path: Path) -> None:
    error = refusal(saved(tmp_path / "a.png", np.dstack([IDS, IDS, IDS, IDS * 60])))
    assert "4 bands (RGBA), partly transparent" in error.reason


def test_one_bit_is_what_the_labels_know(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", IDS % 2 == 1)
    assert np.array_equal(read(path), IDS % 2)
    assert np.array_equal(read(path, MASK), IDS % 2 * 255)
    both = LabelSpace.from_dict({"name": "both", "classes": [{"name": str(i), "ids": [i]} for i in (0, 1, 255)]})
    assert "numbers 0, 1 or greys 0, 255" in refusal(path, both).reason
    assert "0 and 1 are no classes of 'cityscapes-19'" in refusal(path, cityscapes.LABELS).reason


def grey_png(values: NDArray[np.uint8], bits: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = np.unpackbits(values[..., None], axis=2)[..., 8 - bits :].reshape(len(values), -1)
    raw = b"".join(b"\0" + np.packbits(row).tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("bits", [2, 4])
def test_greys_of_few_bits_are_what_the_labels_know(tmp_path: Path, bits: int) -> None:
    (tmp_path / "a.png").write_bytes(grey_png(IDS, bits))
    assert np.array_equal(read(tmp_path / "a.png"), IDS)
    (tmp_path / "b.png").write_bytes(grey_png(IDS % 2 * np.uint8(2**bits - 1), bits))
    assert np.array_equal(read(tmp_path / "b.png", MASK), IDS % 2 * 255)


@pytest.mark.parametrize("white", [3, 33, 255, 300, 65535])
@pytest.mark.parametrize("plain", [False, True])
def test_the_numbers_of_a_pgm_are_the_ids_whatever_is_white(tmp_path: Path, white: int, plain: bool) -> None:
    header = f"{'P2' if plain else 'P5'}\n# by hand\n12 8\n{white}\n".encode()
    body = " ".join(map(str, IDS.reshape(-1).tolist())).encode() if plain else IDS.astype(">u2" if white > 255 else "u1").tobytes()
    (tmp_path / "a.pgm").write_bytes(header + body)
    assert np.array_equal(read(tmp_path / "a.pgm"), IDS)


def test_a_pgm_that_is_cut_or_holds_two_images_is_refused(tmp_path: Path) -> None:
    whole = b"P5 12 8 255\n" + IDS.tobytes()
    (tmp_path / "a.pgm").write_bytes(whole[:-3])
    assert "damaged" in refusal(tmp_path / "a.pgm").reason
    (tmp_path / "b.pgm").write_bytes(whole + whole)
    assert "several images" in refusal(tmp_path / "b.pgm").reason
    (tmp_path / "c.pbm").write_bytes(b"P1 2 1\n0 1\n")
    assert "PBM" in refusal(tmp_path / "c.pbm").reason


@pytest.mark.parametrize("dtype", ["uint8", "int64", "int16", "float64", "bool"])
def test_arrays_of_numpy_are_read(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "a.npy", (IDS % 2).astype(dtype))
    assert np.array_equal(read(tmp_path / "a.npy"), IDS % 2)
    np.savez_compressed(tmp_path / "a.npz", mask=IDS.astype(dtype)[None] % 2)
    assert np.array_equal(read(tmp_path / "a.npz"), IDS.astype(dtype).astype(np.uint8) % 2)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ([np.zeros((4, 8, 12), np.float32)], "float32[4, 8, 12]; a label map is [H, W]; of scores or one-hot channels save the argmax"),
        ([np.zeros(7, np.int64)], "int64[7]; a label map is [H, W]"),
        ([np.zeros((2, 2)), np.zeros((2, 2))], "2 arrays (arr_0, arr_1); a label map is one"),
        ([np.array([["a", "b"]])], "a NumPy array of <U1"),
        ([np.full((2, 2), 300)], "the value 300 does not fit"),
        ([np.full((2, 2), 0.5)], "float64 with values such as 0.5"),
    ],
)
def test_other_arrays_are_named(tmp_path: Path, arrays: list[Values], said: str) -> None:
    path = tmp_path / ("a.npy" if len(arrays) == 1 else "a.npz")
    np.save(path, arrays[0]) if len(arrays) == 1 else np.savez(path, *arrays)
    assert said in refusal(path).reason


def test_objects_in_an_array_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[{}]], object), allow_pickle=True)
    assert "this NumPy file cannot be read" in refusal(tmp_path / "a.npy").reason


# ---- what is no label map ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"%PDF-1.7", "this is PDF"),
        (b"\x1f\x8b\x08\0", "packed by gzip"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\xff\x0a\0\0", "JPEG XL"),
        (b"<!DOCTYPE html>", "this is text"),
        (b"\0\1\2\3\4\5\6\7", "not a picture"),
        (b"\0", "not a picture"),
        (b"II*\0\x08\0\0\0", "damaged"),
    ],
)
def test_other_files_are_called_what_they_are(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert said in refusal(tmp_path / "a.png").reason


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_pipes_devices_sockets_and_folders_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "folder.png").mkdir()
    for name, kind in (("pipe", "a pipe"), ("zero", "a device"), ("folder", "a folder")):
        assert f"this is {kind}" in refusal(tmp_path / f"{name}.png").reason
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # the path of a socket is short
        server.bind("s.png")
        os.chdir(here)
        assert "this is a socket" in refusal(tmp_path / "s.png").reason


def test_a_large_map_is_read_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for suffix in ("png", "tif", "bmp", "webp", "pgm"):
        options = {"lossless": True} if suffix == "webp" else {}
        assert np.array_equal(read(saved(tmp_path / f"a.{suffix}", IDS, **options)), IDS)
    interlaced: Callable[[Path], Path] = lambda path: saved(path, np.tile(IDS, (4, 4)).astype(np.int32))  # noqa: E731
    assert read(interlaced(tmp_path / "b.tif")).shape == (32, 48)


def test_a_picture_that_is_cut_anywhere_is_refused_or_whole(tmp_path: Path) -> None:
    for suffix in ("tif", "bmp", "gif", "webp"):
        content = io.BytesIO()
        Image.fromarray(IDS).save(content, {"tif": "TIFF"}.get(suffix, suffix.upper()), **({"lossless": True} if suffix == "webp" else {}))
        for end in range(0, len(content.getvalue()), 7):
            (tmp_path / "cut").write_bytes(content.getvalue()[:end])
            try:
                assert np.array_equal(read(tmp_path / "cut"), IDS)
            except ImageError:
                continue
