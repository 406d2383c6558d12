from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from segbench.datasets import camvid, cityscapes
from segbench.kernels.counting import count_pairs
from segbench.labels.encodings import (
    FOREIGN,
    OF_BYTES,
    foreign_bytes,
    id_of_byte,
    pairs_to_ids,
    suspect_pred,
    suspect_target,
    to_ids,
)
from segbench.labels.space import LabelClass, LabelSpace
from tests.strategies import label_spaces, plain_labels

CITY = cityscapes.LABELS
IDS, TRAIN_IDS = (id_of_byte(CITY, encoding) for encoding in OF_BYTES)
# Shares of the pixels of Cityscapes train, in class order, in per mille.
FREQUENCY = np.array([369, 61, 228, 7, 9, 12, 2, 6, 159, 12, 40, 12, 1, 70, 3, 2, 2, 1, 4])


def targets(seed: int = 0) -> NDArray[np.uint8]:
    """Label ids with the frequencies of Cityscapes, a tenth of them void."""
    rng = np.random.default_rng(seed)
    ids = rng.choice(CITY.id_of_index, (100, 200), p=FREQUENCY / FREQUENCY.sum())
    return np.where(rng.random(ids.shape) < 0.1, rng.integers(0, 7, ids.shape), ids).astype(np.uint8)


def as_train_ids(ids: NDArray[np.uint8], void: int = 255) -> NDArray[np.uint8]:
    index = CITY.index_of_id[ids]
    return np.where(index < len(CITY.classes), index, void).astype(np.uint8)


def noisy(ids: NDArray[np.uint8], share_right: float) -> NDArray[np.uint8]:
    rng = np.random.default_rng(1)
    return np.where(rng.random(ids.shape) < share_right, ids, rng.choice(CITY.id_of_index, ids.shape)).astype(np.uint8)


@given(label_spaces())
def test_train_ids_stand_for_the_class_ids_in_order(labels: LabelSpace) -> None:
    table = id_of_byte(labels, "train-ids")
    assert table[: len(labels.classes)].tolist() == [label.ids[0] for label in labels.classes]
    assert (table[len(labels.classes) : 255] == FOREIGN).all()
    assert table[255] == (labels.void[0].ids[0] if labels.void else FOREIGN)


@given(label_spaces())
def test_label_ids_stand_for_themselves(labels: LabelSpace) -> None:
    table = id_of_byte(labels, "ids")
    assert table.tolist() == [byte if byte in labels.known_ids else FOREIGN for byte in range(256)]


def test_train_id_255_is_the_unlabeled_of_cityscapes_as_in_its_scripts() -> None:
    assert TRAIN_IDS[255] == 0


