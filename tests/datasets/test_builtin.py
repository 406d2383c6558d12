"""What holds for every builtin dataset, without its files."""

from __future__ import annotations

import pytest

from segbench.datasets import DATASETS, LABEL_SPACES
from segbench.datasets.opening import label_space, open_dataset
from segbench.errors import DataError


def test_every_dataset_has_a_label_space_and_every_label_space_a_dataset() -> None:
    assert list(LABEL_SPACES.table) == list(DATASETS.table)


@pytest.mark.parametrize("name", DATASETS.table)
def test_the_bytes_of_a_label_space_belong_to_one_label_each_and_so_do_its_names(name: str) -> None:
    space = label_space(name)
    assert all(label.name and label.name == label.name.strip() for label in space.labels)
    assert all(0 <= channel <= 255 for label in space.labels for channel in label.color)
    assert [space.index_of_id[i] for i in space.id_of_index] == list(range(len(space.classes)))


@pytest.mark.parametrize("name", DATASETS.table)
def test_without_a_folder_a_dataset_says_which_one_it_wants(name: str) -> None:
    with pytest.raises(DataError, match=f"{name}: no folder given\n.*--data"):
        open_dataset(name)
