from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from segbench.errors import LabelError
from segbench.kernels.counting import count_pairs
from segbench.labels.space import LabelSpace
from segbench.metrics.confusion import ConfusionMatrix, fold_cells, stray_target_ids
from segbench.metrics.scores import score
from tests.oracles import fast_hist
from tests.strategies import labelled_map_pairs, plain_labels

Labelled = tuple[LabelSpace, NDArray[np.uint8], NDArray[np.uint8]]


def fold(labels: LabelSpace, target: NDArray[np.uint8], pred: NDArray[np.uint8]) -> ConfusionMatrix:
    return ConfusionMatrix.from_pairs(labels, count_pairs(target, pred))


def owner(labels: LabelSpace, byte: int) -> int | None:
    return next((index for index, label in enumerate(labels.classes) if byte in label.ids), None)


@given(labelled_map_pairs())
def test_folding_counts_each_evaluated_pixel_under_the_classes_that_own_its_bytes(maps: Labelled) -> None:
    labels, target, pred = maps
    classes = len(labels.classes)
    expected = np.zeros((classes, classes + 1), np.int64)
    for t, p in zip(target.ravel().tolist(), pred.ravel().tolist(), strict=True):
        row, column = owner(labels, t), owner(labels, p)
        if row is not None:
            expected[row, classes if column is None else column] += 1
    assert np.array_equal(fold(*maps).counts, expected)


@given(labelled_map_pairs())
def test_counts_sum_to_the_pixels_whose_target_is_not_void(maps: Labelled) -> None:
    labels, target, _ = maps
    void_ids = [i for label in labels.void for i in label.ids]
    assert fold(*maps).counts.sum() == np.isin(target, void_ids, invert=True).sum()


@given(labelled_map_pairs(), st.integers(0, 5))
def test_folding_is_linear(maps: Labelled, factor: int) -> None:
    labels, target, pred = maps
    one, other = count_pairs(target, pred), count_pairs(target, np.flip(pred).copy())
    together = ConfusionMatrix.from_pairs(labels, one + factor * other)
    assert np.array_equal(together.counts, fold(labels, target, pred).counts + factor * ConfusionMatrix.from_pairs(labels, other).counts)


@given(labelled_map_pairs(), st.integers(0, 3))
def test_many_images_are_folded_as_each_of_them_is(maps: Labelled, images: int) -> None:
    labels, target, pred = maps
    pairs = np.stack([count_pairs(target, np.roll(pred, index)) for index in range(images + 1)])[:images]
    image, targets, preds = pairs.nonzero()
    index, shape = labels.index_of_id, (images, len(labels.classes))
    together = fold_cells(image, index[targets], index[preds], pairs[image, targets, preds], shape)
    assert together.shape == (images, len(labels.classes), len(labels.classes) + 1)
    for matrix, of_image in zip(together, pairs, strict=True):
        assert np.array_equal(matrix, ConfusionMatrix.from_pairs(labels, of_image).counts)


@given(labelled_map_pairs())
def test_merging_images_adds_their_matrices(maps: Labelled) -> None:
    labels, target, pred = maps
    other = np.flip(pred).copy()
    merged = fold(labels, np.concatenate([target, target]), np.concatenate([pred, other]))
    parts = [fold(labels, target, pred), fold(labels, target, other)]
    assert np.array_equal(merged.counts, (parts[0] + parts[1]).counts)
    assert np.array_equal(merged.counts, ConfusionMatrix.total(iter(parts), labels).counts)


@given(labelled_map_pairs(), st.integers(0, 255))
def test_void_target_pixels_never_matter(maps: Labelled, byte: int) -> None:
    labels, target, pred = maps
    void = np.isin(target, [i for label in labels.void for i in label.ids])
    changed = np.where(void, np.uint8(byte), pred)
    assert np.array_equal(fold(labels, target, changed).counts, fold(labels, target, pred).counts)


@given(labelled_map_pairs(), st.randoms())
def test_permuting_classes_permutes_scores(maps: Labelled, random: object) -> None:
    labels, target, pred = maps
    order = np.random.default_rng(random.randrange(2**32)).permutation(len(labels.classes))  # type: ignore[attr-defined]
    permuted = LabelSpace("permuted", tuple(labels.classes[i] for i in order), labels.void)
    here, there = score(fold(labels, target, pred)), score(fold(permuted, target, pred))
    for array in ("class_iou", "class_acc", "class_precision", "class_dice"):
        assert np.array_equal(getattr(here, array)[order], getattr(there, array), equal_nan=True)
    for number in ("acc", "acc_cls", "miou", "fwiou", "category_miou"):
        assert getattr(here, number) == pytest.approx(getattr(there, number), rel=1e-12, nan_ok=True)
    assert here.category_iou == pytest.approx(there.category_iou, nan_ok=True)


