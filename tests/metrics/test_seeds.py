from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from segbench.labels.space import numbered_labels
from segbench.metrics.per_image import PerImage, totals
from segbench.metrics.seeds import compare_seeds
from segbench.metrics.student import t_cdf, t_quantile

LABELS = numbered_labels(3)


def counted(right: NDArray[np.float64], rng: np.random.Generator) -> PerImage:
    """Of images whose pixels are right with these probabilities."""
    result = np.zeros((len(right), 3, 4), np.int64)
    hits = rng.binomial(300, np.clip(right, 0, 1)[:, None], (len(right), 3))
    for target in range(3):
        result[:, target, target], result[:, target, (target + 1) % 3] = hits[:, target], 300 - hits[:, target]
    return PerImage(result)


def simulated(
    rng: np.random.Generator, seeds: tuple[int, int], images: int, spread: tuple[float, float, float], better: float = 0.0
) -> tuple[list[PerImage], list[PerImage]]:
    """Crossed data: what images cost both models, what they cost one of them, what seeds differ by, and what seeds say of an image."""
    of_image, of_seed, of_both = spread
    hard = 0.75 + rng.normal(0, 0.1, images)
    sides = []
    for number, more in zip(seeds, (better, 0.0), strict=True):
        own = hard + more + rng.normal(0, of_image, images)
        sides.append([counted(own + rng.normal(0, of_seed) + rng.normal(0, of_both, images), rng) for _ in range(number)])
    return sides[0], sides[1]


@pytest.mark.parametrize(
    ("seeds", "images", "spread"),
    [((3, 3), 40, (0.02, 0.02, 0.03)), ((5, 4), 60, (0.06, 0.005, 0.03)), ((4, 4), 40, (0.04, 0.0, 0.06))],
    ids=["seeds", "images", "disagreement"],
)
def test_intervals_hold_the_truth_in_93_to_97_per_cent_of_crossed_data(
    seeds: tuple[int, int], images: int, spread: tuple[float, float, float]
) -> None:
    rng, held, trials = np.random.default_rng(5), 0, 400
    for _ in range(trials):
        low, high = compare_seeds(LABELS, *simulated(rng, seeds, images, spread), replicates=100).interval("miou")
        held += bool(low <= 0 <= high)
    assert 0.93 <= held / trials <= 0.97


def test_means_and_differences_are_those_of_the_seeds() -> None:
    a, b = simulated(np.random.default_rng(0), (3, 2), 20, (0.02, 0.02, 0.02), better=0.1)
    found = compare_seeds(LABELS, a, b)
    mious = [[float(totals(LABELS, each)["miou"]) for each in side] for side in (a, b)]
    assert float(found.means[0]["miou"]) == pytest.approx(np.mean(mious[0]))
    assert float(found.difference["miou"]) == pytest.approx(np.mean(mious[0]) - np.mean(mious[1]))
    assert float(found.deviations[1]["miou"]) == pytest.approx(np.std(mious[1], ddof=1))
    assert found.interval("class_iou").shape == (3, 2)
    turned = compare_seeds(LABELS, b, a)
    assert turned.interval("miou") == pytest.approx(-found.interval("miou")[::-1])
    assert sum(found.shares()) == pytest.approx(1)
    low, high = found.interval("miou")
    assert (float(found.p_value("miou")) < 0.05) == (not low <= 0 <= high)


def test_the_split_says_where_the_variance_comes_from() -> None:
    rng = np.random.default_rng(1)
    of_images = compare_seeds(LABELS, *simulated(rng, (5, 5), 40, (0.08, 0.0, 0.0)))
    of_seeds = compare_seeds(LABELS, *simulated(rng, (5, 5), 40, (0.0, 0.04, 0.0)))
    assert of_images.shares()[0] > 0.9
    assert of_seeds.shares()[0] < 0.1


def test_more_seeds_show_smaller_differences_until_the_images_are_too_few() -> None:
    rng = np.random.default_rng(2)
    found = compare_seeds(LABELS, *simulated(rng, (3, 3), 60, (0.0, 0.02, 0.0)))
    more = found.seeds_to_show(0.005)
    assert more is not None
    assert more > 10
    assert float(found.half_width("miou", numbers=(3 + more, 3 + more))) < 0.005
    assert float(found.half_width("miou", numbers=(2 + more, 2 + more))) >= 0.005
    assert found.seeds_to_show(1.0) == 0
    assert compare_seeds(LABELS, *simulated(rng, (3, 3), 10, (0.1, 0.0, 0.0))).seeds_to_show(0.005) is None


def test_a_single_seed_and_other_images_are_refused() -> None:
    a, b = simulated(np.random.default_rng(3), (2, 2), 10, (0.0, 0.02, 0.0))
    with pytest.raises(ValueError, match="1 and 2 seeds"):
        compare_seeds(LABELS, a[:1], b)
    with pytest.raises(ValueError, match="same images"):
        compare_seeds(LABELS, a, [b[0], PerImage(b[1].confusion * 2)])


def test_a_score_that_too_few_images_define_has_no_interval() -> None:
    a, b = simulated(np.random.default_rng(4), (2, 2), 1, (0.0, 0.02, 0.0))
    found = compare_seeds(LABELS, a, b)
    assert np.isnan(found.interval("miou")).all()
    assert math.isnan(float(found.p_value("miou")))


def test_students_t_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for degrees in (1, 2, 2.5, 7, 30, 4000):
        for share in (0.001, 0.3, 0.5, 0.8, 0.975, 0.9999):
            assert t_quantile(share, degrees) == pytest.approx(stats.t.ppf(share, degrees), abs=1e-9, rel=1e-9)
            assert t_cdf(t_quantile(share, degrees), degrees) == pytest.approx(share)
    assert t_quantile(0.975, math.inf) == pytest.approx(1.959963984540054)
