from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from segbench.kernels.error_counting import MAX_BORDER, count_errors
from segbench.metrics.error_causes import CAUSES
from tests.metrics.test_boundary_iou import blobs

Map = NDArray[np.uint8]
PLAIN = np.arange(256, dtype=np.uint8)
SIDES = ndimage.generate_binary_structure(2, 1)


def segments(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The segment of each pixel: one class after another is labelled."""
    numbers = np.zeros(labels.shape, np.int64)
    for label in np.unique(labels):
        found, count = ndimage.label(labels == label, SIDES)
        numbers = np.where(labels == label, found + numbers.max(), numbers)
        assert count == found.max()
    return numbers


def plain_table(target: Map, pred: Map, target_index: Map, pred_index: Map, classes: int, border: int) -> NDArray[np.int64]:
    """One pixel after another, by the words of the definition."""
    t, p = np.minimum(target_index[target], classes).astype(int), np.minimum(pred_index[pred], classes).astype(int)
    valid = t < classes
    of_target, of_pred = segments(t), segments(p)
    table = np.zeros((5, 2, classes + 1), np.int64)
    for y, x in np.argwhere(valid & (t != p)):
        mine, other = (of_target == of_target[y, x]) & valid, (of_pred == of_pred[y, x]) & valid
        both = (mine & other).sum()
        if 2 * both > mine.sum() and 2 * both > other.sum():
            cause = "confusion"
        elif 2 * (p[mine] == t[y, x]).sum() < mine.sum():
            cause = "missed"
        elif 2 * (t[other] == p[y, x]).sum() < other.sum():
            cause = "invented"
        else:
            edge = (t == p[y, x]) & valid & ndimage.binary_dilation((t == t[y, x]) & valid, SIDES)
            near = edge[max(0, y - border) : y + border + 1, max(0, x - border) : x + border + 1].any()
            cause = "border" if near else "extent"
        table[CAUSES.index(cause), 0, t[y, x]] += 1
        table[CAUSES.index(cause), 1, p[y, x]] += 1
    return table


@st.composite
def cases(draw: st.DrawFn) -> tuple[Map, Map, Map, Map, int, int]:
    """Segments with and without lone pixels, void, bytes of one class that have several values, predictions of no class."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.integers(1, 24)), draw(st.sampled_from([*range(1, 20), 63, 64, 65, 66, 70]))
    classes, size = draw(st.integers(1, 4)), draw(st.sampled_from([0, 3, 6, 12]))
    target = blobs(rng, shape, classes + 2, size)
    moved = np.roll(target, tuple(rng.integers(-3, 4, 2)), (0, 1))
    pred = draw(st.sampled_from([target, moved, np.where(rng.random(shape) < 0.1, moved, target), blobs(rng, shape, classes + 2, size)]))
    indices = [rng.integers(0, classes + 2, 256).astype(np.uint8) for _ in range(2)]
    if draw(st.booleans()):
        indices = [np.minimum(PLAIN, classes)] * 2
    return target, np.ascontiguousarray(pred, np.uint8), indices[0], indices[1], classes, draw(st.integers(1, 6))


@settings(deadline=None, max_examples=150)
@given(cases())
def test_causes_are_those_of_labelling_class_after_class(case: tuple[Map, Map, Map, Map, int, int]) -> None:
    np.testing.assert_array_equal(count_errors(*case)[0], plain_table(*case))


@settings(deadline=None)
@given(cases())
def test_segments_of_the_target_are_counted_by_class_and_size(case: tuple[Map, Map, Map, Map, int, int]) -> None:
    target, pred, target_index, pred_index, classes, _ = case
    t, p = np.minimum(target_index[target], classes).astype(int), np.minimum(pred_index[pred], classes)
    expected, numbers = np.zeros((classes, 3, 4), np.int64), segments(t)
    for number in np.unique(numbers[t < classes]):
        mine = numbers == number
        size, right, label = mine.sum(), (p[mine] == t[mine]).sum(), t[mine][0]
        expected[label, int(size >= 32**2) + int(size >= 96**2)] += [1, 2 * right >= size, size, right]
    np.testing.assert_array_equal(count_errors(*case)[1], expected)


def test_sizes_are_cut_where_coco_cuts() -> None:
    target = np.zeros((300, 300), np.uint8)
    target[:32, :32], target[40:71, :33], target[80:176, 100:196] = 1, 1, 1
    (_, ones) = count_errors(target, np.zeros_like(target), PLAIN, PLAIN, 2, 3)[1]
    assert ones[:, 0].tolist() == [1, 1, 1]
    assert ones[:, 2].tolist() == [31 * 33, 32 * 32, 96 * 96]
    assert not ones[:, [1, 3]].any()


@settings(deadline=None)
@given(cases())
def test_every_wrong_pixel_has_one_cause(case: tuple[Map, Map, Map, Map, int, int]) -> None:
    target, pred, target_index, pred_index, classes, _ = case
    t, p = np.minimum(target_index[target], classes), np.minimum(pred_index[pred], classes)
    wrong = (t < classes) & (t != p)
    table, _ = count_errors(*case)
    assert table[:, 0].sum(axis=0).tolist() == np.bincount(t[wrong], minlength=classes + 1).tolist()
    assert table[:, 1].sum(axis=0).tolist() == np.bincount(p[wrong], minlength=classes + 1).tolist()


@settings(deadline=None)
@given(cases())
def test_turning_both_maps_changes_nothing(case: tuple[Map, Map, Map, Map, int, int]) -> None:
    target, pred, *rest = case
    for turn in (np.transpose, np.flipud, np.fliplr):
        for turned, table in zip(count_errors(turn(target), turn(pred), *rest), count_errors(*case), strict=True):
            np.testing.assert_array_equal(turned, table)


def shares(target: Map, pred: Map, border: int = 3) -> dict[str, int]:
    """The wrong pixels of each cause that has any; class 9 is void, 8 no class."""
    index = np.where(PLAIN < 4, PLAIN, 9).astype(np.uint8)
    found = count_errors(target, pred, index, index, 4, border)[0][:, 0].sum(axis=1)
    return {cause: int(pixels) for cause, pixels in zip(CAUSES, found, strict=True) if pixels}


def scene() -> Map:
    """Class 1 as a square of 20 pixels on class 0, and a stripe of class 2."""
    target = np.zeros((60, 80), np.uint8)
    target[10:30, 10:30], target[50:, :] = 1, 2
    return target


def test_a_segment_under_another_class_is_confusion() -> None:
    target, pred = scene(), scene()
    pred[target == 1] = 3
    assert shares(target, pred) == {"confusion": 400}


def test_a_segment_that_is_not_there_is_missed() -> None:
    target, pred = scene(), scene()
    pred[target == 1] = 0
    assert shares(target, pred) == {"missed": 400}


def test_a_segment_where_none_is_is_invented() -> None:
    target, pred = scene(), scene()
    pred[35:45, 40:60] = 3
    assert shares(target, pred) == {"invented": 200}


@pytest.mark.parametrize("moved", [1, 2, 3])
def test_an_edge_that_is_a_few_pixels_off_is_border(moved: int) -> None:
    target, pred = scene(), scene()
    pred[10:30, 30 : 30 + moved] = 1
    pred[50 : 50 + moved] = 0
    assert shares(target, pred) == {"border": 20 * moved + 80 * moved}
    assert shares(target, np.roll(target, -moved, 1)) == {"border": 40 * moved}


def test_an_overflow_beyond_the_border_is_extent_and_its_first_pixels_are_border() -> None:
    target, pred = scene(), scene()
    pred[10:30, 30:38] = 1
    assert shares(target, pred) == {"border": 20 * 3, "extent": 20 * 5}
    assert shares(target, pred, border=8) == {"border": 20 * 8}


def test_an_overflow_across_void_or_a_third_class_is_extent() -> None:
    target, pred = scene(), scene()
    target[9:31, 30:34] = 9  # void
    pred[10:30, 30:40] = 1
    assert shares(target, pred) == {"extent": 20 * 6}
    target[target == 9] = 3
    pred = target.copy()
    pred[10:30, 34:40] = 1
    pred[12:14, 30:34] = 1  # how it gets there, beside class 1 itself
    assert shares(target, pred) == {"border": 2 * 3, "extent": 20 * 6 + 2}


def test_void_is_never_wrong_and_counts_in_no_segment() -> None:
    target, pred = np.full((20, 20), 9, np.uint8), np.ones((20, 20), np.uint8)
    assert shares(target, pred) == {}
    target[:2, :2] = 1
    target[2, :2] = 0
    assert shares(target, pred) == {"missed": 2}  # one predicted segment: four of its six pixels are right


def test_what_is_predicted_outside_the_label_space_is_invented_where_the_segment_is_found() -> None:
    target, pred = scene(), scene()
    pred[15:20, 15:20] = 8
    assert shares(target, pred) == {"invented": 25}
    pred[target == 1] = 8
    assert shares(target, pred) == {"confusion": 400}


def test_half_of_a_segment_is_no_majority() -> None:
    target, pred = np.zeros((4, 8), np.uint8), np.zeros((4, 8), np.uint8)
    pred[:, :4] = 1
    assert shares(target, pred) == {"invented": 16}


def test_maps_of_two_sizes_and_borders_out_of_range_are_refused() -> None:
    small, large = np.zeros((4, 5), np.uint8), np.zeros((5, 4), np.uint8)
    with pytest.raises(ValueError, match="one size"):
        count_errors(small, large, PLAIN, PLAIN, 1, 1)
    for border in (0, -1, MAX_BORDER + 1):
        with pytest.raises(ValueError, match="1 to 100"):
            count_errors(small, small, PLAIN, PLAIN, 1, border)
    assert count_errors(small, small[:, ::-1], PLAIN, PLAIN, 1, MAX_BORDER)[0].sum() == 0


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
def test_an_image_without_pixels_has_no_errors(shape: tuple[int, int]) -> None:
    empty = np.zeros(shape, np.uint8)
    assert count_errors(empty, empty, PLAIN, PLAIN, 3, 2)[0].sum() == 0
