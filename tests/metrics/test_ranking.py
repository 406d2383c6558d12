from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.ranking import shared_ranks
from segbench.metrics.scores import score
from segbench.metrics.uncertainty import compare, score_p_value
from tests.metrics.test_uncertainty import THREE, street


def models(images: int, *skills: float) -> list[NDArray[np.int64]]:
    """The same images as models of these skills see them: what is right of a row grows with the skill."""
    found = []
    for skill in skills:
        counts = street(np.random.default_rng(7), images)
        hits = np.diagonal(counts, axis1=1, axis2=2)
        right = counts * np.eye(3, 4, dtype=np.int64)
        wrong = counts - right
        saved = np.floor(wrong * skill).astype(np.int64)
        found.append(wrong - saved + np.eye(3, 4, dtype=np.int64) * (hits + saved.sum(axis=2))[:, :, None])
    return found


def test_models_that_differ_on_every_image_have_ranks_of_their_own() -> None:
    assert shared_ranks(THREE, models(30, 0.0, 0.6, 0.3)) == [3, 1, 2]


def test_a_model_and_its_twin_share_a_rank_and_the_next_one_is_skipped() -> None:
    best, twin, worse = models(30, 0.5, 0.5, 0.0)
    assert shared_ranks(THREE, [worse, best, twin]) == [3, 1, 1]


def test_a_worse_model_never_has_a_better_rank() -> None:
    found = models(12, 0.0, 0.02, 0.3, 0.31, 0.05, 0.6)
    dice = np.random.default_rng(3)
    for counts in found[:3]:  # a model that is erratic: what is right of an image becomes wrong in some images, and the other way round
        turned = counts.copy()
        chosen = dice.random(12) < 0.4
        turned[chosen] = turned[chosen][:, :, [1, 0, 2, 3]]
        found = [*found, turned]
    ranks = shared_ranks(THREE, found)
    mious = [score(ConfusionMatrix(THREE, counts.sum(axis=0))).miou for counts in found]
    in_order = [rank for _, rank in sorted(zip(mious, ranks, strict=True), reverse=True)]
    assert in_order == sorted(in_order)
    assert all(place + 1 >= rank for place, rank in enumerate(in_order))


def test_a_difference_that_few_images_show_is_no_difference() -> None:
    a, b = models(4, 0.0, 0.5)
    assert compare(THREE, a, b).p_value["miou"] == pytest.approx(2 / 16)
    assert shared_ranks(THREE, [a, b]) == [1, 1]


def test_ranks_do_not_depend_on_the_order_of_the_models_and_of_the_images() -> None:
    found = models(12, 0.0, 0.3, 0.31, 0.6)
    ranks = shared_ranks(THREE, found)
    assert shared_ranks(THREE, found[::-1]) == ranks[::-1]
    assert shared_ranks(THREE, [counts[::-1] for counts in found]) == ranks


def test_a_difference_must_survive_the_number_of_tests() -> None:
    found = models(6, 0.0, 0.5, 0.5, 0.5, 0.5)
    assert score_p_value(THREE, found[0], found[1]) == pytest.approx(2 / 64)
    assert shared_ranks(THREE, found[:2]) == [2, 1]
    assert shared_ranks(THREE, found) == [1, 1, 1, 1, 1]


def test_a_model_without_a_score_comes_last() -> None:
    empty = np.zeros((3, 3, 4), np.int64)
    assert shared_ranks(THREE, [empty, empty]) == [1, 1]
    assert shared_ranks(THREE, []) == []


def test_the_p_value_of_the_miou_alone_is_that_of_the_comparison() -> None:
    for images in (8, 30):
        a, b = models(images, 0.0, 0.02)
        assert score_p_value(THREE, a, b, replicates=500) == compare(THREE, a, b, replicates=500).p_value["miou"]


def test_models_of_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        shared_ranks(THREE, [models(4, 0.0)[0], models(5, 0.0)[0]])
