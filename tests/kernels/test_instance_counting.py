from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.kernels import instance_counting
from segbench.kernels.instance_counting import count_by_instance
from tests.guarded import guarded, needs_guards


def drawn(seed: int, shape: tuple[int, int], values: int, change: float) -> tuple[np.ndarray, np.ndarray]:
    """An instance map and a prediction whose pixels differ from the one before with this probability."""
    rng = np.random.default_rng(seed)
    size = shape[0] * shape[1]
    starts = [np.maximum.accumulate(np.where(rng.random(size) < change, np.arange(size), 0)) for _ in range(2)]
    kinds = np.r_[0, 7, 26, 1000, rng.integers(1001, 65536, values)].astype(np.uint16)
    return rng.choice(kinds, size)[starts[0]].reshape(shape), rng.integers(0, 256, size).astype(np.uint8)[starts[1]].reshape(shape)


def plainly(instances: np.ndarray, pred: np.ndarray, divisor: int) -> dict[int, list[int]]:
    """One pass over the image for each instance."""
    values = [int(value) for value in np.unique(instances) if value > divisor]
    return {value: np.bincount(pred[instances == value], minlength=256).tolist() for value in values}


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 4),
    st.sampled_from([*range(1, 20), 63, 64, 65, 127, 128, 129, 193, 200]),
    st.sampled_from([1, 5, 200]),
    st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    st.sampled_from([0, 1000, 26000]),
)
def test_counts_are_those_of_looking_for_one_instance_after_the_other(
    seed: int, height: int, width: int, values: int, change: float, divisor: int
) -> None:
    instances, pred = drawn(seed, (height, width), values, change)
    found, table = count_by_instance(instances, pred, divisor)
    assert found.dtype == table.dtype == np.int64
    assert dict(zip(found.tolist(), table.tolist(), strict=True)) == plainly(instances, pred, divisor)
    assert found.tolist() == sorted(found.tolist())


@pytest.mark.parametrize("count", [instance_counting.FIRST, instance_counting.FIRST + 1, 3000, 64535])
def test_an_image_may_have_any_number_of_instances(count: int) -> None:
    instances = np.arange(65535, 65535 - count, -1).astype(np.uint16)[None]
    found, table = count_by_instance(instances, np.full((1, count), 9, np.uint8), 1000)
    assert found.tolist() == sorted(instances[0].tolist())
    assert table[:, 9].tolist() == [1] * count


def test_views_that_lie_scattered_in_memory_are_counted() -> None:
    instances, pred = drawn(3, (40, 150), 5, 0.1)
    found, table = count_by_instance(instances[::2, ::3], pred[::2, ::3], 1000)
    assert dict(zip(found.tolist(), table.tolist(), strict=True)) == plainly(instances[::2, ::3], pred[::2, ::3], 1000)


def test_an_image_without_pixels_has_no_instances() -> None:
    found, table = count_by_instance(np.zeros((0, 5), np.uint16), np.zeros((0, 5), np.uint8), 1000)
    assert (found.shape, table.shape) == ((0,), (0, 256))


@needs_guards
def test_nothing_beyond_the_maps_is_read() -> None:
    for width in [*range(1, 70), 127, 128, 129]:
        instances, pred = drawn(width, (3, width), 5, 0.2)
        for at_end in (True, False):
            found, _ = count_by_instance(guarded(instances, at_end=at_end), guarded(pred, at_end=at_end), 1000)
            assert found.tolist() == list(plainly(instances, pred, 1000))
