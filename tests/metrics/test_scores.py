from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score

from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.scores import mean_of_defined, score
from tests.oracles import fcn_scores
from tests.strategies import confusions, plain_labels

NAN = math.nan


def matrix(rows: list[list[int]]) -> ConfusionMatrix:
    return ConfusionMatrix(plain_labels(len(rows)), np.array(rows, np.int64))


def test_scores_of_a_small_matrix_are_those_computed_by_hand() -> None:
    scores = score(matrix([[50, 10, 0, 0], [5, 20, 5, 10], [0, 0, 0, 0]]))
    assert scores.acc == 70 / 100
    assert scores.class_acc.tolist()[:2] == [50 / 60, 20 / 40]
    assert scores.acc_cls == pytest.approx((50 / 60 + 20 / 40) / 2, rel=1e-15)
    assert scores.class_iou.tolist() == [50 / 65, 20 / 50, 0.0]
    assert scores.miou == pytest.approx((50 / 65 + 20 / 50) / 3, rel=1e-15)
    assert scores.fwiou == pytest.approx((60 * 50 / 65 + 40 * 20 / 50) / 100, rel=1e-15)
    assert scores.class_precision.tolist() == [50 / 55, 20 / 30, 0.0]
    assert scores.class_recall.tolist()[:2] == [50 / 60, 20 / 40]
    assert scores.class_dice.tolist() == [100 / 115, 40 / 70, 0.0]


@given(confusions())
def test_scores_follow_the_definitions_of_fcn(cm: ConfusionMatrix) -> None:
    scores, expected = score(cm), fcn_scores(cm.counts.tolist())
    assert {name: getattr(scores, name) for name in expected} == pytest.approx(expected, rel=1e-12, nan_ok=True)


@given(confusions())
def test_class_iou_is_at_most_class_accuracy_and_fwiou_at_most_accuracy(cm: ConfusionMatrix) -> None:
    scores = score(cm)
    present = ~np.isnan(scores.class_acc)
    assert (scores.class_iou[present] <= scores.class_acc[present]).all()
    assert math.isnan(scores.acc) or scores.fwiou <= scores.acc * (1 + 1e-12)


@given(confusions())
def test_scores_are_fractions_or_undefined(cm: ConfusionMatrix) -> None:
    scores = score(cm)
    numbers = [
        scores.acc,
        scores.acc_cls,
        scores.miou,
        *scores.class_iou,
        *scores.class_precision,
        *scores.class_dice,
        *scores.class_recall,
    ]
    assert all(math.isnan(x) or 0 <= x <= 1 for x in numbers)


@given(confusions())
def test_dice_and_iou_are_two_forms_of_one_number(cm: ConfusionMatrix) -> None:
    scores = score(cm)
    np.testing.assert_allclose(scores.class_dice, 2 * scores.class_iou / (1 + scores.class_iou), rtol=1e-12)


@given(confusions(max_count=2**20))
def test_scores_do_not_depend_on_how_often_the_set_is_counted(cm: ConfusionMatrix) -> None:
    scores, doubled = score(cm), score(cm + cm)
    np.testing.assert_array_equal(scores.class_iou, doubled.class_iou)
    assert scores.fwiou == pytest.approx(doubled.fwiou, nan_ok=True)


def test_scores_equal_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    target = rng.integers(0, 5, 4000)
    pred = np.where(rng.random(4000) < 0.6, target, rng.integers(0, 5, 4000))
    counts = np.zeros((5, 6), np.int64)
    np.add.at(counts, (target, pred), 1)
    scores = score(ConfusionMatrix(plain_labels(5), counts))
    assert scores.acc == accuracy_score(target, pred)
    np.testing.assert_allclose(scores.class_iou, jaccard_score(target, pred, average=None), rtol=1e-14)
    np.testing.assert_allclose(scores.class_dice, f1_score(target, pred, average=None), rtol=1e-14)
    np.testing.assert_allclose(scores.class_precision, precision_score(target, pred, average=None), rtol=1e-14)
    np.testing.assert_allclose(scores.class_recall, recall_score(target, pred, average=None), rtol=1e-14)


