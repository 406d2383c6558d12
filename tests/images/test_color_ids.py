from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from segbench.errors import ImageError
from segbench.images import png
from segbench.images.color_ids import LEAD, RGB, RGBA, SLACK, ColorIds, Layout, ids_of_indices, ids_of_pixels, ids_of_rows
from segbench.images.colors import read_color_ids
from tests import pngs
from tests.guarded import guarded, needs_guards

Map = NDArray[np.uint8]
KINDS = st.lists(st.integers(0, 4), min_size=1, max_size=8)
LAYOUTS = st.sampled_from([RGB, RGBA])
COLOR_TYPE = {RGB: pngs.RGB, RGBA: pngs.RGBA}
WIDTHS = (1, 2, 3, 20, 21, 22, 41, 42, 43, 62, 63, 64, 65, 66, 85, 127, 128, 129, 193)


def table_of(seed: int, count: int, *, black: bool) -> ColorIds:
    """So many colours near each other, and ids in any order."""
    rng = np.random.default_rng(seed)
    colors = {(0, 0, 0): 0} if black else {}
    while len(colors) < count:
        colors.setdefault(tuple(rng.choice([0, 1, 64, 127, 128, 254, 255] if len(colors) < 200 else 256, 3).tolist()), 0)
    if not black:
        colors.pop((0, 0, 0), None)
    return ColorIds(dict(zip(colors, rng.permutation(256)[: len(colors)].tolist(), strict=True)))


def drawn(seed: int, width: int, height: int, table: ColorIds, change: float) -> Map:
    """Ids in runs that mostly go on in the row below."""
    rng = np.random.default_rng(seed)
    ids, rows = np.array(list(table.ids.values()), np.uint8), np.zeros((height, width), np.uint8)
    row = np.full(width, ids[0])
    for y in range(height):
        new = rng.random(width) < change
        fresh = rng.choice(ids, width)[np.maximum.accumulate(np.where(new, np.arange(width), 0))]
        row = np.where(np.logical_or.accumulate(new) & (rng.random() < 0.7), fresh, row)
        rows[y] = row
    return rows


def colored(ids: Map, table: ColorIds, layout: Layout = RGB) -> Map:
    """uint8[H, W, 3] or, opaque, uint8[H, W, 4]."""
    colors = np.full((256, len(layout)), 255, np.uint8)
    for color, number in table.ids.items():
        colors[number, :3] = color
    return colors[ids]


def ours(raw: bytes, size: tuple[int, int], layout: Layout, table: ColorIds) -> Map | None:
    """In memory of their own and in one memory, which must come to the same."""
    padded = np.frombuffer(raw + b"\xa5" * SLACK, np.uint8)
    room = (size[0] + 1) * size[1] + 64
    read = ids_of_rows(padded.copy(), np.full(room, 0x5A, np.uint8), size, layout, table)
    shared = np.full(size[1] + LEAD + padded.size, 0x5A, np.uint8)
    shared[size[1] + LEAD :] = padded
    in_place = ids_of_rows(shared[size[1] + LEAD :], shared[:room], size, layout, table)
    assert (read is None) == (in_place is None)
    assert read is None or np.array_equal(in_place, read)
    return read


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), KINDS, LAYOUTS, st.booleans(), st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]))
def test_ids_come_back_from_any_mixture_of_filters(
    seed: int, width: int, kinds: list[int], layout: Layout, black: bool, change: float
) -> None:
    table = table_of(seed, 30, black=black)
    ids = drawn(seed, width, len(kinds), table, change)
    assert np.array_equal(ours(pngs.filtered(colored(ids, table, layout), kinds), ids.shape, layout, table), ids)


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), KINDS, st.sampled_from([0.0, 0.005, 0.02]), st.sampled_from([3, 256]))
def test_any_residuals_at_all_give_the_colours_that_the_standard_says(
    seed: int, width: int, kinds: list[int], share: float, most: int
) -> None:
    rng = np.random.default_rng(seed)
    size = (len(kinds), width, 3)
    rows = np.where(rng.random(size) < share, rng.integers(0, most, size), 0).astype(np.uint8)
    raw = b"".join(bytes([kind]) + row.tobytes() for kind, row in zip(kinds, rows, strict=True))
    pixels = pngs.plainly_unfiltered(raw, width, len(kinds), np.uint8, 3)
    colors = [tuple(color) for color in np.unique(pixels.reshape(-1, 3), axis=0).tolist()]
    table = ColorIds({color: number for number, color in enumerate(colors[:255])})
    meant = [[table.ids.get(tuple(color)) for color in row] for row in pixels.tolist()]
    read = ours(raw, size[:2], RGB, table)
    assert (read.tolist() == meant) if read is not None else len(colors) > 255


