from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import segbench
from segbench.kernels import blocks
from tests.guarded import guarded, needs_guards

PACKAGE = Path(segbench.__file__).parent


@numba.njit
def _changes(row: NDArray[np.generic], start: int) -> np.uint64:
    return blocks.changes(row, start)


@numba.njit
def _nonzero(like: NDArray[np.generic], data: NDArray[np.uint8], byte: int) -> np.uint64:
    return blocks.nonzero(like, data, byte)


@numba.njit
def _fill(row: NDArray[np.generic], start: int, value: int) -> None:
    blocks.fill(row, start, value)


@numba.njit
def _add(row: NDArray[np.generic], start: int, other: int, data: NDArray[np.uint8], byte: int) -> None:
    blocks.add(row, start, other, data, byte)


@numba.njit
def _go_on(row: NDArray[np.generic], start: int, value: int, other: int, copying: bool) -> None:
    blocks.go_on(row, start, value, other, copying)


@numba.njit
def _positions(bits: np.uint64) -> list[int]:
    found = [blocks.ones(bits)]
    while bits:
        found.append(blocks.lowest(bits))
        bits &= bits - np.uint64(1)
    return found


def bits_of(flags: NDArray[np.bool_]) -> int:
    return int(np.packbits(flags, bitorder="little").view(np.uint64)[0])


def runs(seed: int, size: int, dtype: type, change: float) -> NDArray[np.generic]:
    """Random values of the full range, a new one with probability ``change``."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, np.iinfo(dtype).max + 1, size, dtype)
    return values[np.maximum.accumulate(np.where(rng.random(size) < change, np.arange(size), 0))]


kinds = st.sampled_from([np.uint8, np.uint16])
seeds = st.integers(0, 2**32 - 1)
shares = st.sampled_from([0.0, 0.02, 0.5, 1.0])


@given(seeds, kinds, shares, st.integers(1, 70))
def test_changes_are_where_a_number_differs_from_the_one_before(seed: int, dtype: type, share: float, start: int) -> None:
    row = runs(seed, 140, dtype, share)
    assert int(_changes(row, start)) == bits_of(row[start : start + 64] != row[start - 1 : start + 63])


@pytest.mark.parametrize("bit", range(64))
def test_each_lane_has_its_bit(bit: int) -> None:
    row = np.zeros(65, np.uint8)
    row[1 + bit :] = 255
    assert int(_changes(row, 1)) == 1 << bit
    assert _positions(np.uint64(1 << bit)) == [1, bit]


@given(seeds, kinds, st.integers(0, 130))
def test_nonzero_sees_numbers_at_any_byte(seed: int, dtype: type, byte: int) -> None:
    rng = np.random.default_rng(seed)
    data = rng.choice(np.uint8([0, 0, 0, 0, 1, 128, 255]), 300)
    numbers = np.frombuffer(data.tobytes()[byte:][: 64 * np.dtype(dtype).itemsize], dtype)
    assert int(_nonzero(np.zeros(0, dtype), data, byte)) == bits_of(numbers != 0)


@given(st.integers(0, 2**64 - 1))
def test_set_bits_are_counted_and_walked_from_the_lowest(bits: int) -> None:
    positions = [i for i in range(64) if bits >> i & 1]
    assert _positions(np.uint64(bits)) == [len(positions), *positions]


@given(seeds, kinds, st.integers(0, 36), st.integers(0, 65535))
def test_fill_writes_64_numbers_and_no_other(seed: int, dtype: type, start: int, value: int) -> None:
    row = runs(seed, 100, dtype, 1.0)
    value &= np.iinfo(dtype).max
    expected = row.copy()
    expected[start : start + 64] = value
    _fill(row, start, value)
    assert np.array_equal(row, expected)


@given(seeds, kinds, st.integers(64, 100), st.integers(0, 36), st.integers(0, 65535), st.booleans())
def test_going_on_writes_64_numbers_of_the_one_or_the_other_kind(
    seed: int, dtype: type, start: int, other: int, value: int, copying: bool
) -> None:
    row = runs(seed, 164, dtype, 1.0)
    value &= np.iinfo(dtype).max
    expected = row.copy()
    expected[start : start + 64] = row[other : other + 64] if copying else value
    _go_on(row, start, value, other, copying)
    assert np.array_equal(row, expected)


@given(seeds, kinds, st.integers(64, 100), st.integers(0, 36), st.integers(0, 100))
def test_add_adds_bytes_without_carry(seed: int, dtype: type, start: int, other: int, byte: int) -> None:
    row, data = runs(seed, 164, dtype, 1.0), runs(seed + 1, 250, np.uint8, 1.0)
    expected, wide = row.copy(), np.dtype(dtype).newbyteorder(">")
    addend = np.frombuffer(data.tobytes()[byte:][: 64 * wide.itemsize], wide).astype(dtype).view(np.uint8)
    expected[start : start + 64] = (row[other : other + 64].copy().view(np.uint8) + addend).view(dtype)
    _add(row, start, other, data, byte)
    assert np.array_equal(row, expected)


@needs_guards
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_no_block_reaches_beyond_its_64_numbers(dtype: type) -> None:
    for at_end in (True, False):
        row, data = guarded(np.zeros(65, dtype), at_end=at_end), guarded(np.zeros(64 * np.dtype(dtype).itemsize, np.uint8), at_end=at_end)
        assert _changes(row, 1) == _nonzero(row, data, 0) == 0
        for start in (0, 1):
            _fill(row, start, 7)
            _add(row, start, 1 - start, data, 0)
            for copying in (True, False):
                _go_on(row, start, 7, 1 - start, copying)
        assert set(row.tolist()) == {7}


def test_a_file_of_kernels_names_the_version_of_the_blocks_it_was_compiled_with() -> None:
    version = hashlib.sha256((PACKAGE / "kernels" / "blocks.py").read_bytes()).hexdigest()[:12]
    users = [path for path in PACKAGE.rglob("*.py") if "from segbench.kernels.blocks import" in path.read_text(encoding="utf-8")]
    assert users
    for path in users:
        named = re.findall(r"^# blocks: (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert named == [version], f"{path}: write `# blocks: {version}`, or stale kernels are loaded from numba's cache"
