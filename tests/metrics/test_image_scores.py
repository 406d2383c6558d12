from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.image_scores import image_class_iou, image_miou, worst_images
from segbench.metrics.scores import score
from tests.report.fakes import LABELS

VOID_ALL_OVER = np.zeros((3, 4), np.int64)


def matrices(*rows: object) -> np.ndarray:
    return np.array(rows, np.int64)


def test_a_class_counts_where_the_target_has_it_and_not_where_it_is_only_predicted() -> None:
    counts = matrices([[6, 2, 0, 2], [0, 0, 0, 0], [0, 0, 0, 0]], VOID_ALL_OVER)
    np.testing.assert_array_equal(image_class_iou(counts), [[0.6, np.nan, np.nan], [np.nan] * 3])
    np.testing.assert_array_equal(image_miou(counts), [0.6, np.nan])


@given(st.lists(st.lists(st.integers(0, 50), min_size=12, max_size=12), min_size=1, max_size=5))
def test_where_every_class_is_in_the_target_it_is_the_score_of_the_image_alone(cells: list[list[int]]) -> None:
    counts = np.array(cells, np.int64).reshape(-1, 3, 4)
    counts[:, range(3), range(3)] += 1
    for one, iou, mean in zip(counts, image_class_iou(counts), image_miou(counts), strict=True):
        alone = score(ConfusionMatrix(LABELS, one))
        np.testing.assert_array_equal(iou, alone.class_iou)
        assert mean == pytest.approx(alone.miou)


def test_the_worst_image_of_a_class_holds_enough_of_it() -> None:
    few = [[0, 1, 0, 0], [0, 999, 0, 0], [0, 0, 0, 0]]
    bad = [[40, 60, 0, 0], [0, 900, 0, 0], [0, 0, 0, 0]]
    good = [[90, 10, 0, 0], [50, 0, 0, 850], [0, 0, 0, 0]]
    assert worst_images(matrices(few, bad, good)) == [(1, 0.4), (2, 0.0), None]


def test_of_a_class_that_is_small_everywhere_the_worst_image_is_still_found() -> None:
    few = [[0, 1, 0, 0], [0, 999, 0, 0], [0, 0, 0, 0]]
    assert worst_images(matrices(VOID_ALL_OVER, few)) == [(1, 0.0), (1, pytest.approx(0.999)), None]