@pytest.mark.parametrize("layout", [RGB, RGBA], ids=["RGB", "RGBA"])
@pytest.mark.parametrize("kind", range(5))
def test_every_width_around_a_block_comes_back(kind: int, layout: Layout) -> None:
    for width in WIDTHS:
        for change in (0.0, 0.1, 1.0):
            table = table_of(width, 12, black=change == 0.1)
            ids = drawn(width, width, 3, table, change)
            assert np.array_equal(ours(pngs.filtered(colored(ids, table, layout), [kind] * 3), ids.shape, layout, table), ids)


@pytest.mark.parametrize("layout", [RGB, RGBA], ids=["RGB", "RGBA"])
@pytest.mark.parametrize("kind", range(5))
def test_one_pixel_of_a_colour_without_an_id_is_seen_wherever_it_stands(kind: int, layout: Layout) -> None:
    for black in (True, False):
        table = table_of(kind, 12, black=black)
        ids = drawn(kind, 150, 3, table, 0.05)
        for unknown in ((7, 7, 7), (0, 0, 0), (0, 0, 1)):
            if unknown in table.ids:
                continue
            for x in (*range(0, 150, 7), 149):
                for y in range(3):
                    pixels = colored(ids, table, layout)
                    pixels[y, x, :3] = unknown
                    assert ours(pngs.filtered(pixels, [kind] * 3), ids.shape, layout, table) is None


@pytest.mark.parametrize("kind", range(5))
def test_one_pixel_that_is_not_opaque_is_seen_wherever_it_stands(kind: int) -> None:
    table = table_of(kind, 12, black=True)
    ids = drawn(kind, 90, 3, table, 0.05)
    for x in (*range(0, 90, 7), 89):
        for alpha in (0, 254):
            pixels = colored(ids, table, RGBA)
            pixels[1, x, 3] = alpha
            assert ours(pngs.filtered(pixels, [kind] * 3), ids.shape, RGBA, table) is None


@pytest.mark.parametrize("kind", range(5))
def test_a_map_of_black_alone_is_known_by_its_colour(kind: int) -> None:
    for layout in (RGB, RGBA):
        pixels = colored(np.zeros((3, 70), np.uint8), ColorIds({(0, 0, 0): 0}), layout)
        raw = pngs.filtered(pixels, [kind] * 3)
        assert np.array_equal(ours(raw, (3, 70), layout, ColorIds({(0, 0, 0): 9, (1, 1, 1): 0})), np.full((3, 70), 9))
        assert ours(raw, (3, 70), layout, ColorIds({(1, 1, 1): 0})) is None


@given(st.integers(0, 2**32 - 1), st.integers(1, 256), st.booleans())
def test_any_table_finds_its_colours_and_no_others(seed: int, count: int, black: bool) -> None:
    table = table_of(seed, count, black=black)
    ids = np.array(list(table.ids.values()), np.uint8)[None]
    assert np.array_equal(ids_of_pixels(colored(ids, table), table), ids)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        color = tuple(rng.integers(0, 256, 3).tolist())
        found = ids_of_pixels(np.uint8([[color]]), table)
        assert (found is None) if color not in table.ids else found is not None and found.tolist() == [[table.ids[color]]]


