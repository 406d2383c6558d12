from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from segbench.errors import ImageError
from segbench.images import inflate as inflating
from segbench.images import png
from segbench.images.files import read_image, read_labels, read_uint16
from tests import pngs
from tests.pngs import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, SIGNATURE, chunk, header

KINDS = st.lists(st.integers(0, 4), min_size=1, max_size=6)
FORMATS = st.sampled_from([(np.uint8, GREY), (np.uint16, GREY), (np.uint8, PALETTE)])


def drawn(seed: int, width: int, height: int, dtype: type) -> NDArray[np.generic]:
    """Runs, rows like the one above, and some noise."""
    rng = np.random.default_rng(seed)
    values = np.repeat(rng.integers(0, np.iinfo(dtype).max + 1, (height, width // 9 + 1), dtype), 9, axis=1)[:, :width]
    values = values[np.maximum.accumulate(np.where(rng.random(height) < 0.5, np.arange(height), 0))]
    return np.where(rng.random(values.shape) < 0.03, rng.integers(0, 256, values.shape), values).astype(dtype)


def pillows(data: bytes) -> NDArray[np.generic]:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 200),
    KINDS,
    FORMATS,
    st.lists(st.integers(0, 40), max_size=5),
    st.sampled_from([0, 1, 6, 9]),
)
def test_any_filters_chunks_and_levels_give_the_map_that_pillow_reads(
    seed: int, width: int, kinds: list[int], form: tuple[type, int], sizes: list[int], level: int
) -> None:
    values = drawn(seed, width, len(kinds), form[0])
    data = pngs.png(values, kinds, color=form[1], sizes=sizes, level=level)
    read = png.decode(data)
    assert read is not None
    assert read.dtype == values.dtype
    assert np.array_equal(read, values)
    assert np.array_equal(pillows(data), values)


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.integers(1, 40), st.sampled_from([np.uint8, np.uint16]))
def test_what_pillow_writes_is_read(seed: int, width: int, height: int, dtype: type) -> None:
    values = drawn(seed, width, height, dtype)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    assert np.array_equal(png.decode(file.getvalue()), values)


def test_one_idat_chunk_for_each_byte_is_read() -> None:
    values = drawn(0, 30, 5, np.uint8)
    assert np.array_equal(png.decode(pngs.png(values, [4] * 5, sizes=[1, 0] * 200)), values)


def test_chunks_that_mean_nothing_to_a_label_map_are_passed_over() -> None:
    values = drawn(0, 30, 5, np.uint8)
    data = pngs.png(values, before=chunk(b"gAMA", bytes(4)) + chunk(b"tEXt", b"a\0b"), after=chunk(b"tIME", bytes(7)))
    assert np.array_equal(png.decode(data + b"whatever follows the end"), values)


def test_a_decoded_map_can_be_written_to_and_kept() -> None:
    first, second = drawn(1, 100, 20, np.uint8), drawn(2, 100, 20, np.uint8)
    kept = png.decode(pngs.png(first))
    assert kept is not None
    views = [kept[3:, ::2], *(png.decode(pngs.png(second)) for _ in range(20))]
    assert np.array_equal(views[0], first[3:, ::2])
    assert all(np.array_equal(view, second) for view in views[1:])
    kept[...] = 5
    assert all(np.array_equal(view, second) for view in views[1:])


def stored(depth: int, color: int, bits_per_pixel: int, methods: tuple[int, int, int] = (0, 0, 0), chunks: bytes = b"") -> bytes:
    """8x4 pixels of nothing, in any format."""
    data = zlib.compress((b"\0" + bytes(bits_per_pixel)) * 4 + bytes(100 * methods[2]))
    return SIGNATURE + header(8, 4, depth, color, methods) + chunks + chunk(b"IDAT", data) + chunk(b"IEND", b"")


