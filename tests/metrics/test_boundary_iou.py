from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from segbench.kernels.boundary_counting import MAX_WIDTH, count_boundaries
from segbench.metrics.boundary_iou import Boundaries, boundary_sums, boundary_width

Map = NDArray[np.uint8]
PLAIN = np.arange(256, dtype=np.uint8)


def eroded(mask: NDArray[np.bool_], width: int, *, frame: bool) -> NDArray[np.bool_]:
    """``width`` steps of a 3x3 square; beyond the frame there is nothing, or (if it is no edge) more of the mask."""
    for _ in range(width):
        padded = np.pad(mask, 1, constant_values=not frame)
        mask = padded[:-2] & padded[1:-1] & padded[2:]
        mask = mask[:, :-2] & mask[:, 1:-1] & mask[:, 2:]
    return mask


def near_an_edge(labels: NDArray[np.int64], valid: NDArray[np.bool_], width: int, *, frame: bool) -> NDArray[np.bool_]:
    """Of each label's mask what erosion takes away, one label after another; void is part of every mask."""
    near = np.zeros(labels.shape, bool)
    for label in np.unique(labels):
        mask = (labels == label) & valid
        near |= mask & ~eroded(mask | ~valid, width, frame=frame)
    return near


def plain_table(target: Map, pred: Map, target_index: Map, pred_index: Map, classes: int, width: int, *, frame: bool) -> NDArray[np.int64]:
    """One class after another, one pixel after another."""
    targets, preds = target_index[target].astype(np.int64), np.minimum(pred_index[pred], classes).astype(np.int64)
    valid = targets < classes
    a, b = near_an_edge(targets, valid, width, frame=frame), near_an_edge(preds, valid, width, frame=frame)
    table = np.zeros((2, 2, classes, classes + 1), np.int64)
    np.add.at(table, (a[valid].astype(int), b[valid].astype(int), targets[valid], preds[valid]), 1)
    return table


def blobs(rng: np.random.Generator, shape: tuple[int, int], values: int, size: int) -> Map:
    """Patches of about ``size`` pixels with a few lone pixels among them; size 0 is noise."""
    if size == 0:
        return rng.integers(0, values, shape, np.uint8)
    y, x = np.mgrid[: shape[0], : shape[1]]
    warp = rng.uniform(0, 3, 4)
    y = (y + size * np.sin(x / (2 + size) + warp[0])) / size + warp[1]
    x = (x + size * np.sin(y + warp[2])) / size + warp[3]
    patches = rng.integers(0, values, 977, np.uint8)[(y.astype(int) * 31 + x.astype(int)) % 977]
    lone = rng.random(shape) < 0.01
    patches[lone] = rng.integers(0, values, int(lone.sum()), np.uint8)
    return patches


