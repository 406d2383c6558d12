from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segbench.kernels.border_weights import border_weight_map


def searched(instances: np.ndarray, w0: float = 10.0, sigma: float = 5.0) -> np.ndarray:
    """The definition, by a search over all border pixels of every instance."""
    height, width = instances.shape
    borders: dict[int, list[tuple[int, int]]] = {}
    for y, x in np.argwhere(instances).tolist():
        around = [(v, u) for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)) if 0 <= v < height and 0 <= u < width]
        if any(instances[place] != instances[y, x] for place in around):
            borders.setdefault(int(instances[y, x]), []).append((y, x))
    out = np.ones(instances.shape)
    for y, x in np.ndindex(height, width):
        distances = sorted(min(np.hypot(y - v, x - u) for v, u in border) for border in borders.values())
        if len(distances) > 1:
            out[y, x] += w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return out


@given(arrays(np.int32, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from([0, 0, 0, 1, 2, 3, 4])))
def test_the_map_is_that_of_a_search_over_all_instances(instances: np.ndarray) -> None:
    actual = border_weight_map(instances)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, searched(instances), rtol=1e-6)


def test_many_instances_are_no_different() -> None:
    rng = np.random.default_rng(0)
    instances = np.zeros((40, 60), np.int64)
    for number in range(1, 51):
        y, x = rng.integers(0, 35), rng.integers(0, 54)
        instances[y : y + rng.integers(1, 6), x : x + rng.integers(1, 7)] = number
    np.testing.assert_allclose(border_weight_map(instances), searched(instances), rtol=1e-6)


def test_the_gap_between_two_cells_by_hand() -> None:
    instances = np.zeros((5, 20), np.int32)
    instances[:, :4], instances[:, 6:10] = 1, 2
    weights = border_weight_map(instances)
    assert weights[2, 4] == pytest.approx(1 + 10 * np.exp(-((1 + 2) ** 2) / 50))
    assert weights[2, 3] == pytest.approx(1 + 10 * np.exp(-((0 + 3) ** 2) / 50))
    assert weights[2, 1] == pytest.approx(1 + 10 * np.exp(-((2 + 5) ** 2) / 50))
    assert weights[2, 19] == pytest.approx(1 + 10 * np.exp(-((10 + 16) ** 2) / 50))


def test_cells_that_touch_weigh_the_most() -> None:
    instances = np.ones((4, 10), np.int32)
    instances[:, 5:] = 2
    weights = border_weight_map(instances)
    assert weights[0, 4] == weights.max() == pytest.approx(1 + 10 * np.exp(-1 / 50))


@pytest.mark.parametrize(
    "instances", [np.zeros((6, 7), np.int32), np.ones((6, 7), np.int32), np.eye(6, dtype=np.int32), np.zeros((0, 4), int)]
)
def test_fewer_than_two_instances_add_nothing(instances: np.ndarray) -> None:
    assert (border_weight_map(instances) == 1).all()


def test_the_weights_of_classes_are_added() -> None:
    instances = np.zeros((6, 8), np.int32)
    instances[0, 0], instances[5, 7] = 1, 2
    classes = np.random.default_rng(0).random((6, 8)).astype(np.float32)
    np.testing.assert_allclose(border_weight_map(instances, classes), classes + searched(instances) - 1, rtol=1e-6)


def test_width_and_height_of_the_bump_are_arguments() -> None:
    instances = np.zeros((6, 30), np.int32)
    instances[0, 0], instances[5, 29] = 1, 2
    np.testing.assert_allclose(border_weight_map(instances, w0=3, sigma=12), searched(instances, 3, 12), rtol=1e-6)
    assert (border_weight_map(instances, w0=0) == 1).all()


def test_cells_out_of_reach_of_each_other_underflow_to_nothing() -> None:
    instances = np.zeros((2, 500), np.int32)
    instances[:, 0], instances[:, 499] = 1, 2
    np.testing.assert_allclose(border_weight_map(instances), searched(instances), rtol=1e-6)


@pytest.mark.parametrize("instances", [np.zeros((2, 3, 4), np.int32), np.array([[0, -1]])])
def test_what_is_no_map_of_instances_is_refused(instances: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"int\[H, W\]"):
        border_weight_map(instances)