@given(st.integers(0, 2**32 - 1))
def test_counts_of_train_ids_become_the_counts_of_label_ids(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target, pred = (rng.choice(CITY.id_of_index, (9, 9)) for _ in range(2))
    moved = pairs_to_ids(count_pairs(as_train_ids(target), as_train_ids(pred)), TRAIN_IDS, TRAIN_IDS)
    assert np.array_equal(moved, count_pairs(target, pred))
    mixed = pairs_to_ids(count_pairs(target, as_train_ids(pred)), IDS, TRAIN_IDS)
    assert np.array_equal(mixed, count_pairs(target, pred))


def test_bytes_that_mean_the_same_are_added() -> None:
    counts = np.zeros((2, 256), np.int64)
    counts[:, :3] = [[1, 2, 3], [4, 5, 6]]
    table = np.full(256, FOREIGN, np.int16)
    table[:3] = [9, 8, 9]
    moved = to_ids(counts, table)
    assert moved[:, 8].tolist() == [2, 5]
    assert moved[:, 9].tolist() == [4, 10]
    assert moved.sum() == counts.sum()


def test_foreign_bytes_are_those_that_occur_and_stand_for_nothing() -> None:
    histogram = np.zeros(256, np.int64)
    histogram[[7, 18, 34, 255]] = 1
    assert foreign_bytes(histogram, IDS) == [34, 255]
    assert foreign_bytes(histogram, TRAIN_IDS) == [34]


def test_targets_in_label_ids_are_not_suspected() -> None:
    assert suspect_target(CITY, count_pairs(targets(), targets())) is None


@pytest.mark.parametrize("void", [255, 0], ids=["with void 255", "without void"])
def test_targets_in_train_ids_are_recognised(void: int) -> None:
    target = as_train_ids(targets(), void)
    assert suspect_target(CITY, count_pairs(target, targets())) == "train-ids"


def test_targets_with_bytes_of_neither_encoding_are_not_called_train_ids() -> None:
    target = as_train_ids(targets())
    target[0, 0] = 200
    assert suspect_target(CITY, count_pairs(target, targets())) is None


def test_no_targets_are_no_suspects() -> None:
    assert suspect_target(CITY, np.zeros((256, 256), np.int64)) is None


def test_targets_of_road_and_little_void_are_not_suspected() -> None:
    target = np.full((10, 10), 7, np.uint8)
    target[:3] = 1
    assert suspect_target(CITY, count_pairs(target, target)) is None


@pytest.mark.parametrize("right", [1.0, 0.7, 0.4])
@pytest.mark.parametrize("void", [255, 0], ids=["with void 255", "without void"])
def test_predictions_in_train_ids_are_recognised_however_bad_they_are(right: float, void: int) -> None:
    pred = as_train_ids(noisy(targets(), right), void)
    assert suspect_pred(CITY, count_pairs(targets(), pred), IDS) == "train-ids"


def test_predictions_in_train_ids_are_recognised_against_targets_in_train_ids() -> None:
    pairs = count_pairs(as_train_ids(targets()), as_train_ids(noisy(targets(), 0.7)))
    assert suspect_pred(CITY, pairs, TRAIN_IDS) == "train-ids"


@pytest.mark.parametrize("right", [1.0, 0.5, 0.1, 0.0])
def test_predictions_in_label_ids_are_not_suspected_however_bad_they_are(right: float) -> None:
    assert suspect_pred(CITY, count_pairs(targets(), noisy(targets(), right)), IDS) is None


@pytest.mark.parametrize("name", CITY.class_names)
def test_a_prediction_of_one_class_everywhere_is_not_suspected(name: str) -> None:
    target = targets()
    pred = np.full_like(target, CITY.id_of_index[CITY.class_names.index(name)])
    assert suspect_pred(CITY, count_pairs(target, pred), IDS) is None


def test_a_prediction_of_classes_whose_ids_are_also_train_ids_is_not_suspected() -> None:
    rng = np.random.default_rng(4)
    target = targets()
    pred = rng.choice(np.uint8([7, 8, 11, 12, 13, 17]), target.shape)
    assert suspect_pred(CITY, count_pairs(target, pred), IDS) is None


def test_a_dataset_whose_ids_are_its_train_ids_has_nothing_to_suspect() -> None:
    labels = plain_labels(5)
    rng = np.random.default_rng(5)
    target, pred = rng.integers(0, 5, (2, 20, 20), np.uint8)
    pairs = count_pairs(target, pred)
    assert suspect_target(labels, pairs) is None
    assert suspect_pred(labels, pairs, id_of_byte(labels, "ids")) is None


def test_camvid_targets_with_void_255_are_recognised() -> None:
    target = np.uint8([[0, 5, 10, 255]])
    assert suspect_target(camvid.LABELS, count_pairs(target, target)) == "train-ids"
    assert suspect_target(camvid.LABELS, count_pairs(np.uint8([[0, 5, 10, 11]]), target)) is None


def test_ids_that_begin_at_one_are_told_from_train_ids() -> None:
    labels = LabelSpace(
        "from one", tuple(LabelClass(f"c{i}", (i,), (0, 0, 0)) for i in range(1, 6)), (LabelClass("void", (0,), (0, 0, 0)),)
    )
    rng = np.random.default_rng(6)
    target = rng.integers(1, 6, (20, 20), np.uint8)
    assert suspect_pred(labels, count_pairs(target, target - 1), id_of_byte(labels, "ids")) == "train-ids"
    assert suspect_pred(labels, count_pairs(target, target), id_of_byte(labels, "ids")) is None
