from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from segbench.datasets import camvid, cityscapes
from segbench.errors import LabelError
from segbench.labels.space import MAX_CLASSES, UNKNOWN, LabelClass, LabelSpace
from tests.strategies import label_spaces


def label(name: str, *ids: int) -> LabelClass:
    return LabelClass(name, ids, (0, 0, 0))


@pytest.mark.parametrize(
    ("classes", "void", "message"),
    [
        ((), (), "0 classes"),
        ((label("a", 1), label("a", 2)), (), "names a more than once"),
        ((label("a", 1),), (label("a", 2),), "names a more than once"),
        ((label("a", 1), label("b", 1)), (), r"ids \[1\]"),
        ((label("a", 1),), (label("b", 0, 1),), r"ids \[1\]"),
        ((label("a", 1, 1),), (), r"ids \[1\]"),
        ((label("a", -1),), (), "no id in 0..65535"),
        ((label("a", 65536),), (), "no id in 0..65535"),
        ((label("a"),), (), "no id in 0..65535"),
    ],
)
def test_a_label_space_that_contradicts_itself_is_refused(
    classes: tuple[LabelClass, ...], void: tuple[LabelClass, ...], message: str
) -> None:
    with pytest.raises(LabelError, match=message):
        LabelSpace("bad", classes, void)


def test_as_many_classes_fit_as_leave_room_for_void_and_unknown() -> None:
    classes = tuple(label(f"c{i}", i) for i in range(MAX_CLASSES + 1))
    full = LabelSpace("full", classes[:-1], (label("void", 255),))
    assert (full.index_of_id[0], full.index_of_id[253], full.index_of_id[255], full.index_of_id[254]) == (0, 253, 254, UNKNOWN)
    assert LabelSpace("wide", classes).levels == 65536
    with pytest.raises(LabelError, match="65536 classes"):
        LabelSpace("too many", tuple(label(f"c{i}", i) for i in range(65536)))


@given(label_spaces())
def test_each_byte_leads_to_its_owner(labels: LabelSpace) -> None:
    void = {i for entry in labels.void for i in entry.ids}
    for byte in range(256):
        owners = [index for index, entry in enumerate(labels.classes) if byte in entry.ids]
        assert labels.index_of_id[byte] == (owners[0] if owners else len(labels.classes) if byte in void else UNKNOWN)
        assert (byte in labels.known_ids) == (labels.index_of_id[byte] != UNKNOWN)


@given(label_spaces())
def test_the_first_id_of_a_class_leads_back_to_it(labels: LabelSpace) -> None:
    assert labels.index_of_id[labels.id_of_index].tolist() == list(range(len(labels.classes)))


@given(label_spaces())
def test_a_label_space_survives_plain_data(labels: LabelSpace) -> None:
    assert LabelSpace.from_dict(labels.to_dict()) == labels


@pytest.mark.parametrize("labels", [cityscapes.LABELS, camvid.LABELS], ids=lambda space: space.name)
def test_builtin_label_spaces_survive_plain_data(labels: LabelSpace) -> None:
    assert LabelSpace.from_dict(labels.to_dict()) == labels


def test_lookup_tables_cannot_be_written_to() -> None:
    for table in (cityscapes.LABELS.index_of_id, cityscapes.LABELS.id_of_index):
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 1


def test_cityscapes_train_ids_are_the_class_indices() -> None:
    index = cityscapes.LABELS.index_of_id
    assert len(cityscapes.LABELS.classes) == 19
    assert {name: int(index[i]) for name, i in (("road", 7), ("sky", 23), ("person", 24), ("bicycle", 33))} == {
        "road": 0, "sky": 10, "person": 11, "bicycle": 18
    }  # fmt: skip
    assert {int(index[i]) for i in (0, 3, 9, 29, 30)} == {19}
    assert cityscapes.LABELS.categories == ("flat", "construction", "object", "nature", "sky", "human", "vehicle")


def test_a_label_outside_the_bytes_owns_no_byte() -> None:
    plate = next(entry for entry in cityscapes.LABELS.void if entry.name == "license plate")
    assert plate.ids == (-1,)
    assert plate.byte_ids == ()
    assert cityscapes.LABELS.index_of_id[255] == UNKNOWN


def test_class_names_alone_make_a_label_space() -> None:
    labels = LabelSpace.from_dict(
        {"classes": ["road", {"name": "car", "id": 7, "color": [1, 2, 3]}], "void": [{"name": "none", "ids": [255]}]}
    )
    assert [entry.ids for entry in labels.labels] == [(0,), (7,), (255,)]
    assert labels.classes[1].color == (1, 2, 3)
    assert labels.name == "custom"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "a list 'classes'"),
        ([], "a list 'classes'"),
        ({}, "a list 'classes'"),
        ({"classes": {"a": 1}}, "a list 'classes'"),
        ({"classes": ["a"], "colours": []}, r"unknown keys \['colours'\]"),
        ({"classes": ["a"], "void": 255}, "'void' of a label space is a list"),
        ({"classes": ["a"], "void": {"name": "v", "ids": [255]}}, "'void' of a label space is a list"),
        ({"classes": ["a"], "void": ["v"]}, "is void and needs 'ids'"),
        ({"classes": [{"ids": [1]}]}, "has no name"),
        ({"classes": [7]}, "has no name"),
        ({"classes": [{"name": "a", "colour": [0, 0, 0]}]}, r"unknown keys \['colour'\]"),
        ({"classes": [{"name": "a", "ids": 7}]}, "whole numbers"),
        ({"classes": [{"name": "a", "ids": "12"}]}, "whole numbers"),
        ({"classes": [{"name": "a", "ids": [1.5]}]}, "whole numbers"),
        ({"classes": [{"name": "a", "color": [0, 0]}]}, "whole numbers"),
        ({"classes": [{"name": "a", "color": [0, 0, 256]}]}, r"0\.\.255"),
    ],
)
def test_data_that_is_no_label_space_is_refused(data: Any, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        LabelSpace.from_dict(data)


def test_index_from_maps_by_name_and_not_by_position() -> None:
    mine = LabelSpace("mine", (label("road", 5), label("car", 6)))
    theirs = LabelSpace("theirs", (label("car", 0), label("tree", 1), label("road", 2)))
    table = mine.index_from(theirs)
    assert table.dtype == np.uint8
    assert table[:3].tolist() == [1, 2, 0]
    assert set(table[3:].tolist()) == {2}
