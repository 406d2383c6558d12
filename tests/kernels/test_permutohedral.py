from __future__ import annotations

import numpy as np
import pytest

from segbench.kernels.permutohedral import lattice


def exact(features: np.ndarray, values: np.ndarray) -> np.ndarray:
    distance = ((features[:, None] - features[None]) ** 2).sum(-1)
    return np.exp(-distance / 2) @ values


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
def test_a_weighted_mean_is_close_to_that_of_the_exact_gaussian(dimensions: int) -> None:
    rng = np.random.default_rng(dimensions)
    features = rng.uniform(0, 4, (3000, dimensions)).astype(np.float32)
    values = np.stack([np.sin(features[:, 0]), features[:, -1]], axis=1).astype(np.float32)
    ones = np.ones((len(features), 1), np.float32)
    filtered = lattice(features)
    got, expected = filtered.filter(values) / filtered.filter(ones), exact(features, values) / exact(features, ones)
    error = np.sqrt(((got - expected) ** 2).mean(0))
    assert (error < 0.12 * expected.std(0)).all(), error / expected.std(0)


def test_weights_of_the_corners_are_those_of_a_mean() -> None:
    features = np.random.default_rng(0).normal(0, 30, (500, 5)).astype(np.float32)
    weights = lattice(features).weights
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-4)
    assert weights.min() > -1e-4


def test_neighbours_are_mutual_and_far_points_do_not_meet() -> None:
    features = np.float32([[0, 0], [0.1, 0], [500, -500]])
    built = lattice(features)
    for axis in built.neighbours:
        for corner, (left, right) in enumerate(axis):
            assert left == len(axis) or axis[left][1] == corner
            assert right == len(axis) or axis[right][0] == corner
    filtered = built.filter(np.float32([[1], [0], [0]]))
    assert filtered[0, 0] > 0
    assert filtered[1, 0] > 0
    assert filtered[2, 0] == 0


def test_filtering_is_linear_and_every_point_counts_for_itself() -> None:
    rng = np.random.default_rng(1)
    built = lattice(rng.uniform(0, 3, (200, 3)).astype(np.float32))
    a, b = rng.random((2, 200, 1)).astype(np.float32)
    np.testing.assert_allclose(built.filter(a + 2 * b), built.filter(a) + 2 * built.filter(b), rtol=1e-4, atol=1e-4)
    kernel = built.filter(np.eye(200, dtype=np.float32))
    assert (kernel >= -1e-6).all()
    assert (kernel.diagonal() > 0).all()
