from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segbench.datasets.ade20k import LABELS as ADE
from segbench.datasets.cityscapes import LABELS as CITY
from segbench.datasets.voc import LABELS as VOC
from segbench.kernels.counting import count_pairs
from segbench.labels.misreadings import Misreading, misreading
from segbench.labels.space import LabelSpace
from tests.labels.test_encodings import noisy, targets
from tests.strategies import plain_labels

Ids = NDArray[np.uint8]


def found_in(labels: LabelSpace, pairs: NDArray[np.int64]) -> Misreading | None:
    """Of pair counts over (target label id, predicted byte)."""
    targets, preds = np.nonzero(pairs)
    return misreading(labels, labels.index_of_id[targets], preds, pairs[targets, preds])


def voc(seed: int = 0) -> tuple[Ids, Ids]:
    """Targets and predictions that are right on 80 % of the pixels; three quarters are background."""
    rng = np.random.default_rng(seed)
    target = rng.choice(21, (100, 200), p=np.r_[0.75, np.full(20, 0.0125)]).astype(np.uint8)
    return target, np.where(rng.random(target.shape) < 0.8, target, rng.integers(0, 21, target.shape)).astype(np.uint8)


@pytest.mark.parametrize(("by", "said"), [(-1, "with every predicted id 1 higher"), (1, "with every predicted id 1 lower")])
def test_labels_that_are_shifted_by_one_are_recognised(by: int, said: str) -> None:
    target, pred = voc()
    found = found_in(VOC, count_pairs(target, (pred.astype(np.int16) + by).astype(np.uint8)))
    assert found is not None
    assert found.shift == by
    assert str(found).endswith(said)
    assert found.acc < 0.1
    assert found.best_acc > 0.75


def test_shifted_labels_are_recognised_in_ade20k_where_0_is_void() -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 151, (200, 200), np.uint8)
    found = found_in(ADE, count_pairs(target, np.maximum(target, 1) + np.uint8(1)))
    assert found is not None
    assert found.shift == 1


def test_train_ids_with_a_void_of_their_own_are_recognised() -> None:
    index = CITY.index_of_id[noisy(targets(), 0.8)]
    found = found_in(CITY, count_pairs(targets(), np.minimum(index, 19)))
    assert found is not None
    assert found.is_index
    assert str(found).endswith("would, as train ids")


def test_classes_in_another_order_are_recognised_and_examples_are_given() -> None:
    order = np.random.default_rng(3).permutation(19).astype(np.uint8)
    pred = CITY.id_of_index[order[np.minimum(CITY.index_of_id[noisy(targets(), 0.9)], 18)]]
    found = found_in(CITY, count_pairs(targets(), pred))
    assert found is not None
    assert found.shift is None
    assert {order[index] for index in found.class_of.values()} == {CITY.index_of_id[byte] for byte in found.class_of}
    assert str(found).endswith(" ...")
    assert f"{next(iter(found.class_of))} as " in str(found)


def test_two_classes_that_are_exchanged_are_recognised() -> None:
    target = (np.random.default_rng(0).random((50, 50)) < 0.3).astype(np.uint8)
    found = found_in(plain_labels(2), count_pairs(target, 1 - target))
    assert found is not None
    assert found.class_of == {0: 1, 1: 0}


@pytest.mark.parametrize("share_right", [1.0, 0.8, 0.3, 0.0])
def test_bad_predictions_are_bad_and_not_misread(share_right: float) -> None:
    assert found_in(CITY, count_pairs(targets(), noisy(targets(), share_right))) is None


@pytest.mark.parametrize("label_id", [7, 11, 26, 255])
def test_one_class_everywhere_is_no_misreading(label_id: int) -> None:
    assert found_in(CITY, count_pairs(targets(), np.full((100, 200), label_id, np.uint8))) is None


def test_without_evaluated_pixels_nothing_is_misread() -> None:
    assert found_in(CITY, count_pairs(np.zeros((9, 9), np.uint8), np.full((9, 9), 7, np.uint8))) is None
