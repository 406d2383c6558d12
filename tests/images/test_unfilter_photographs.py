from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from segbench.images import unfilter_photographs
from segbench.images.unfilter_photographs import ROWS, SLACK, unfilter_photograph
from tests.guarded import guarded, needs_guards
from tests.pngs import filtered, plainly_unfiltered

KINDS = st.lists(st.integers(0, 4), min_size=1, max_size=2 * ROWS + 3)
ITEMS = st.integers(1, 4)
COLORS = np.random.default_rng(0).integers(0, 256, (256, 4), np.uint8)
WIDTHS = (1, 2, 3, 4, 5, 7, 8, 9, 13, 14, 15, 16, 17, 31, 33, 63, 64, 65)


def drawn(seed: int, width: int, height: int, item: int) -> NDArray[np.uint8]:
    """uint8[H, W, item]: slopes and noise, over the ends of the range too."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    slopes = rng.integers(-9, 10, (2, item))
    noise = rng.integers(0, rng.choice([1, 4, 256]), (height, width, item))
    return (y[..., None] * slopes[0] + x[..., None] * slopes[1] + noise).astype(np.uint8)


def meant(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """The picture that pixels of any number of bytes stand for."""
    return pixels[..., :3] if pixels.ndim == 3 and pixels.shape[2] >= 3 else COLORS[pixels.reshape(*pixels.shape[:2], -1)[..., 0], :3]


def ours(raw: bytes, width: int, height: int, item: int) -> NDArray[np.uint8]:
    """In memory of their own and in one memory, which must come to the same."""
    padded = np.frombuffer(b"\xa5" * SLACK + raw + b"\x5a" * SLACK, np.uint8)
    out = np.full((height, width, 3), 0x5A, np.uint8)
    unfilter_photograph(padded.copy(), out, item, COLORS)
    if item >= 3:
        shared = padded.copy()
        unfilter_photograph(shared, shared[: out.size].reshape(out.shape), item, COLORS)
        assert np.array_equal(shared[: out.size].reshape(out.shape), out)
    return out


@given(st.integers(0, 2**32 - 1), st.integers(1, 70), KINDS, ITEMS)
def test_a_photograph_comes_back_from_any_mixture_of_filters(seed: int, width: int, kinds: list[int], item: int) -> None:
    pixels = drawn(seed, width, len(kinds), item)
    assert np.array_equal(ours(filtered(pixels, kinds), width, len(kinds), item), meant(pixels))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), KINDS, ITEMS, st.sampled_from([2, 7, 256]))
def test_any_residuals_at_all_give_what_the_standard_says(seed: int, width: int, kinds: list[int], item: int, most: int) -> None:
    rows = np.random.default_rng(seed).integers(0, most, (len(kinds), width * item)).astype(np.uint8)
    raw = b"".join(bytes([kind]) + row.tobytes() for kind, row in zip(kinds, rows, strict=True))
    assert np.array_equal(ours(raw, width, len(kinds), item), meant(plainly_unfiltered(raw, width, len(kinds), np.uint8, item)))


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("item", range(1, 5))
def test_every_filter_comes_back_at_every_width_and_height_around_the_rows_that_go_together(kind: int, item: int) -> None:
    for width in WIDTHS:
        for height in (1, 2, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS + 1):
            pixels = drawn(width, width, height, item)
            assert np.array_equal(ours(filtered(pixels, [kind] * height), width, height, item), meant(pixels))


def test_paeth_is_right_for_every_three_neighbours() -> None:
    """All of a small range and its ends: three bytes side by side in two rows, of which the fourth is predicted."""
    values = [*range(0, 12), *range(122, 134), *range(244, 256)]
    left, above, corner = (each.reshape(-1) for each in np.meshgrid(values, values, values))
    pairs = np.stack([np.stack([corner, above], axis=1), np.stack([left, np.zeros_like(left)], axis=1)])  # 2 rows, N, 2 pixels
    for start in range(0, left.size, 9):
        rows = pairs[:, start : start + 9].astype(np.uint8).reshape(2, -1)
        raw = b"\0" + rows[0].tobytes() + b"\4" + rows[1].tobytes()
        assert np.array_equal(ours(raw, rows.shape[1], 2, 1), meant(plainly_unfiltered(raw, rows.shape[1], 2, np.uint8)))


@pytest.mark.parametrize("row", [0, 1, ROWS - 1, ROWS, 2 * ROWS])
@pytest.mark.parametrize("kind", [5, 128, 255])
def test_a_filter_that_does_not_exist_is_an_error_that_names_the_row(kind: int, row: int) -> None:
    raw = bytearray(19 * (2 * ROWS + 1))
    raw[19 * row] = kind
    with pytest.raises(ValueError, match=f"row {row} "):
        ours(bytes(raw), 6, 2 * ROWS + 1, 3)


def test_buffers_of_another_size_are_refused() -> None:
    raw = np.zeros(2 * SLACK + 2 * (1 + 3 * 5), np.uint8)
    unfilter_photograph(raw, np.zeros((2, 5, 3), np.uint8), 3, COLORS)
    for wrong in (raw[1:], np.zeros(raw.size + 1, np.uint8)):
        with pytest.raises(ValueError, match="are not 2 rows of 5 pixels of 3 bytes"):
            unfilter_photograph(wrong, np.zeros((2, 5, 3), np.uint8), 3, COLORS)
    with pytest.raises(ValueError, match="are not"):
        unfilter_photograph(raw, np.zeros((0, 5, 3), np.uint8), 3, COLORS)


@needs_guards
@pytest.mark.parametrize("item", range(1, 5))
def test_nothing_beyond_the_buffers_is_read_or_written(item: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = unfilter_photographs._ring
    for width in WIDTHS:
        for height in (1, ROWS, ROWS + 1):
            pixels = drawn(width, width, height, item)
            raw = np.frombuffer(bytes(SLACK) + filtered(pixels, [4] * height) + bytes(SLACK), np.uint8)
            for at_end in (True, False):
                monkeypatch.setattr(unfilter_photographs, "_ring", lambda *size, at_end=at_end: guarded(ring(*size), at_end=at_end))
                out = guarded(np.zeros((height, width, 3), np.uint8), at_end=at_end)
                unfilter_photograph(guarded(raw, at_end=at_end), out, item, COLORS)
                assert np.array_equal(out, meant(pixels))


def test_other_threads_go_on_meanwhile() -> None:
    """A thread keeps the interpreter's lock here until it gives it away: if the kernel did not, nobody would see it begun and not done."""
    height, width = 1500, 1000
    out, ring = np.zeros(height * width * 3, np.uint8), unfilter_photographs._ring(width, 3)
    raw, colors = np.zeros(2 * SLACK + height * (1 + 3 * width), np.uint8), COLORS.view(np.uint32).reshape(-1)
    begun, done, seen = threading.Event(), threading.Event(), False

    def work() -> None:
        begun.set()
        unfilter_photographs._unfilter(raw, out, ring, colors, width, 3)
        done.set()

    work()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        for _ in range(50):
            begun.clear()
            done.clear()
            thread = threading.Thread(target=work)
            thread.start()
            begun.wait()
            seen = seen or not done.is_set()
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert seen