@st.composite
def cases(draw: st.DrawFn) -> tuple[Map, Map, Map, Map, int, int]:
    """Maps with runs and without, void in patches, predictions near the target or not, bytes of one class that have several values."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.integers(1, 40)), draw(st.sampled_from([*range(1, 30), 63, 64, 65, 127, 128, 129, 200]))
    classes, size = draw(st.integers(1, 5)), draw(st.sampled_from([0, 3, 8, 20]))
    bytes_ = classes + 3
    target = blobs(rng, shape, bytes_, size)
    moved = np.roll(target, tuple(rng.integers(-3, 4, 2)), (0, 1))
    pred = draw(st.sampled_from([target, moved, blobs(rng, shape, bytes_, size)]))
    target_index, pred_index = (rng.integers(0, classes + 2, 256).astype(np.uint8) for _ in range(2))
    if draw(st.booleans()):
        target_index = pred_index = np.minimum(PLAIN, classes)
    return target, np.ascontiguousarray(pred), target_index, pred_index, classes, draw(st.integers(1, 12) | st.integers(13, 250))


@given(cases(), st.booleans())
def test_counts_are_those_of_eroding_one_mask_after_another(case: tuple[Map, Map, Map, Map, int, int], frame: bool) -> None:
    np.testing.assert_array_equal(count_boundaries(*case, frame=frame), plain_table(*case, frame=frame))


@pytest.mark.parametrize("width", [1, 46, 127, 128, 150])
def test_large_regions_are_counted_as_by_erosion_in_bytes_and_in_16_bits(width: int) -> None:
    target = np.zeros((420, 640), np.uint8)
    target[:, 400:], target[300:, 500:], target[:40, :60], target[200:203, 100:] = 1, 2, 3, 3  # 3 is void
    pred = target.copy()
    pred[:, 395:400] = 1
    target[398:404, 120:130] = 2
    case = target, pred, PLAIN, PLAIN, 3, width
    table = count_boundaries(*case)
    np.testing.assert_array_equal(table, plain_table(*case, frame=True))
    assert (table.sum(axis=(2, 3)) > 0).all()  # interior pixels too


def test_bytes_above_127_and_254_classes_are_counted_like_any_other() -> None:
    rng = np.random.default_rng(1)
    target, pred = blobs(rng, (60, 90), 255, 12), blobs(rng, (60, 90), 255, 12)
    case = target, pred, PLAIN, PLAIN, 254, 2
    np.testing.assert_array_equal(count_boundaries(*case), plain_table(*case, frame=True))


@given(cases(), st.booleans())
def test_the_tables_add_up_to_the_confusion_matrix(case: tuple[Map, Map, Map, Map, int, int], frame: bool) -> None:
    target, pred, target_index, pred_index, classes, _ = case
    expected = np.zeros((classes, classes + 1), np.int64)
    t, p = target_index[target], np.minimum(pred_index[pred], classes)
    np.add.at(expected, (t[t < classes], p[t < classes]), 1)
    np.testing.assert_array_equal(count_boundaries(*case, frame=frame).sum(axis=(0, 1)), expected)


@given(cases(), st.integers(0, 2**32))
def test_what_is_predicted_on_void_never_matters(case: tuple[Map, Map, Map, Map, int, int], seed: int) -> None:
    target, pred, target_index, pred_index, classes, width = case
    noise = np.random.default_rng(seed).integers(0, 256, pred.shape, np.uint8)
    other = np.where(target_index[target] < classes, pred, noise)
    again = count_boundaries(target, other, target_index, pred_index, classes, width)
    np.testing.assert_array_equal(count_boundaries(*case), again)


@given(cases())
def test_turning_both_maps_changes_nothing(case: tuple[Map, Map, Map, Map, int, int]) -> None:
    target, pred, *rest = case
    for turn in (np.transpose, np.flipud, np.fliplr):
        np.testing.assert_array_equal(count_boundaries(turn(target), turn(pred), *rest), count_boundaries(*case))


def sums(target: Map, pred: Map, classes: int, width: int) -> list[list[int]]:
    index = np.minimum(PLAIN, classes)
    result: list[list[int]] = boundary_sums(count_boundaries(target, pred, index, index, classes, width)).tolist()
    return result


def test_a_square_and_its_copy_one_pixel_aside_are_counted_by_hand() -> None:
    target, pred = np.zeros((12, 12), np.uint8), np.zeros((12, 12), np.uint8)
    target[3:8, 3:8] = 1
    pred[3:8, 4:9] = 1
    # A band one pixel wide of a 5x5 square has 16 pixels; the two bands share the upper and lower row of four, and no column but in these.
    assert sums(target, pred, 2, 1)[1] == [4 + 4, 16, 16]
    # Two pixels wide: 24 pixels, all but the centre; shared is the 5x4 overlap without the two centres.
    assert sums(target, pred, 2, 2)[1] == [18, 24, 24]


def test_the_edge_of_the_image_is_an_edge_of_a_mask_but_not_of_a_trimap() -> None:
    alone = np.zeros((7, 9), np.uint8)
    assert sums(alone, alone, 1, 1) == [[63 - 35, 63 - 35, 63 - 35]]
    trimap = count_boundaries(alone, alone, PLAIN, PLAIN, 1, 1, frame=False)[1].sum(axis=0)
    assert trimap.sum() == 0


def test_a_trimap_holds_the_pixels_within_reach_of_another_target_class() -> None:
    target, pred = np.zeros((5, 10), np.uint8), np.zeros((5, 10), np.uint8)
    target[:, 6:] = 1
    pred[:, 5:] = 1
    trimap = count_boundaries(target, pred, PLAIN, PLAIN, 2, 2, frame=False)[1].sum(axis=0)
    assert trimap[:, :2].tolist() == [[5, 5], [0, 10]]


def test_a_void_region_has_no_edge_but_classes_on_its_two_sides_have() -> None:
    target = np.zeros((9, 30), np.uint8)
    target[:, 10:12] = 9
    table = count_boundaries(target, target, PLAIN, PLAIN, 2, 3, frame=False)
    assert table[1].sum() == 0
    target[:, 12:] = 1
    near = count_boundaries(target, target, PLAIN, PLAIN, 2, 3, frame=False)[1].sum(axis=(0, 2))
    assert near.tolist() == [9, 9]  # three steps reach across two pixels of void


def test_two_bytes_of_one_class_have_no_edge_between_them() -> None:
    target = np.zeros((8, 20), np.uint8)
    target[:, 9:] = 1
    one_class = np.zeros(256, np.uint8)
    assert count_boundaries(target, target, one_class, one_class, 1, 2, frame=False)[1].sum() == 0


def test_predictions_of_no_class_are_in_the_last_column_and_nobodys_band() -> None:
    target, pred = np.zeros((6, 6), np.uint8), np.full((6, 6), 77, np.uint8)
    assert sums(target, pred, 1, 1) == [[0, 20, 0]]


def test_an_image_without_pixels_has_no_counts() -> None:
    for shape in ((0, 5), (5, 0), (0, 0)):
        empty = np.zeros(shape, np.uint8)
        assert count_boundaries(empty, empty, PLAIN, PLAIN, 3, 2).sum() == 0


def test_maps_of_two_sizes_and_widths_out_of_range_are_refused() -> None:
    small, large = np.zeros((4, 5), np.uint8), np.zeros((5, 4), np.uint8)
    with pytest.raises(ValueError, match="one size"):
        count_boundaries(small, large, PLAIN, PLAIN, 1, 1)
    for width in (0, -1, MAX_WIDTH + 1):
        with pytest.raises(ValueError, match=r"1 to 32767"):
            count_boundaries(small, small, PLAIN, PLAIN, 1, width)
    assert count_boundaries(small, small, PLAIN, PLAIN, 1, MAX_WIDTH)[1, 1].sum() == 20


@pytest.mark.parametrize(
    ("shape", "ratio", "width"), [((1024, 2048), 0.02, 46), ((1024, 2048), 0.005, 11), ((3, 4), 0.02, 1), ((3, 4, 3), 1, 5)]
)
def test_the_width_is_a_share_of_the_diagonal_and_at_least_1(shape: tuple[int, ...], ratio: float, width: int) -> None:
    assert boundary_width(shape, ratio) == width


def test_scores_are_ratios_of_sums_and_a_class_without_pixels_leaves_the_mean() -> None:
    scores = Boundaries(np.array([[2, 5, 3], [0, 0, 0], [0, 0, 4]]), 0.02, (3, 4))
    assert scores.class_iou.tolist()[::2] == [2 / 6, 0.0]
    assert math.isnan(scores.class_iou[1])
    assert scores.miou == (2 / 6 + 0) / 2


def test_boundaries_are_read_as_they_were_written() -> None:
    written = Boundaries(np.array([[2, 5, 3], [2**50, 2**51, 2**51]]), 0.005, (3, 11))
    read = Boundaries.from_dict(json.loads(json.dumps(written.to_dict())), 2)
    assert np.array_equal(read.counts, written.counts)
    assert (read.ratio, read.widths) == (0.005, (3, 11))
    for counts in ([[1, 2, 3]], [[1, 2], [1, 2]], [[0.5, 1, 1]] * 2, [[-1, 1, 1]] * 2):
        with pytest.raises(ValueError, match="boundary counts"):
            Boundaries.from_dict({"counts": counts, "ratio": 0.02, "widths": [1]}, 2)