LIBRARY = {
    "1 bit": stored(1, GREY, 1),
    "2 bits": stored(2, GREY, 2),
    "4 bits": stored(4, GREY, 4),
    "4-bit palette": stored(4, PALETTE, 4, chunks=pngs.palette(16)),
    "colour": stored(8, RGB, 24),
    "16-bit colour": stored(16, RGB, 48),
    "grey and alpha": stored(8, GREY_ALPHA, 16),
    "interlaced": stored(8, GREY, 8, (0, 0, 1)),
    "transparent palette": stored(8, PALETTE, 8, chunks=pngs.palette() + chunk(b"tRNS", bytes(256))),
    "transparent grey": stored(8, GREY, 8, chunks=chunk(b"tRNS", bytes(2))),
    "palette without colours": stored(8, PALETTE, 8),
    "grey with colours": stored(8, GREY, 8, chunks=pngs.palette()),
    "several frames": stored(8, GREY, 8, chunks=chunk(b"acTL", bytes(8))),
    "a critical chunk that nobody knows": stored(8, GREY, 8, chunks=chunk(b"CgBI", bytes(4))),
    "a filter method that nobody knows": stored(8, GREY, 8, (0, 1, 0)),
    "enormous": SIGNATURE + header(1 << 14, 1 << 13) + chunk(b"IDAT", bytes(1 << 17)) + chunk(b"IEND", b""),
    "without pixels": SIGNATURE + header(0, 4) + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
}


FOR_PHOTOGRAPHS_TOO = set(LIBRARY) - {"colour", "grey and alpha"}


@pytest.mark.parametrize("name", LIBRARY)
def test_the_header_says_what_is_for_the_library(name: str) -> None:
    assert png.decode(LIBRARY[name]) is None


def test_what_the_library_decodes_is_what_it_always_was(tmp_path: Path) -> None:
    values = drawn(3, 40, 10, np.uint8)
    image = Image.fromarray(values, "L")
    image.putpalette(bytes(range(256)) * 3)
    image.save(tmp_path / "transparent.png", transparency=bytes(range(256)))
    assert png.decode((tmp_path / "transparent.png").read_bytes()) is None
    assert np.array_equal(read_labels(tmp_path / "transparent.png"), values)


SMALL = {
    "8 bits": pngs.png(drawn(4, 9, 5, np.uint8), [0, 1, 2, 3, 4], sizes=[9]),
    "16 bits": pngs.png(drawn(5, 7, 5, np.uint16), [4, 3, 2, 1, 0]),
    "palette": pngs.png(drawn(6, 9, 5, np.uint8), [4, 4, 1, 2, 0], color=PALETTE)[: 8 + 25]
    + pngs.palette(3)
    + pngs.split(zlib.compress(pngs.filtered(drawn(6, 9, 5, np.uint8), [4, 4, 1, 2, 0])), [])
    + chunk(b"IEND", b""),
}


@pytest.mark.parametrize("name", SMALL)
def test_every_corruption_of_a_single_byte_is_an_error(name: str) -> None:
    whole = SMALL[name]
    assert png.decode(whole) is not None
    for position in range(len(whole)):
        for change in range(1, 256):
            damaged = bytearray(whole)
            damaged[position] ^= change
            with pytest.raises(ValueError, match=r"checksum|ends|not a PNG|header"):
                png.decode(bytes(damaged))


@pytest.mark.parametrize("name", SMALL)
def test_a_file_that_is_cut_anywhere_is_an_error(name: str) -> None:
    for length in range(len(SMALL[name])):
        with pytest.raises(ValueError, match=r"ends|not a PNG"):
            png.decode(SMALL[name][:length])


@contextmanager
def using(inflate: inflating.Inflate) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(png, "inflater", lambda: inflate)
        yield


def rewritten(stream: bytes) -> bytes:
    """A file of 9x5 bytes with other image data, and checksums of chunks that fit."""
    return SIGNATURE + header(9, 5) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


@given(st.data())
def test_damage_below_the_checksums_of_chunks_is_an_error_or_no_damage(data: st.DataObject) -> None:
    values = drawn(4, 9, 5, np.uint8)
    stream = bytearray(zlib.compress(pngs.filtered(values, [0, 1, 2, 3, 4])))
    position = data.draw(st.integers(0, len(stream) - 1))
    stream[position] ^= data.draw(st.integers(1, 255))
    for inflate in filter(None, (inflating.libdeflate_in_place(), inflating.libdeflate(), inflating.with_zlib)):
        with using(inflate), suppress(ValueError):
            assert np.array_equal(png.decode(rewritten(bytes(stream))), values)


