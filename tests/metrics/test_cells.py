"""Confusion matrices as the cells that occur, held against whole arrays; and matrices that no array could hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.errors import LabelError
from segbench.labels.space import LabelClass, LabelSpace, numbered_labels
from segbench.metrics import cells as module
from segbench.metrics.cells import Cells, added
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.image_scores import image_miou, worst_images
from segbench.metrics.matrices import CellLog, Matrices
from segbench.metrics.scores import score
from tests.strategies import confusions

MOST = 65_535
PARTS = st.lists(st.lists(st.tuples(st.integers(0, 9), st.integers(-3, 3)), max_size=8), max_size=8)


@given(PARTS, st.integers(0, 6))
def test_keys_are_added_whatever_their_order_and_parts(parts: list[list[tuple[int, int]]], at_once: int) -> None:
    arrays = [np.array(part, np.int64).reshape(-1, 2).T for part in parts]
    expected = np.zeros(10, np.int64)
    for keys, numbers in arrays:
        np.add.at(expected, keys, numbers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_AT_ONCE", at_once)
        keys, sums = added((keys, numbers) for keys, numbers in arrays)
    assert keys.tolist() == np.flatnonzero(expected).tolist()
    assert sums.tolist() == expected[keys].tolist()


@given(confusions(), confusions())
def test_cells_are_the_matrix(one: ConfusionMatrix, other: ConfusionMatrix) -> None:
    counts, held = one.counts, ConfusionMatrix(one.labels, one.cells)
    assert np.array_equal(held.counts, counts)
    assert held.hits.tolist() == counts.diagonal().tolist()
    assert held.targets.tolist() == counts.sum(axis=1).tolist()
    assert held.preds.tolist() == counts[:, :-1].sum(axis=0).tolist()
    assert held.outside == counts[:, -1].sum()
    if one.labels == other.labels:
        assert np.array_equal((one + other).counts, counts + other.counts)
        assert np.abs((one.cells - other.cells).pixels).sum() == np.abs(counts - other.counts).sum()
        assert one.cells.equals(other.cells) == np.array_equal(counts, other.counts)


def test_a_matrix_of_65_535_classes_is_scored_and_added_and_never_whole() -> None:
    labels, size = numbered_labels(MOST), MOST + 1
    keys = np.array([0, 1, MOST - 1 + (MOST - 1) * size, MOST + (MOST - 1) * size], np.int64)
    cells = Cells(MOST, keys, np.array([3, 1, 5, 5], np.int64))
    both = ConfusionMatrix(labels, cells) + ConfusionMatrix(labels, cells)
    scores = score(both)
    assert (scores.class_iou[0], scores.class_iou[1], scores.class_iou[-1]) == (0.75, 0.0, 0.5)
    assert np.isnan(scores.class_iou[2:-1]).all()
    assert (scores.acc, both.outside) == (8 / 14, 10)
    with pytest.raises(LabelError, match="a confusion matrix of 65535 classes is never made whole"):
        _ = both.counts
    with pytest.raises(ValueError, match="a matrix of 65535 classes is none of the 3 of"):
        ConfusionMatrix(numbered_labels(3), cells)
    with pytest.raises(ValueError, match="negative"):
        ConfusionMatrix(labels, Cells(MOST, keys, -cells.pixels))


def test_images_of_65_535_classes_have_scores() -> None:
    size = MOST + 1
    log = CellLog.of(np.array([2, 3]), np.array([0, 1, 7 * size + 7]), np.array([3, 1, 9]))
    matrices = Matrices(log, MOST, size)
    assert image_miou(matrices).tolist() == [0.75, 1.0]
    worst = worst_images(matrices)
    assert (worst[0], worst[7]) == ((0, 0.75), (1, 1.0))
    assert matrices.total(1, 2).keys.tolist() == [7 * size + 7]
    with pytest.raises(LabelError, match="never made whole"):
        matrices.dense()


def test_a_label_space_has_65_535_classes_and_no_more() -> None:
    labels = LabelSpace("all", tuple(LabelClass(str(i), (i,), (0, 0, 0)) for i in range(MOST)), (LabelClass("void", (MOST,), (0, 0, 0)),))
    assert labels.index_of_id[[0, MOST - 1, MOST]].tolist() == [0, MOST - 1, MOST]
    with pytest.raises(LabelError, match="it needs 1 to 65535"):
        numbered_labels(MOST + 1)