def test_a_class_absent_from_target_and_prediction_is_undefined_and_leaves_the_mean() -> None:
    scores = score(matrix([[3, 0, 0, 1], [0, 0, 0, 0], [0, 0, 4, 0]]))
    assert scores.class_iou.tolist()[::2] == [0.75, 1.0]
    assert math.isnan(scores.class_iou[1])
    assert math.isnan(scores.class_dice[1])
    assert scores.miou == 0.875
    assert scores.acc_cls == 0.875


def test_a_class_that_is_only_predicted_scores_zero_and_stays_in_the_mean_of_iou_but_not_of_accuracy() -> None:
    scores = score(matrix([[3, 1, 0], [0, 0, 0]]))
    assert scores.class_iou.tolist() == [0.75, 0.0]
    assert scores.miou == 0.375
    assert math.isnan(scores.class_acc[1])
    assert scores.acc_cls == 0.75
    assert scores.class_precision.tolist() == [1.0, 0.0]


def test_a_class_that_is_never_predicted_has_iou_zero_and_no_precision() -> None:
    scores = score(matrix([[4, 0, 0], [3, 0, 1]]))
    assert scores.class_iou.tolist() == [4 / 7, 0.0]
    assert math.isnan(scores.class_precision[1])
    assert scores.class_dice[1] == 0.0


def test_nothing_evaluated_leaves_every_score_undefined() -> None:
    scores = score(matrix([[0, 0, 0], [0, 0, 0]]))
    assert all(math.isnan(x) for x in (scores.acc, scores.acc_cls, scores.miou, scores.fwiou, scores.category_miou, *scores.class_iou))


def test_void_prediction_is_a_false_negative_and_nobodys_false_positive() -> None:
    scores = score(matrix([[2, 0, 2], [0, 4, 0]]))
    assert scores.class_iou.tolist() == [0.5, 1.0]
    assert scores.class_precision.tolist() == [1.0, 1.0]


def categorised(rows: list[list[int]]) -> ConfusionMatrix:
    classes = [("car", "vehicle"), ("bus", "vehicle"), ("sky", "sky"), ("thing", None)]
    labels = LabelSpace("c", tuple(LabelClass(name, (i,), (0, 0, 0), category) for i, (name, category) in enumerate(classes)))
    return ConfusionMatrix(labels, np.array(rows, np.int64))


def test_category_iou_takes_a_confusion_within_the_category_for_a_hit() -> None:
    scores = score(categorised([[5, 3, 1, 0, 1], [2, 4, 0, 1, 0], [1, 0, 7, 0, 2], [0, 1, 1, 6, 0]]))
    assert scores.category_iou == {"vehicle": 14 / (14 + 3 + 2), "sky": 7 / (7 + 2 + 3)}
    assert scores.category_miou == (14 / 19 + 7 / 12) / 2


def test_an_absent_category_is_undefined_and_leaves_the_mean() -> None:
    scores = score(categorised([[1, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]))
    assert scores.category_iou["vehicle"] == 1.0
    assert math.isnan(scores.category_iou["sky"])
    assert scores.category_miou == 1.0


def test_a_label_space_without_categories_has_no_category_scores() -> None:
    scores = score(matrix([[1, 0]]))
    assert scores.category_iou == {}
    assert math.isnan(scores.category_miou)


def test_means_are_added_left_to_right() -> None:
    values = [1e16, 1.0, 1.0, 1.0, NAN]
    assert mean_of_defined(values) == (((1e16 + 1.0) + 1.0) + 1.0) / 4
    assert mean_of_defined(values) != math.fsum(values[:4]) / 4
    assert math.isnan(mean_of_defined([NAN, NAN]))
    assert math.isnan(mean_of_defined([]))
