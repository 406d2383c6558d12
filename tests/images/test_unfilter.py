from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from segbench.images.unfilter import LEAD, unfilter
from tests.guarded import guarded, needs_guards
from tests.pngs import filtered, plainly_unfiltered

KINDS = st.lists(st.integers(0, 4), min_size=1, max_size=8)
TYPES = st.sampled_from([np.uint8, np.uint16])


def drawn(seed: int, width: int, height: int, dtype: type, change: float) -> NDArray[np.generic]:
    """A map of runs that mostly go on in the row below, with values of the full range."""
    rng = np.random.default_rng(seed)
    values = np.zeros((height, width), dtype)
    row = np.zeros(width, dtype)
    for y in range(height):
        new = rng.random(width) < change
        starts = np.maximum.accumulate(np.where(new, np.arange(width), 0))
        fresh = rng.choice(np.array([0, 1, 7, 127, 128, 254, 255, 256, 26001, 65535]).astype(dtype), width)[starts]
        row = np.where(np.logical_or.accumulate(new) & (rng.random() < 0.7), fresh, row)
        values[y] = row
    return values


def ours(raw: bytes, width: int, height: int, dtype: type) -> NDArray[np.generic]:
    """In memory of their own and in one memory, which must come to the same."""
    item = np.dtype(dtype).itemsize
    padded = np.frombuffer(raw + b"\xa5" * (64 * item), np.uint8)
    out = np.full((height + 1) * width + 64, 0x5A, dtype)
    read = unfilter(padded.copy(), out, width, height)
    shared = np.full((width + LEAD) * item + padded.size, 0x5A, np.uint8)
    shared[(width + LEAD) * item :] = padded
    in_place = unfilter(shared[(width + LEAD) * item :], shared[: out.nbytes].view(dtype), width, height)
    assert np.array_equal(in_place, read)
    return read


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), KINDS, TYPES, st.sampled_from([0.0, 0.01, 0.1, 0.5, 1.0]))
def test_a_map_of_runs_comes_back_from_any_mixture_of_filters(seed: int, width: int, kinds: list[int], dtype: type, change: float) -> None:
    values = drawn(seed, width, len(kinds), dtype, change)
    read = ours(filtered(values, kinds), width, len(kinds), dtype)
    assert read.dtype == dtype
    assert np.array_equal(read, values)


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), KINDS, TYPES, st.sampled_from([0.0, 0.02, 0.3, 1.0]))
def test_any_residuals_at_all_give_what_the_standard_says(seed: int, width: int, kinds: list[int], dtype: type, share: float) -> None:
    rng = np.random.default_rng(seed)
    size = width * np.dtype(dtype).itemsize
    rows = np.where(rng.random((len(kinds), size)) < share, rng.integers(0, 256, (len(kinds), size)), 0).astype(np.uint8)
    raw = b"".join(bytes([kind]) + row.tobytes() for kind, row in zip(kinds, rows, strict=True))
    assert np.array_equal(ours(raw, width, len(kinds), dtype), plainly_unfiltered(raw, width, len(kinds), dtype))


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_width_around_a_block_comes_back(kind: int, dtype: type) -> None:
    for width in range(1, 131):
        for change in (0.0, 0.1, 1.0):
            values = drawn(width, width, 3, dtype, change)
            assert np.array_equal(ours(filtered(values, [kind] * 3), width, 3, dtype), values)


@pytest.mark.parametrize("byte", [0, 255])
@pytest.mark.parametrize("kind", range(5))
def test_rows_of_one_byte_come_back(kind: int, byte: int) -> None:
    for dtype, width in ((np.uint8, 150), (np.uint16, 75)):
        values = np.full((4, width), byte * 257, np.uint16).astype(dtype)
        assert np.array_equal(ours(filtered(values, [kind] * 4), width, 4, dtype), values)
        raw = (bytes([kind]) + bytes([byte]) * 150) * 4
        assert np.array_equal(ours(raw, width, 4, dtype), plainly_unfiltered(raw, width, 4, dtype))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", range(5))
def test_one_number_of_the_row_above_or_one_residual_is_seen_wherever_it_stands(kind: int, dtype: type) -> None:
    item = np.dtype(dtype).itemsize
    for x in range(200 * item):
        for row in range(2):
            rows = np.zeros((2, 200 * item), np.uint8)
            rows[row, x] = 3
            raw = b"\0" + rows[0].tobytes() + bytes([kind]) + rows[1].tobytes()
            assert np.array_equal(ours(raw, 200, 2, dtype), plainly_unfiltered(raw, 200, 2, dtype))


@pytest.mark.parametrize("kind", [5, 128, 255])
def test_a_filter_that_does_not_exist_is_an_error_that_names_the_row(kind: int) -> None:
    raw = bytes(7) + bytes([kind]) + bytes(6)
    with pytest.raises(ValueError, match="row 1 "):
        ours(raw, 6, 2, np.uint8)


@needs_guards
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_nothing_beyond_the_buffers_is_read_or_written(dtype: type) -> None:
    item = np.dtype(dtype).itemsize
    for width in [*range(1, 70), 127, 128, 129]:
        for kind in range(5):
            values = drawn(width, width, 3, dtype, 0.2)
            raw = np.frombuffer(filtered(values, [kind] * 3) + bytes(64 * item), np.uint8)
            for at_end in (True, False):
                out = guarded(np.zeros(4 * width + 64, dtype), at_end=at_end)
                assert np.array_equal(unfilter(guarded(raw, at_end=at_end), out, width, 3), values)


def test_buffers_that_are_too_small_are_refused() -> None:
    raw, out = np.zeros(2 * 6 + 64, np.uint8), np.zeros(3 * 5 + 64, np.uint8)
    assert unfilter(raw, out, 5, 2).shape == (2, 5)
    with pytest.raises(ValueError, match="too few"):
        unfilter(raw[:-1], out, 5, 2)
    with pytest.raises(ValueError, match="too little room"):
        unfilter(raw, out[:-1], 5, 2)
    with pytest.raises(ValueError, match="too few"):
        unfilter(raw, out, 0, 2)