def test_where_every_id_has_a_colour_rows_need_black_among_them() -> None:
    ids = np.arange(256, dtype=np.uint8)[None].repeat(2, axis=0)
    with_black = ColorIds({(number, 0, 0): number for number in range(256)})
    without = ColorIds({(number, 1, 0): number for number in range(256)})
    assert np.array_equal(ours(pngs.filtered(colored(ids, with_black), [2, 2]), (2, 256), RGB, with_black), ids)
    assert ours(pngs.filtered(colored(ids, without), [2, 2]), (2, 256), RGB, without) is None
    assert np.array_equal(ids_of_pixels(colored(ids, without), without), ids)


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.integers(1, 5), st.sampled_from([0.0, 0.05, 1.0]))
def test_indices_become_the_ids_of_their_colours(seed: int, width: int, height: int, change: float) -> None:
    table = table_of(seed, 30, black=True)
    ids = drawn(seed, width, height, table, change)
    palette = np.zeros((256, 4), np.uint8)
    order = np.random.default_rng(seed).permutation(256)[: len(table.ids)]
    index_of = np.zeros(256, np.uint8)
    for index, (color, number) in zip(order, table.ids.items(), strict=True):
        palette[index, :3], index_of[number] = color, index
    indices = index_of[ids]
    assert np.array_equal(ids_of_indices(indices, palette, table), ids)
    for at in {0, indices.size // 2, indices.size - 1}:
        strange, other = palette.copy(), indices.copy()
        other.reshape(-1)[at] = free = next(index for index in range(256) if index not in order)
        strange[free, :3] = 7, 7, 7
        assert ids_of_indices(other, strange, table) is None


@pytest.mark.parametrize("kind", [5, 255])
def test_a_filter_that_does_not_exist_is_an_error_that_names_the_row(kind: int) -> None:
    raw = bytes(1 + 3 * 6) + bytes([kind]) + bytes(3 * 6)
    with pytest.raises(ValueError, match="row 1 "):
        ours(raw, (2, 6), RGB, ColorIds({(0, 0, 0): 0}))


def test_buffers_of_another_size_are_refused() -> None:
    raw, out, table = np.zeros(2 * 16 + SLACK, np.uint8), np.zeros(3 * 5 + 64, np.uint8), ColorIds({(0, 0, 0): 0})
    assert ids_of_rows(raw, out, (2, 5), RGB, table) is not None
    for wrong in ((raw[1:], out), (raw, out[1:])):
        with pytest.raises(ValueError, match="are not 2 rows of 5 pixels"):
            ids_of_rows(*wrong, (2, 5), RGB, table)


@needs_guards
@pytest.mark.parametrize("layout", [RGB, RGBA], ids=["RGB", "RGBA"])
def test_nothing_beyond_the_buffers_is_read_or_written(layout: Layout) -> None:
    table = table_of(0, 12, black=True)
    for width in WIDTHS:
        for kind in range(5):
            ids = drawn(width, width, 3, table, 0.2)
            raw = np.frombuffer(pngs.filtered(colored(ids, table, layout), [kind] * 3) + bytes(SLACK), np.uint8)
            for at_end in (True, False):
                out = guarded(np.zeros(4 * width + 64, np.uint8), at_end=at_end)
                assert np.array_equal(ids_of_rows(guarded(raw, at_end=at_end), out, ids.shape, layout, table), ids)
                assert np.array_equal(ids_of_pixels(guarded(colored(ids, table), at_end=at_end), table), ids)


@needs_guards
def test_nothing_beyond_indices_is_read() -> None:
    table = ColorIds({(number, 0, 0): number for number in range(256)})
    palette = colored(np.arange(256, dtype=np.uint8)[None], table, RGBA)[0]
    for width in (1, 2, 63, 64, 65, 66, 128, 129, 130):
        indices = drawn(width, width, 1, table, 0.2)
        for at_end in (True, False):
            assert np.array_equal(ids_of_indices(guarded(indices, at_end=at_end), palette, table), indices)


@given(st.integers(0, 2**32 - 1), st.integers(1, 100), st.integers(1, 20), st.sampled_from(["RGB", "RGBA", "P", "LA"]), st.booleans())
def test_any_file_gives_the_ids_of_the_colours_that_pillow_reads(
    tmp_path_factory: pytest.TempPathFactory, seed: int, width: int, height: int, mode: str, known: bool
) -> None:
    table = table_of(seed, 20, black=True)
    pixels = colored(drawn(seed, width, height, table, 0.1), table)
    if not known:
        pixels[height // 2, width // 2] = 7
    path = tmp_path_factory.getbasetemp() / "colors.png"
    Image.fromarray(pixels).convert(mode).save(path)
    with Image.open(path) as image:
        meant = [[table.ids.get(tuple(color)) for color in row] for row in np.array(image.convert("RGB")).tolist()]
    read = read_color_ids(path, table)
    assert (read.tolist() == meant) if read is not None else any(None in row for row in meant)


def test_a_map_that_is_not_opaque_is_read_by_its_colours_alone(tmp_path: Path) -> None:
    table = table_of(0, 20, black=True)
    ids = drawn(0, 40, 20, table, 0.1)
    pixels = colored(ids, table, RGBA)
    pixels[..., 3] = np.arange(40)
    Image.fromarray(pixels).save(tmp_path / "colors.png")
    assert png.decode_colors((tmp_path / "colors.png").read_bytes(), table) is None
    assert np.array_equal(read_color_ids(tmp_path / "colors.png", table), ids)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    table = table_of(0, 20, black=True)
    file = io.BytesIO()
    Image.fromarray(colored(drawn(0, 40, 20, table, 0.1), table)).save(file, "PNG")
    damaged = bytearray(file.getvalue())
    damaged[60] ^= 1
    for content, reason in (
        (bytes(damaged), "the checksum of chunk IDAT is wrong"),
        (file.getvalue()[:-20], "the file ends after"),
        (rewritten(bytes(20 * 121 - 1)), "cut short or too long"),
        (rewritten(b"\5" + bytes(20 * 121 - 1)), "row 0 has a filter"),
    ):
        (tmp_path / "colors.png").write_bytes(content)
        with pytest.raises(ImageError, match=rf"colors\.png: the file is damaged \(.*{reason}"):
            read_color_ids(tmp_path / "colors.png", table)


def rewritten(raw: bytes) -> bytes:
    """A file of 40x20 colours with these filtered rows."""
    data = pngs.chunk(b"IDAT", zlib.compress(raw))
    return pngs.SIGNATURE + pngs.header(40, 20, 8, pngs.RGB) + data + pngs.chunk(b"IEND", b"")
