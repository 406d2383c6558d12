from __future__ import annotations

import itertools
import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mutual_info_score

from segbench.metrics.region_scores import SegmentScores, mean_scores, segment_scores

SEGMENTS = arrays(np.int32, (5, 6), elements=st.integers(0, 4))


def plain_v_rand(target: np.ndarray, pred: np.ndarray) -> float:
    """Every pair of pixels of the target's cells, a pixel with itself too: together in both, of those together in either."""
    kept = [(t, p if p else -index) for index, (t, p) in enumerate(zip(target.flat, pred.flat, strict=True), 1) if t]
    pairs = list(itertools.product(kept, kept))
    both = sum(a == b for a, b in pairs)
    return 2 * both / (sum(a[0] == b[0] for a, b in pairs) + sum(a[1] == b[1] for a, b in pairs))


def plain_v_info(target: np.ndarray, pred: np.ndarray) -> float:
    """By scikit-learn's mutual information, of which the entropy is that of a labelling with itself."""
    t = target[target > 0].tolist()
    p = [number if number else -index for index, number in enumerate(pred[target > 0].tolist(), 1)]
    return 2 * mutual_info_score(t, p) / (mutual_info_score(t, t) + mutual_info_score(p, p))


@given(SEGMENTS, SEGMENTS)
def test_scores_are_those_of_pairs_of_pixels_and_of_mutual_information(target: np.ndarray, pred: np.ndarray) -> None:
    scores = segment_scores(target, pred)
    if not target.any():
        assert math.isnan(scores.v_rand)
        assert math.isnan(scores.v_info)
        return
    assert scores.v_rand == pytest.approx(plain_v_rand(target, pred), rel=1e-12)
    if len(set(target[target > 0].tolist())) > 1 and len(set(pred[target > 0].tolist()) - {0}) > 1:
        assert scores.v_info == pytest.approx(plain_v_info(target, pred), abs=1e-12)


@given(SEGMENTS, SEGMENTS, st.permutations(range(1, 5)))
def test_neither_the_numbers_of_segments_nor_what_lies_on_the_targets_lines_matters(
    target: np.ndarray, pred: np.ndarray, order: list[int]
) -> None:
    renumbered = np.array([0, *order], np.int32)[pred]
    renumbered[target == 0] = 3
    scores, again = (astuple(segment_scores(target, each)) for each in (pred, renumbered))
    assert scores == pytest.approx(again, abs=1e-12, nan_ok=True)


def test_the_same_regions_score_one() -> None:
    target = np.array([[1, 1, 0, 2], [1, 1, 0, 2]], np.int32)
    filled = np.array([[7, 7, 7, 5], [7, 7, 5, 5]], np.int32)
    assert segment_scores(target, filled) == SegmentScores(1.0, 1.0)


def test_merging_two_cells_and_splitting_one_are_both_errors() -> None:
    target = np.array([[1, 1, 1, 1, 2, 2, 2, 2]], np.int32)
    merged = segment_scores(target, np.ones((1, 8), np.int32))
    assert merged.v_rand == 2 * (16 + 16) / (16 + 16 + 64)
    assert merged.v_info == 0
    split = segment_scores(target, np.array([[1, 1, 3, 3, 2, 2, 2, 2]], np.int32))
    assert split.v_rand == 2 * (4 + 4 + 16) / (16 + 16 + 4 + 4 + 16)
    assert 0 < split.v_info < 1


def test_each_pixel_on_a_thinned_line_is_a_segment_of_its_own() -> None:
    target = np.array([[1, 1, 1, 1]], np.int32)
    assert segment_scores(target, np.array([[1, 1, 0, 0]], np.int32)).v_rand == 2 * (4 + 1 + 1) / (16 + 4 + 1 + 1)


def test_a_single_segment_has_no_information_by_the_challenges_script() -> None:
    one = np.ones((2, 3), np.int32)
    assert segment_scores(one, one) == SegmentScores(1.0, 0.0)


def test_the_score_of_a_set_is_the_mean_over_images_that_have_cells() -> None:
    assert mean_scores(np.array([[0.5, 0.25], [math.nan, math.nan], [1.0, 0.75]])) == SegmentScores(0.75, 0.5)
    assert math.isnan(mean_scores(np.full((2, 2), math.nan)).v_rand)