def test_image_data_that_are_cut_below_the_checksums_of_chunks_are_an_error() -> None:
    stream = zlib.compress(pngs.filtered(drawn(4, 9, 5, np.uint8), [0, 1, 2, 3, 4]))
    for inflate in filter(None, (inflating.libdeflate_in_place(), inflating.libdeflate(), inflating.with_zlib)):
        with using(inflate):
            assert png.decode(rewritten(stream)) is not None
            for length in range(len(stream)):
                with pytest.raises(ValueError, match=r"damaged|cannot hold"):
                    png.decode(rewritten(stream[:length]))


@pytest.mark.parametrize("form", [(np.uint8, GREY), (np.uint16, GREY), (np.uint8, PALETTE)], ids=["grey", "16 bits", "palette"])
@pytest.mark.parametrize("kind", range(5))
def test_every_filter_gives_what_pillow_reads_at_every_width_around_a_block(kind: int, form: tuple[type, int]) -> None:
    for width in (1, 2, 3, 31, 33, 63, 64, 65, 66, 127, 129, 191, 193):
        data = pngs.png(drawn(width, width, 4, form[0]), [kind] * 4, color=form[1], sizes=[3, 0, 5])
        assert np.array_equal(png.decode(data), pillows(data))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [(b"", "damaged, cut short or too long"), (bytes(49), "damaged"), (bytes(51), "damaged"), (b"\5" + bytes(49), "row 0 has a filter")],
    ids=["empty", "short", "long", "filter"],
)
def test_image_data_that_are_not_what_the_header_says_are_an_error(raw: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        png.decode(rewritten(zlib.compress(raw)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (SIGNATURE + header(9, 5) + chunk(b"IEND", b""), "0 bytes of image data cannot hold 9x5 pixels"),
        (SIGNATURE + header(8000, 8000) + chunk(b"IDAT", b"short") + chunk(b"IEND", b""), "5 bytes of image data cannot hold 8000x8000"),
        (SIGNATURE + chunk(b"IDAT", b"") + header(9, 5) + chunk(b"IEND", b""), "begin with a single header"),
        (SIGNATURE + header(9, 5) + header(9, 5) + chunk(b"IEND", b""), "begin with a single header"),
        (SIGNATURE + chunk(b"IHDR", bytes(12)) + chunk(b"IEND", b""), "begin with a single header"),
        (
            SIGNATURE + header(9, 5) + chunk(b"IDAT", b"") + chunk(b"tIME", bytes(7)) + chunk(b"IDAT", b"") + chunk(b"IEND", b""),
            "in two places",
        ),
        (SIGNATURE + header(9, 5) + struct.pack(">I", 2**32 - 1) + b"IDAT" + bytes(40), "ends after 81 bytes, within chunk IDAT"),
        (SIGNATURE + header(9, 5), "ends after 33 bytes, before its last chunk"),
    ],
    ids=["no data", "little data", "header late", "two headers", "short header", "two places", "too long", "no end"],
)
def test_chunks_that_contradict_each_other_are_an_error(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        png.decode(data)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    damaged = bytearray(SMALL["16 bits"])
    damaged[60] ^= 1
    (tmp_path / "map.png").write_bytes(damaged)
    for read in (read_labels, read_uint16, read_image):
        with pytest.raises(ImageError, match=r"map\.png: the file is damaged \(the checksum of chunk IDAT is wrong\)"):
            read(tmp_path / "map.png")


CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
COLOR_TYPES = st.sampled_from(list(CHANNELS))


def photographed(seed: int, width: int, height: int, color: int) -> NDArray[np.generic]:
    """Slopes and noise, in as many channels as a colour type has."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width, :1][:2]
    values = (y * rng.integers(-5, 6, CHANNELS[color]) + x * rng.integers(-5, 6, CHANNELS[color])).astype(np.uint8)
    values += rng.integers(0, rng.choice([1, 6, 256]), values.shape, np.uint8)
    return values[..., 0] if CHANNELS[color] == 1 else values


def pillows_rgb(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 80),
    st.lists(st.integers(0, 4), min_size=1, max_size=20),
    COLOR_TYPES,
    st.lists(st.integers(0, 40), max_size=5),
    st.sampled_from([0, 1, 6, 9]),
)
def test_any_photograph_is_what_pillow_reads(seed: int, width: int, kinds: list[int], color: int, sizes: list[int], level: int) -> None:
    data = pngs.png(photographed(seed, width, len(kinds), color), kinds, color=color, sizes=sizes, level=level)
    read = png.decode_photograph(data)
    assert read is not None
    assert (read.dtype, read.shape) == (np.uint8, (len(kinds), width, 3))
    assert np.array_equal(read, pillows_rgb(data))


@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(1, 40), st.sampled_from(["RGB", "RGBA", "L", "LA"]))
def test_a_photograph_that_pillow_writes_is_read(seed: int, width: int, height: int, mode: str) -> None:
    file = io.BytesIO()
    Image.fromarray(photographed(seed, width, height, RGBA)).convert(mode).save(file, "PNG")
    assert np.array_equal(png.decode_photograph(file.getvalue()), pillows_rgb(file.getvalue()))


@pytest.mark.parametrize("colors", [1, 2, 200, 255])
def test_what_a_short_palette_lacks_is_what_pillow_makes_of_it(colors: int) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    stream = zlib.compress(pngs.filtered(values, [0] * 16))
    content = bytes(np.random.default_rng(0).integers(0, 256, 3 * colors, np.uint8))
    data = SIGNATURE + header(16, 16, 8, PALETTE) + chunk(b"PLTE", content) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")
    assert np.array_equal(png.decode_photograph(data), pillows_rgb(data))


@pytest.mark.parametrize("name", sorted(FOR_PHOTOGRAPHS_TOO))
def test_photographs_of_other_kinds_are_for_the_library(name: str) -> None:
    assert png.decode_photograph(LIBRARY[name]) is None


LIBRARY_PHOTOGRAPHS = {
    "16 bits": stored(16, GREY, 16),
    "16 bits and alpha": stored(16, RGBA, 64),
    "transparent colour": stored(8, RGB, 24, chunks=chunk(b"tRNS", bytes(6))),
    "colour and colours": stored(8, RGB, 24, chunks=pngs.palette()),
    "a camera's notes": stored(8, RGB, 24, chunks=chunk(b"eXIf", b"II*\0")),
    "an empty palette": stored(8, PALETTE, 8, chunks=chunk(b"PLTE", b"")),
    "an uneven palette": stored(8, PALETTE, 8, chunks=chunk(b"PLTE", bytes(4))),
    "a palette behind the pixels": stored(8, PALETTE, 8)[:-12] + pngs.palette() + chunk(b"IEND", b""),
    "very wide": SIGNATURE + header((1 << 16) + 1, 1) + chunk(b"IDAT", bytes(1 << 10)) + chunk(b"IEND", b""),
}


@pytest.mark.parametrize("name", LIBRARY_PHOTOGRAPHS)
def test_the_file_says_which_photographs_are_for_the_library(name: str) -> None:
    assert png.decode_photograph(LIBRARY_PHOTOGRAPHS[name]) is None


def test_a_decoded_photograph_can_be_written_to_and_kept() -> None:
    for color in CHANNELS:
        first, second = (pngs.png(photographed(seed, 50, 20, color), [4] * 20, color=color) for seed in (1, 2))
        kept = png.decode_photograph(first)
        others = [png.decode_photograph(second) for _ in range(20)]
        assert np.array_equal(kept, pillows_rgb(first))
        assert kept is not None
        kept[...] = 5
        assert all(np.array_equal(other, pillows_rgb(second)) for other in others)


@pytest.mark.parametrize("color", CHANNELS)
def test_a_photograph_is_written_to_the_memory_that_is_given(color: int) -> None:
    data = pngs.png(photographed(3, 37, 21, color), [1, 2, 3] * 7, color=color)
    around = np.full(21 * 37 * 3 + 2, 0xA5, np.uint8)
    given_memory: list[NDArray[np.uint8]] = []

    def allocate(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
        given_memory.append(around[1:-1].reshape(shape))
        return given_memory[-1]

    read = png.decode_photograph(data, allocate)
    assert read is given_memory[0]
    assert np.array_equal(read, pillows_rgb(data))
    assert (around[0], around[-1]) == (0xA5, 0xA5)


SMALL_PHOTOGRAPHS = {
    name: pngs.png(photographed(4, 7, 5, color), [0, 1, 2, 3, 4], color=color, sizes=[9])
    for name, color in {"RGB": RGB, "RGBA": RGBA, "grey and alpha": GREY_ALPHA}.items()
}


@pytest.mark.parametrize("name", SMALL_PHOTOGRAPHS)
def test_every_corruption_of_a_single_byte_of_a_photograph_is_an_error(name: str) -> None:
    whole = SMALL_PHOTOGRAPHS[name]
    assert png.decode_photograph(whole) is not None
    for position in range(len(whole)):
        for change in (1, 32, 128, 255):
            damaged = bytearray(whole)
            damaged[position] ^= change
            with pytest.raises(ValueError, match=r"checksum|ends|not a PNG|header"):
                png.decode_photograph(bytes(damaged))


@pytest.mark.parametrize("name", SMALL_PHOTOGRAPHS)
def test_a_photograph_that_is_cut_anywhere_is_an_error(name: str) -> None:
    for length in range(len(SMALL_PHOTOGRAPHS[name])):
        with pytest.raises(ValueError, match=r"ends|not a PNG"):
            png.decode_photograph(SMALL_PHOTOGRAPHS[name][:length])


@given(st.data())
def test_damage_below_the_checksums_of_a_photographs_chunks_is_an_error_or_no_damage(data: st.DataObject) -> None:
    values = photographed(4, 9, 5, RGB)
    stream = bytearray(zlib.compress(pngs.filtered(values, [0, 1, 2, 3, 4])))
    position = data.draw(st.integers(0, len(stream) - 1))
    stream[position] ^= data.draw(st.integers(1, 255))
    file = SIGNATURE + header(9, 5, 8, RGB) + chunk(b"IDAT", bytes(stream)) + chunk(b"IEND", b"")
    for inflate in filter(None, (inflating.libdeflate_in_place(), inflating.libdeflate(), inflating.with_zlib)):
        with using(inflate), suppress(ValueError):
            assert np.array_equal(png.decode_photograph(file), values)


@pytest.mark.parametrize(
    ("size", "stream", "reason"),
    [
        ((9, 5), zlib.compress(bytes(5 * 28 - 1)), "damaged, cut short or too long"),
        ((9, 5), zlib.compress(bytes(5 * 28 + 1)), "damaged, cut short or too long"),
        ((9, 5), zlib.compress(b"\5" + bytes(5 * 28 - 1)), "row 0 has a filter"),
        ((9, 5), b"", "0 bytes of image data cannot hold 9x5 pixels"),
        ((8000, 8000), b"short", "5 bytes of image data cannot hold 8000x8000"),
    ],
    ids=["short", "long", "filter", "nothing", "bomb"],
)
def test_a_photographs_data_that_are_not_what_the_header_says_are_one_error(
    tmp_path: Path, size: tuple[int, int], stream: bytes, reason: str
) -> None:
    data = SIGNATURE + header(*size, 8, RGB) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")
    (tmp_path / "photograph.png").write_bytes(data)
    with pytest.raises(ImageError, match=rf"photograph\.png: the file is damaged \(.*{reason}"):
        read_image(tmp_path / "photograph.png")


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_rows_that_are_missing_are_an_error_and_never_black(tmp_path: Path, depth: int, interlaced: int) -> None:
    from segbench.errors import ImageError
    from segbench.images.files import read_image, read_labels

    def written(rows: int, file: str) -> Path:
        image = zlib.compress(bytes(rows))
        content = pngs.header(8, 8, depth, methods=(0, 0, interlaced)) + pngs.chunk(b"IDAT", image) + pngs.chunk(b"IEND", b"")
        (tmp_path / file).write_bytes(pngs.SIGNATURE + content)
        return tmp_path / file

    size = (
        8 * (1 + depth)
        if not interlaced
        else sum(h * (1 + -(-w * depth // 8)) for w, h in ((1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)))
    )
    assert read_image(written(size, "whole.png")).shape == (8, 8, 3)
    for read in (read_labels, read_image):
        with pytest.raises(ImageError, match=rf"its image data end after {size - 1} of {size} bytes"):
            read(written(size - 1, "short.png"))


def test_sizes_past_all_bounds_are_one_clear_error(tmp_path: Path) -> None:
    from segbench.errors import ImageError
    from segbench.images.files import read_image, read_labels

    for depth in (1, 8):
        content = pngs.header(0x80808080, 0x80808080, depth) + pngs.chunk(b"IDAT", zlib.compress(bytes(9))) + pngs.chunk(b"IEND", b"")
        (tmp_path / "x.png").write_bytes(pngs.SIGNATURE + content)
        for read in (read_labels, read_image):
            with pytest.raises(ImageError, match=r"x\.png"):
                read(tmp_path / "x.png")
