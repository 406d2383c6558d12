from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.datasets.cityscapes import LABELS
from segbench.labels.decoding import Decoding
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.counting import count_maps
from segbench.metrics.error_causes import CAUSES, Errors, error_scores, size_scores
from segbench.metrics.image_counts import Counted, Counting
from segbench.metrics.jackknife import jackknife
from segbench.metrics.per_image import totals
from segbench.metrics.scores import score
from segbench.metrics.uncertainty import bootstrap, compare
from tests.golden.generated_set import draw_pair
from tests.tiny import LABELS as TINY

NO_SIZES = np.zeros((3, 3, 4), np.int64)
COUNTING = Counting(Decoding.of_files(LABELS), errors=3)


def counted_of(seed: int, number: int = 4) -> Counted:
    maps = [draw_pair(seed, index, (24, 32)) for index in range(number)]
    return Counted.of(COUNTING, [(f"{i}", count_maps(COUNTING, target, pred)) for i, (target, _, pred) in enumerate(maps)])


@given(st.integers(0, 10**6))
def test_curing_a_cause_is_scoring_a_matrix_whose_wrong_pixels_of_it_are_right(seed: int) -> None:
    """A matrix with the same sums, in which the wrong pixels of each cause are one block beside the others."""
    counted = counted_of(seed, 2)
    assert counted.total.errors is not None
    found, before = error_scores(counted.confusion, counted.total.errors), counted.scores
    hits, targets = counted.confusion.counts.diagonal(), counted.confusion.counts.sum(axis=1)
    preds = counted.confusion.counts[:, :-1].sum(axis=0)
    for at, cause in enumerate(CAUSES):
        of_target, of_pred = counted.total.errors.counts[:, at].T
        union = targets + preds - of_pred - hits
        cured = np.divide(hits + of_target, union, out=np.full(len(hits), np.nan), where=union > 0)
        assert float(found[f"cured_{cause}"]) == pytest.approx(np.nanmean(cured), abs=1e-12)
        assert float(found[f"gain_{cause}"]) == pytest.approx(np.nanmean(cured) - before.miou, abs=1e-12)
        assert float(found[f"gain_{cause}"]) >= -1e-12
        np.testing.assert_allclose(found[f"class_gain_{cause}"], cured - before.class_iou, atol=1e-12)
    assert sum(float(found[f"share_{cause}"]) for cause in CAUSES) == pytest.approx(1)


def test_a_matrix_with_one_cause_alone_is_perfect_when_it_is_cured() -> None:
    confusion = ConfusionMatrix(TINY, np.array([[90, 10, 0, 0], [0, 50, 0, 0], [20, 0, 30, 0]]))
    counts = np.zeros((3, 5, 2), np.int64)
    counts[:, CAUSES.index("missed")] = [[10, 20], [0, 10], [20, 0]]
    found = error_scores(confusion, Errors(counts, 3, NO_SIZES))
    assert float(found["share_missed"]) == 1.0
    assert float(found["cured_missed"]) == 1.0
    assert float(found["gain_missed"]) == pytest.approx(1 - score(confusion).miou)
    assert float(found["gain_border"]) == 0.0
    assert float(found["cured_border"]) == score(confusion).miou


def test_where_nothing_is_wrong_no_cause_has_a_share() -> None:
    confusion = ConfusionMatrix(TINY, np.diag([4, 5, 6]).astype(np.int64)[:, [0, 1, 2, 2]] * [1, 1, 1, 0])
    found = error_scores(confusion, Errors(np.zeros((3, 5, 2), np.int64), 3, NO_SIZES))
    assert math.isnan(float(found["share_border"]))
    assert float(found["gain_border"]) == 0.0


def test_intervals_differences_and_totals_are_those_of_every_image() -> None:
    a = counted_of(1, 12)
    assert a.total.errors is not None
    whole = totals(LABELS, a.per_image)
    for name, values in error_scores(a.confusion, a.total.errors).items():
        np.testing.assert_allclose(whole[name], values, atol=1e-12)
    for name, value in size_scores(LABELS, a.total.errors.sizes).items():
        assert float(whole[name]) == pytest.approx(value, nan_ok=True)
    for found in (bootstrap(LABELS, a.per_image, replicates=400), jackknife(LABELS, a.per_image)):
        low, high = found.bounds["gain_missed"]
        assert 0 <= low < float(whole["gain_missed"]) < high
    same = compare(LABELS, a.per_image, a.per_image, replicates=50)
    assert float(same.difference["share_border"]) == 0.0


def test_errors_are_read_as_they_were_written() -> None:
    errors = counted_of(3).total.errors
    assert errors is not None
    again = Errors.from_dict(json.loads(json.dumps(errors.to_dict())), 19)
    assert np.array_equal(again.counts, errors.counts)
    assert np.array_equal(again.sizes, errors.sizes)
    assert again.border == 3
    data = errors.to_dict()
    data["pixels"]["missed"]["pred"] = [0.5] * 19
    with pytest.raises(ValueError, match="wrong pixels by cause must be whole numbers of 19 classes"):
        Errors.from_dict(data, 19)
    with pytest.raises(ValueError, match="whole numbers of 18 classes"):
        Errors.from_dict(errors.to_dict(), 18)
    with pytest.raises(KeyError, match="pixels"):
        Errors.from_dict({"border": 3}, 19)


def test_segments_of_a_size_are_found_in_all_and_their_pixels_in_each_class() -> None:
    sizes = np.zeros((3, 3, 4), np.int64)
    sizes[0, 0], sizes[1, 0], sizes[2, 2] = [4, 1, 100, 20], [1, 1, 50, 40], [1, 1, 10_000, 9_000]
    found = size_scores(TINY, sizes)
    assert (found["found_small"], found["recall_small"]) == (2 / 5, pytest.approx((0.2 + 0.8) / 2))
    assert (found["found_large"], found["recall_large"]) == (1.0, 0.9)
    assert math.isnan(found["found_medium"])