@given(labelled_map_pairs())
def test_a_network_in_its_own_channel_order_scores_as_its_label_ids_do(maps: Labelled) -> None:
    labels, target, pred = maps
    classes = len(labels.classes)
    order = np.random.default_rng(0).permutation(classes)
    theirs = LabelSpace("theirs", tuple(labels.classes[i] for i in order))
    channel_of_byte = np.minimum(theirs.index_of_id, classes)
    pairs = count_pairs(target, channel_of_byte[pred])
    assert np.array_equal(ConfusionMatrix.from_pairs(labels, pairs, labels.index_from(theirs)).counts, fold(*maps).counts)


def test_a_channel_without_a_class_here_is_no_class() -> None:
    labels = plain_labels(2)
    other = LabelSpace("other", (plain_labels(3).classes[2], labels.classes[0]))
    assert labels.index_from(other).tolist()[:3] == [2, 0, 2]
    counts = ConfusionMatrix.from_pairs(labels, count_pairs(np.uint8([[0, 0, 1]]), np.uint8([[1, 0, 77]])), labels.index_from(other)).counts
    assert counts.tolist() == [[1, 0, 1], [0, 0, 1]]


def test_fast_hist_moves_a_prediction_outside_the_classes_into_another_cell_and_we_count_a_false_negative() -> None:
    labels, target, pred = plain_labels(3), np.uint8([[0, 0, 1, 2]]), np.uint8([[0, 4, 1, 2]])
    corrupted = fast_hist(target, pred, 3)
    assert corrupted.tolist() == [[1, 0, 0], [0, 2, 0], [0, 0, 1]], "target 0 predicted as 4 is cell 3 * 0 + 4: a hit of class 1"
    assert fold(labels, target, pred).counts.tolist() == [[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]]
    scores = score(fold(labels, target, pred))
    assert scores.class_iou.tolist() == [0.5, 1.0, 1.0]
    assert scores.class_precision.tolist() == [1.0, 1.0, 1.0], "it is a false positive of nobody"
    assert np.diag(corrupted).sum() / corrupted.sum() == 1.0, "fast_hist reports a perfect accuracy"
    assert scores.acc == 0.75


def test_fast_hist_crashes_on_a_void_prediction_in_the_last_class_and_we_count_a_false_negative() -> None:
    labels, target, pred = plain_labels(3), np.uint8([[2, 2]]), np.uint8([[2, 255]])
    with pytest.raises(ValueError, match="reshape"):
        fast_hist(target, pred, 3)
    assert fold(labels, target, pred).counts.tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 1]]


@given(labelled_map_pairs())
def test_without_strange_predictions_fast_hist_and_we_agree(maps: Labelled) -> None:
    labels, target, pred = maps
    classes = len(labels.classes)
    target_index = np.minimum(labels.index_of_id, classes)[target]
    pred_index = np.minimum(labels.index_of_id, classes)[pred]
    pred_index = np.where(pred_index < classes, pred_index, 0).astype(np.uint8)
    ours = fold(plain_labels(classes), np.where(target_index < classes, target_index, 255).astype(np.uint8), pred_index)
    assert np.array_equal(ours.counts[:, :-1], fast_hist(target_index, pred_index, classes))


def test_target_ids_of_nobody_are_named() -> None:
    pairs = count_pairs(np.uint8([[0, 9, 77, 255]]), np.uint8([[0, 0, 0, 0]]))
    assert stray_target_ids(plain_labels(2), pairs) == [9, 77]
    with pytest.raises(LabelError, match=r"\[9, 77\].*'plain'"):
        ConfusionMatrix.from_pairs(plain_labels(2), pairs)


def test_matrices_of_different_label_spaces_do_not_add_up() -> None:
    with pytest.raises(LabelError, match="do not add up"):
        ConfusionMatrix.zero(plain_labels(2)) + ConfusionMatrix.zero(LabelSpace("other", plain_labels(2).classes))


@pytest.mark.parametrize(
    "counts", [np.zeros((2, 2), np.int64), np.zeros((3, 2), np.int64), np.zeros((2, 3), np.int32), np.zeros((2, 3)), np.full((2, 3), -1)]
)
def test_a_matrix_of_the_wrong_shape_type_or_sign_is_refused(counts: NDArray[np.int64]) -> None:
    with pytest.raises(ValueError, match="counts must"):
        ConfusionMatrix(plain_labels(2), counts)


def test_counts_beyond_32_bits_stay_exact() -> None:
    pairs = np.zeros((256, 256), np.int64)
    pairs[0, 0], pairs[0, 1] = 2**52 + 1, 2**40
    assert ConfusionMatrix.from_pairs(plain_labels(2), pairs).counts.tolist()[0] == [2**52 + 1, 2**40, 0]


@pytest.mark.parametrize("count", [2**51, 2**62, 2**63 - 1])
def test_more_pixels_than_scores_are_exact_of_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=r"pixels were counted; scores are exact below 2\^53"):
        ConfusionMatrix(plain_labels(2), np.full((2, 3), count))
