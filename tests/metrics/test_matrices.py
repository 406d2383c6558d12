"""Confusion matrices as the cells that occur, held against the whole arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from segbench.metrics import matrices as module
from segbench.metrics.matrices import Matrices, different_targets


def sparse(seed: int, images: int, classes: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 9, (images, classes, classes + 1)) * (rng.random((images, classes, classes + 1)) < 0.3)


@given(st.integers(0, 10**6), st.integers(0, 7), st.integers(1, 4), st.integers(1, 30))
def test_sums_and_totals_are_those_of_the_whole_arrays(seed: int, images: int, classes: int, at_once: int) -> None:
    whole = sparse(seed, images, classes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_ONCE", at_once)
        found = Matrices.of(whole)
        hits, targets, preds = found.class_sums()
        assert np.array_equal(found.dense(), whole)
        assert np.array_equal(found.total().dense(), whole.sum(axis=0))
        assert np.array_equal(hits, whole.diagonal(axis1=1, axis2=2))
        assert np.array_equal(targets, whole.sum(axis=2))
        assert np.array_equal(preds, whole[:, :, :-1].sum(axis=1))
        assert found.equals(Matrices.of(whole))
        if images:
            assert np.array_equal(found.dense([images - 1, 0]), whole[[images - 1, 0]])
            other = whole.copy()
            other[-1, 0, 0] += 1
            assert not found.equals(Matrices.of(other))
            assert different_targets(found, Matrices.of(other)) == 1


def test_arrays_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="int64"):
        Matrices.of(np.zeros((2, 3, 3), np.int64))
