"""Sequences that are made when they are asked for behave as lists of the same items."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.datasets.folder_samples import FolderSamples
from segbench.files.made import Made
from segbench.files.name_list import NameList


class Squares(Made[int]):
    def __len__(self) -> int:
        return 7

    def made(self, place: int) -> int:
        return place * place


@given(st.slices(7), st.integers(-9, 9))
def test_they_are_indexed_and_cut_as_lists(some: slice, index: int) -> None:
    squares, expected = Squares(), [place * place for place in range(7)]
    assert squares[some] == expected[some]
    if -7 <= index < 7:
        assert squares[index] == expected[index]
    else:
        with pytest.raises(IndexError):
            squares[index]
    assert squares == expected
    assert list(reversed(squares)) == expected[::-1]
    assert squares != expected[:-1]


def test_names_and_samples_are_such_sequences() -> None:
    names = NameList(["a.png", "b/ü.png"])
    samples = FolderSamples(Path("gts"), names)
    assert names == ["a.png", "b/ü.png"]
    assert [sample.id for sample in samples[-1:]] == ["b/ü"]
    assert samples[1].target == Path("gts/b/ü.png")
    with pytest.raises(IndexError):
        samples[2]
