from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from segbench.kernels import counting_torch
from segbench.kernels.counting import count_corner, count_pairs
from tests.guarded import guarded, needs_guards
from tests.oracles import bincount_pairs, naive_pairs
from tests.strategies import Maps, map_pairs


@given(map_pairs())
def test_counts_equal_a_naive_loop(maps: Maps) -> None:
    assert np.array_equal(count_pairs(*maps), naive_pairs(*maps))


@given(map_pairs(st.integers(0, 3), st.integers(252, 255)))
def test_counts_of_few_values_equal_a_naive_loop(maps: Maps) -> None:
    assert np.array_equal(count_pairs(*maps), naive_pairs(*maps))


@given(map_pairs())
def test_counts_on_a_tensor_are_bit_identical(maps: Maps) -> None:
    counts = counting_torch.count_pairs(*map(torch.from_numpy, maps))
    assert counts.dtype == torch.int64
    assert np.array_equal(counts.numpy(), count_pairs(*maps))


@given(map_pairs())
def test_counts_sum_to_the_pixels(maps: Maps) -> None:
    counts = count_pairs(*maps)
    assert counts.dtype == np.int64
    assert counts.sum() == maps[0].size


@given(map_pairs())
def test_exchanging_target_and_prediction_transposes_the_counts(maps: Maps) -> None:
    target, pred = maps
    assert np.array_equal(count_pairs(pred, target), count_pairs(target, pred).T)


@given(st.lists(map_pairs(), min_size=1, max_size=4), map_pairs(st.integers(0, 3), st.integers(0, 9)))
def test_the_corner_holds_all_pixels_and_leaves_nothing_for_the_next_pair(several: list[Maps], small: Maps) -> None:
    for maps in (*several, small):
        corner = count_corner(*maps)
        whole = np.zeros((256, 256), np.int64)
        whole[: corner.shape[0], : corner.shape[1]] = corner
        assert np.array_equal(whole, count_pairs(*maps))
        assert not corner.size or (corner[-1].any() and corner[:, -1].any())


SHARES = st.sampled_from([0.0, 0.005, 0.1, 0.5, 0.7, 1.0])


def blockwise(seed: int, size: int, shares: list[float]) -> NDArray[np.uint8]:
    """Bytes of the full range; each stretch of 50 has its own share of pixels at which a run ends."""
    rng = np.random.default_rng(seed)
    values = rng.choice(np.uint8([0, 255, 1, 254, 7, 128]), size)
    change = rng.random(size) < np.resize(np.repeat(shares, 50), size)
    return values[np.maximum.accumulate(np.where(change, np.arange(size), 0))] if size else values


@given(st.integers(0, 2**32 - 2), st.integers(0, 700), st.lists(SHARES, min_size=1, max_size=8), st.lists(SHARES, min_size=1, max_size=8))
def test_quiet_and_busy_blocks_in_any_order_are_counted(seed: int, size: int, target: list[float], pred: list[float]) -> None:
    maps = blockwise(seed, size, target)[None], blockwise(seed + 1, size, pred)[None]
    assert np.array_equal(count_pairs(*maps), bincount_pairs(*maps))


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_rows_of_any_width_around_a_block_are_counted(share: float) -> None:
    for width in range(131):
        for offset in (0, 1, 63):
            maps = tuple(blockwise(width + seed, offset + 3 * width, [share])[offset:].reshape(3, width) for seed in (0, 1000))
            assert np.array_equal(count_pairs(*maps), bincount_pairs(*maps))


@needs_guards
def test_nothing_beyond_the_maps_is_read() -> None:
    for size in [*range(70), *range(120, 135), 4095, 4096]:
        for at_end in (True, False):
            maps = tuple(guarded(blockwise(seed, size, [0.0, 0.1, 1.0]), at_end=at_end) for seed in (size, size + 9000))
            assert count_pairs(*maps).sum() == size


def large_maps() -> Maps:
    rng = np.random.default_rng(7)
    target = np.repeat(rng.integers(0, 256, (257, 40), np.uint8), 13, axis=1)
    pred = np.where(rng.random(target.shape) < 0.9, target, rng.integers(0, 256, target.shape, np.uint8))
    return target, pred


def test_counts_of_a_large_map_equal_bincount() -> None:
    assert np.array_equal(count_pairs(*large_maps()), bincount_pairs(*large_maps()))


def test_counts_of_a_large_map_equal_scikit_learn() -> None:
    target, pred = large_maps()
    assert np.array_equal(count_pairs(target, pred), confusion_matrix(target.ravel(), pred.ravel(), labels=np.arange(256)))


def test_views_are_counted_as_what_they_show() -> None:
    target, pred = large_maps()
    for view in (np.s_[::2, ::3], np.s_[::-1, 5:]):
        assert np.array_equal(count_pairs(target[view], pred[view]), bincount_pairs(target[view], pred[view]))
    assert np.array_equal(count_pairs(target.T, pred.T), count_pairs(target, pred))


def test_read_only_maps_are_counted() -> None:
    target = np.frombuffer(bytes(range(6)), np.uint8).reshape(2, 3)
    assert not target.flags.writeable
    assert np.array_equal(count_pairs(target, target), naive_pairs(target, target))


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint16, np.float32, np.bool_])
def test_anything_but_bytes_is_a_type_error(dtype: type) -> None:
    good, bad = np.zeros((2, 2), np.uint8), np.zeros((2, 2), dtype)
    for target, pred in ((good, bad), (bad, good)):
        with pytest.raises(TypeError, match="uint8"):
            count_pairs(target, pred)
        with pytest.raises(TypeError, match="uint8"):
            counting_torch.count_pairs(torch.from_numpy(target), torch.from_numpy(pred))


def test_different_shapes_are_a_value_error_even_with_equally_many_pixels() -> None:
    target, pred = np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8)
    with pytest.raises(ValueError, match="shape"):
        count_pairs(target, pred)
    with pytest.raises(ValueError, match="differ"):
        counting_torch.count_pairs(torch.from_numpy(target), torch.from_numpy(pred))


@pytest.mark.gpu
@given(map_pairs())
def test_counts_on_cuda_are_bit_identical(maps: Maps) -> None:
    counts = counting_torch.count_pairs(*(torch.from_numpy(m).cuda() for m in maps))
    assert counts.is_cuda
    assert np.array_equal(counts.cpu().numpy(), count_pairs(*maps))
