from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.per_image import scores_of, units_of
from segbench.metrics.scores import Scores, score
from tests.strategies import plain_labels

CATEGORISED = LabelSpace(
    "categorised",
    tuple(LabelClass(f"class {i}", (i,), (i, i, i), category) for i, category in enumerate(["a", "b", "a", None, "b"])),
)


def matrices(seed: int, images: int, classes: int) -> NDArray[np.int64]:
    """Matrices in which many cells, and for some seeds whole classes, are empty."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 1000, (images, classes, classes + 1)) * (rng.random((images, classes, classes + 1)) < 0.4)
    absent = rng.random(classes) < 0.3
    counts[:, absent] = 0
    counts[:, :, :-1][:, :, absent & (rng.random(classes) < 0.5)] = 0
    return counts


@given(st.integers(0, 10**6), st.sampled_from([plain_labels(1), plain_labels(4), CATEGORISED]))
def test_every_column_has_the_scores_of_its_matrix(seed: int, labels: LabelSpace) -> None:
    counts = matrices(seed, 4, len(labels.classes))
    found = scores_of(labels, units_of(labels, counts, None))
    expected = [score(ConfusionMatrix(labels, matrix)) for matrix in counts]
    for name, values in found.items():
        rows = [getattr(scores, name) for scores in expected]
        rows = [[*row.values()] if isinstance(row, dict) else row for row in rows]
        if name == "fwiou":  # added in another order
            np.testing.assert_allclose(values, rows, rtol=1e-14)
        else:
            np.testing.assert_array_equal(np.moveaxis(values, -1, 0), np.array(rows))


def test_every_score_is_there() -> None:
    names = set(scores_of(CATEGORISED, units_of(CATEGORISED, matrices(0, 2, 5), None)))
    assert names == {"dice", "precision", *(field.name for field in fields(Scores))}
    assert "category_iou" not in scores_of(plain_labels(2), np.ones((6, 1)))


def test_a_group_is_the_sum_of_its_images() -> None:
    counts = matrices(3, 5, 5)
    columns = units_of(CATEGORISED, counts, ["x", "y", "x", "z", "y"])
    sums = np.stack([counts[[0, 2]].sum(axis=0), counts[[1, 4]].sum(axis=0), counts[3]])
    np.testing.assert_array_equal(columns, units_of(CATEGORISED, sums, None))


def test_no_sum_has_only_undefined_scores() -> None:
    assert all(math.isnan(x) for values in scores_of(CATEGORISED, np.zeros((17, 1))).values() for x in values.ravel())


@pytest.mark.parametrize("counts", [np.zeros((3, 5, 5), np.int64), np.zeros((3, 5, 6)), np.zeros((5, 6), np.int64)], ids=str)
def test_what_are_no_matrices_of_the_label_space_is_refused(counts: NDArray[np.int64]) -> None:
    with pytest.raises(ValueError, match=r"int64\[N, 5, 6\]"):
        units_of(CATEGORISED, counts, None)


def test_a_group_for_each_image_or_none_at_all() -> None:
    with pytest.raises(ValueError, match="1 groups for 3 images"):
        units_of(CATEGORISED, np.zeros((3, 5, 6), np.int64), ["x"])
