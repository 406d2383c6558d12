from __future__ import annotations

from importlib.resources import files

import pytest

from segbench.labels.space import LabelClass
from segbench.labels.tables import read_label_table, voc_color

TABLES = sorted(path.name.removesuffix(".csv") for path in (files("segbench") / "labels" / "tables").iterdir())


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_where_it_comes_from_and_how_many_classes_it_has(name: str) -> None:
    text = (files("segbench") / "labels" / "tables" / f"{name}.csv").read_text()
    assert "\n# Source: " in text
    space = read_label_table(name)
    assert (space.name, len(space.classes)) == (name, int(name.rpartition("-")[2]))
    assert all(label.name == label.name.strip() for label in space.labels)


def test_a_row_that_is_not_evaluated_is_void() -> None:
    space = read_label_table("ade20k-150")
    assert space.void == (LabelClass("other objects", (0,), (0, 0, 0)),)
    assert space.classes[0] == LabelClass("wall", (1,), (120, 120, 120))


def test_a_table_without_colours_is_drawn_in_those_of_voc() -> None:
    space = read_label_table("coco-stuff-171")
    assert all(label.color == voc_color(label.ids[0]) for label in space.labels)


def test_colours_of_voc_deal_the_bits_of_an_id_to_the_channels() -> None:
    assert [voc_color(i) for i in (0, 1, 2, 4, 8, 20, 255)] == [
        (0, 0, 0),
        (128, 0, 0),
        (0, 128, 0),
        (0, 0, 128),
        (64, 0, 0),
        (0, 64, 128),
        (224, 224, 192),
    ]
    assert len({voc_color(i) for i in range(256)}) == 256
