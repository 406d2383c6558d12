from __future__ import annotations

import numpy as np
import pytest

from segbench.datasets.cityscapes import LABELS as CITY
from segbench.labels.decoding import Decoding
from segbench.labels.encodings import Encoding
from segbench.labels.mapping import MappingRule
from segbench.labels.space import LabelClass, LabelSpace

OTHER = LabelSpace("other", tuple(LabelClass(name, (i,), (0, 0, 0)) for i, name in enumerate(["sky", "road", "boat"], 100)))


def cells(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array([256 * target + pred for target, pred in pairs], np.int32)


@pytest.mark.parametrize("encoding", ["ids", "auto", "color"])
def test_label_ids_stand_for_themselves_and_colours_are_label_ids_once_they_are_read(encoding: Encoding) -> None:
    decoding = Decoding.of_files(CITY, encoding=encoding, target_encoding=encoding)
    for ids, index in ((decoding.target_ids, decoding.target_index), (decoding.pred_ids, decoding.pred_index)):
        assert ids[7] == 7
        assert ids[34] == -1
        assert np.array_equal(index, CITY.index_of_id)


def test_train_ids_are_class_indices() -> None:
    decoding = Decoding.of_files(CITY, encoding="train-ids")
    assert decoding.pred_index[:19].tolist() == list(range(19))
    assert decoding.pred_index[255] == 19
    assert decoding.target_index[7] == 0


def test_only_what_was_left_open_is_guessed_and_nothing_of_mapped_predictions() -> None:
    mapping = MappingRule().between(OTHER, CITY)
    ways = [{}, {"encoding": "ids"}, {"target_encoding": "ids"}, {"mapping": mapping}]
    guesses = [(d.guesses_targets, d.guesses_preds) for d in (Decoding.of_files(CITY, **way) for way in ways)]  # type: ignore[arg-type]
    assert guesses == [(True, True), (True, False), (False, True), (True, False)]


def test_mapped_predictions_are_in_their_own_ids_and_the_classes_that_nothing_stands_for_are_not_compared() -> None:
    decoding = Decoding.of_files(CITY, mapping=MappingRule().between(OTHER, CITY))
    assert decoding.labels.class_names == ("road", "sky")
    assert decoding.target_labels == CITY
    assert decoding.pred_labels == OTHER
    assert [int(decoding.pred_index[i]) for i in (101, 100)] == [0, 1]
    assert decoding.pred_index[102] >= 2
    assert decoding.target_index[CITY.classes[1].ids[0]] == 2  # a class of the dataset that is void here


def test_bytes_that_stand_for_nothing_are_named_with_the_label_space_that_they_are_not_in() -> None:
    decoding = Decoding.of_files(CITY, mapping=MappingRule().between(OTHER, CITY))
    assert decoding.problem(cells((7, 101), (11, 101))) is None
    assert decoding.problem(cells((77, 7))) == "target ids [77] are not in 'cityscapes-19-2of19'"
    assert decoding.problem(cells((7, 7), (7, 101), (11, 9))) == "prediction ids [7, 9] are not in 'other'"
