from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segbench.datasets.cityscapes import LABELS as CITYSCAPES
from segbench.files.json_text import dump_json
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.boundary_iou import Boundaries
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.per_image import PerImage, totals, units_of
from segbench.metrics.scores import Scores, score
from segbench.metrics.uncertainty import Intervals, bootstrap, compare, holm
from tests.metrics.test_per_image import CATEGORISED, matrices
from tests.strategies import plain_labels

THREE = plain_labels(3)
SCALARS = ("acc", "acc_cls", "miou", "fwiou", "dice", "precision", "category_miou")


def street(rng: np.random.Generator, images: int, *, pixels: int = 2000, skill: float = 0.0) -> NDArray[np.int64]:
    """Images of three classes whose shares and difficulty vary from image to image: what a pixel-wise interval would not see."""
    share = rng.dirichlet([4.0, 2.0, 1.0], images)
    hard = rng.beta(2, 5, (images, 1)) * (1 - skill)
    rows = rng.multinomial(pixels, share)
    counts = np.zeros((images, 3, 4), np.int64)
    for i in range(3):
        chances = np.repeat(hard * 0.25, 4, axis=1)
        chances[:, i] += 1 - hard[:, 0]
        counts[:, i] = rng.multinomial(rows[:, i], chances)
    return counts


def same(a: Intervals, b: Intervals) -> bool:
    return a.bounds.keys() == b.bounds.keys() and all(np.array_equal(a.bounds[name], b.bounds[name], equal_nan=True) for name in a.bounds)


def plain_intervals(labels: LabelSpace, counts: NDArray[np.int64], weights: NDArray[np.int64], level: float) -> dict[str, Any]:
    """One replicate at a time, through the matrix itself."""
    replicates: list[Scores] = []
    for row in weights:
        total = sum((int(w) * matrix for w, matrix in zip(row, counts, strict=True)), np.zeros_like(counts[0]))
        replicates.append(score(ConfusionMatrix(labels, total)))
    shares = [50 * (1 - level), 50 * (1 + level)]
    return {
        name: np.nanpercentile([getattr(r, name) for r in replicates], shares, axis=0).T
        for name in (*SCALARS, "class_iou", "class_acc", "class_precision", "class_dice")
    } | {"category_iou": np.nanpercentile([[*r.category_iou.values()] for r in replicates], shares, axis=0).T}


def test_the_matrix_product_gives_what_a_plain_loop_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.random.default_rng(5).integers(0, 500, (7, 5, 6))
    counts[2:, 3], counts[2:, :, 3] = 0, 0  # a class in two images alone: it is missing from some replicates
    seen: list[NDArray[np.int64]] = []
    bincount = np.bincount

    def spy(*args: Any, **options: Any) -> Any:
        seen.append(bincount(*args, **options))
        return seen[-1]

    monkeypatch.setattr(np, "bincount", spy)
    found = bootstrap(CATEGORISED, counts, replicates=300, level=0.9, seed=4)
    weights = np.concatenate([block.reshape(-1, 7) for block in seen])
    assert weights.shape == (300, 7)
    assert (weights.sum(axis=1) == 7).all()
    # Units are sorted by hits of class 0, then of class 1, ...
    order = sorted(range(7), key=lambda i: counts[i].diagonal().tolist())
    expected = plain_intervals(CATEGORISED, counts[order], weights, 0.9)
    assert set(expected) == set(found.bounds)
    for name, bounds in expected.items():
        np.testing.assert_allclose(found.bounds[name], bounds, rtol=1e-12, err_msg=name)


def test_draws_are_those_of_a_multinomial() -> None:
    counts = np.zeros((4, 1, 2), np.int64)
    counts[:, 0, 0] = [0, 0, 0, 1000]
    counts[:, 0, 1] = [1000, 1000, 1000, 0]
    # acc of a replicate is (how often the last image was drawn) / 4, binomial(4, 1/4): P(0) = 0.316, P(<= 1) = 0.738, P(<= 2) = 0.949
    bounds = {level: bootstrap(plain_labels(1), counts, level=level).bounds["acc"].tolist() for level in (0.3, 0.5, 0.88, 0.92)}
    assert bounds == {0.3: [0.25, 0.25], 0.5: [0.0, 0.5], 0.88: [0.0, 0.5], 0.92: [0.0, 0.75]}


def test_the_interval_of_95_per_cent_covers_the_truth_in_93_to_97_per_cent_of_data_sets() -> None:
    rng = np.random.default_rng(7)
    truth = score(ConfusionMatrix(THREE, street(rng, 400_000).sum(axis=0)))
    trials = 1000
    inside = dict.fromkeys(("miou", "acc", "fwiou", "class_iou"), 0.0)
    for trial in range(trials):
        found = bootstrap(THREE, street(rng, 200), replicates=600, seed=trial)
        for name in inside:
            low, high = np.moveaxis(found.bounds[name], -1, 0)
            inside[name] += float(np.mean((low <= getattr(truth, name)) & (getattr(truth, name) <= high))) / trials
    assert all(0.93 <= share <= 0.97 for share in inside.values()), inside


def test_the_order_of_the_images_changes_nothing() -> None:
    counts = matrices(1, 40, 5)
    groups = [f"city {i % 7}" for i in range(40)]
    order = np.random.default_rng(2).permutation(40)
    assert same(bootstrap(CATEGORISED, counts), bootstrap(CATEGORISED, counts[order]))
    grouped = bootstrap(CATEGORISED, counts, groups=groups)
    assert same(grouped, bootstrap(CATEGORISED, counts[order], groups=[groups[i] for i in order]))


def test_the_same_seed_gives_the_same_interval_and_another_seed_nearly_the_same() -> None:
    counts = street(np.random.default_rng(1), 200)
    first, again, other = (bootstrap(THREE, counts, seed=seed) for seed in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)
    np.testing.assert_allclose(first.bounds["miou"], other.bounds["miou"], atol=0.05 * float(first.half_width("miou")))


def test_the_result_says_how_it_was_made() -> None:
    found = bootstrap(THREE, street(np.random.default_rng(0), 6), groups="aabbcc", unit="cities", level=0.5, replicates=10, seed=3)
    assert (found.level, found.replicates, found.seed, found.units, found.unit) == (0.5, 10, 3, 3, "cities")


def test_how_many_replicates_are_held_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = (street(np.random.default_rng(seed), 30) for seed in (1, 1))
    b[::2, 0] = np.roll(b[::2, 0], 1, axis=1)
    b[1::2, 1] = np.roll(b[1::2, 1], 1, axis=1)
    whole, tested = bootstrap(THREE, a, replicates=500), compare(THREE, a, b, replicates=500)
    monkeypatch.setattr("segbench.metrics.uncertainty._BLOCK", 30 * 7)
    assert same(whole, bootstrap(THREE, a, replicates=500))
    assert same(tested.intervals, compare(THREE, a, b, replicates=500).intervals)
    assert tested.p_value["miou"] == compare(THREE, a, b, replicates=500).p_value["miou"]


def test_a_higher_level_is_wider_and_the_score_itself_lies_inside() -> None:
    counts = street(np.random.default_rng(3), 50)
    scores = score(ConfusionMatrix(THREE, counts.sum(axis=0)))
    narrow, wide = bootstrap(THREE, counts, level=0.8), bootstrap(THREE, counts, level=0.99)
    for name in ("acc", "miou", "fwiou", "acc_cls"):
        (a, b), (c, d) = narrow.bounds[name], wide.bounds[name]
        assert c < a < getattr(scores, name) < b < d
        assert float(wide.half_width(name)) == (d - c) / 2


def test_more_images_are_narrower_by_the_square_root() -> None:
    rng = np.random.default_rng(4)
    few, many = (bootstrap(THREE, street(rng, n)).half_width("miou") for n in (100, 1600))
    assert 3.2 < few / many < 4.8


def test_images_that_are_alike_within_a_group_make_a_wider_interval() -> None:
    # Each city's ten frames are one frame ten times: ten times as many images, and no more to be learnt from them.
    frames = street(np.random.default_rng(6), 30)
    images, cities = np.repeat(frames, 10, axis=0), np.repeat(np.arange(30), 10).tolist()
    by_city = bootstrap(THREE, images, groups=cities, unit="cities").half_width("miou")
    assert by_city > 2.5 * bootstrap(THREE, images).half_width("miou")
    assert by_city == bootstrap(THREE, frames).half_width("miou")


@pytest.mark.parametrize("images", [0, 1])
def test_fewer_than_two_images_have_no_interval_rather_than_one_of_no_width(images: int) -> None:
    found = bootstrap(CATEGORISED, np.full((images, 5, 6), 10, np.int64))
    assert all(np.isnan(bounds).all() for bounds in found.bounds.values())
    assert found.units == images


def test_a_class_of_one_image_has_no_interval_and_an_absent_class_neither() -> None:
    counts = street(np.random.default_rng(8), 20)
    counts[1:, 2], counts[1:, :, 2] = 0, 0
    alone = bootstrap(THREE, counts)
    assert np.isnan(alone.bounds["class_iou"]).tolist() == [[False] * 2, [False] * 2, [True] * 2]
    assert not np.isnan(alone.bounds["miou"]).any()
    counts[0, 2], counts[0, :, 2] = 0, 0
    assert np.isnan(bootstrap(THREE, counts).bounds["class_iou"][2]).all()


def test_a_class_that_a_replicate_misses_leaves_the_mean_of_that_replicate() -> None:
    counts = np.zeros((2, 2, 3), np.int64)
    counts[0, 0, 0], counts[1, 1, 2] = 10, 10  # class 0 is right in image 0; class 1 is missed in image 1
    found = bootstrap(plain_labels(2), counts)
    assert found.bounds["miou"].tolist() == [0.0, 1.0]  # not 0.5, as if the missing class counted


def test_intervals_are_read_as_they_were_written() -> None:
    counts = matrices(11, 9, 5)
    for labels, some in ((CATEGORISED, counts), (THREE, street(np.random.default_rng(0), 9))):
        found = bootstrap(labels, some, replicates=50, groups="aabbccdde", unit="cities", seed=9)
        data = json.loads(json.dumps(found.to_dict(labels), allow_nan=False))
        read = Intervals.from_dict(data, labels)
        assert same(found, read)
        assert (read.level, read.replicates, read.seed, read.units, read.unit) == (0.95, 50, 9, 5, "cities")


def test_an_undefined_interval_is_null() -> None:
    data = bootstrap(THREE, street(np.random.default_rng(0), 1)).to_dict(THREE)
    assert data["miou"] is None
    assert data["class_iou"] == {"class 0": None, "class 1": None, "class 2": None}


@pytest.mark.parametrize("options", [{"level": 0.0}, {"level": 1.0}, {"replicates": 0}], ids=str)
def test_a_level_outside_0_to_1_and_no_replicates_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="level"):
        bootstrap(THREE, street(np.random.default_rng(0), 3), **options)


def test_identical_models_differ_by_nothing_with_p_1() -> None:
    for images in (8, 60):
        counts = street(np.random.default_rng(1), images)
        found = compare(THREE, counts, counts)
        assert found.exact == (images == 8)
        for name in found.p_value:
            assert (found.p_value[name] == 1).all()
            assert (found.difference[name] == 0).all()
            assert (found.intervals.bounds[name] == 0).all()


def better(counts: NDArray[np.int64], rng: np.random.Generator, share: float) -> NDArray[np.int64]:
    """The same targets with some share of the wrong pixels put right, a different one in each image."""
    result = counts.copy()
    for i in range(counts.shape[1]):
        chance = rng.uniform(0, 2 * share, len(counts))[:, None]
        moved = rng.binomial(np.delete(counts[:, i], i, axis=1), chance)
        result[:, i, [j for j in range(counts.shape[2]) if j != i]] -= moved
        result[:, i, i] += moved.sum(axis=1)
    return result


def test_a_paired_difference_is_seen_where_the_intervals_of_the_two_overlap() -> None:
    rng = np.random.default_rng(2)
    worse = street(rng, 150)
    improved = better(worse, rng, 0.04)
    found = compare(THREE, improved, worse)
    assert bootstrap(THREE, improved).bounds["miou"][0] < bootstrap(THREE, worse).bounds["miou"][1]
    low, high = found.intervals.bounds["miou"]
    assert 0 < low < found.difference["miou"] < high
    assert found.p_value["miou"] < 0.001


def test_comparing_the_other_way_round_only_changes_the_sign() -> None:
    rng = np.random.default_rng(3)
    a = street(rng, 40)
    b = better(a, rng, 0.01)
    found, back = compare(THREE, a, b), compare(THREE, b, a)
    for name in found.difference:
        np.testing.assert_array_equal(found.difference[name], -back.difference[name])
        np.testing.assert_allclose(found.intervals.bounds[name], -back.intervals.bounds[name][..., ::-1], atol=1e-15)
        np.testing.assert_allclose(found.p_value[name], back.p_value[name], atol=0.02)


def test_the_exact_p_value_is_the_share_of_all_exchanges() -> None:
    rng = np.random.default_rng(4)
    a, b = street(rng, 6, pixels=50), street(rng, 6, pixels=50)
    b = np.stack(
        [np.concatenate([y[:, :3], (x.sum(1) - y[:, :3].sum(1))[:, None]], axis=1) for x, y in zip(a, np.minimum(a, b), strict=True)]
    )
    labels = THREE

    def difference(swaps: tuple[bool, ...]) -> float:
        x = sum((q if s else p for p, q, s in zip(a, b, swaps, strict=True)), np.zeros_like(a[0]))
        y = sum((p if s else q for p, q, s in zip(a, b, swaps, strict=True)), np.zeros_like(a[0]))
        return score(ConfusionMatrix(labels, x)).miou - score(ConfusionMatrix(labels, y)).miou

    all_ways = [abs(difference(swaps)) for swaps in itertools.product([False, True], repeat=6)]
    expected = sum(d >= all_ways[0] - 1e-12 for d in all_ways) / 64
    found = compare(labels, a, b)
    assert found.exact
    assert found.p_value["miou"] == expected
    drawn = compare(labels, a, b, replicates=63)
    assert not drawn.exact
    assert drawn.p_value["miou"] == pytest.approx(expected, abs=0.2)


def test_a_drawn_p_value_is_never_0() -> None:
    rng = np.random.default_rng(5)
    a = street(rng, 60)
    found = compare(THREE, better(a, rng, 0.3), a, replicates=999)
    assert found.p_value["miou"] == 1 / 1000


def test_models_that_are_alike_are_called_different_in_5_per_cent_of_comparisons() -> None:
    rng = np.random.default_rng(6)
    small = 0
    for trial in range(500):
        base = street(rng, 40, pixels=300)
        a, b = better(base, rng, 0.1), better(base, rng, 0.1)
        small += float(compare(THREE, a, b, replicates=300, seed=trial).p_value["miou"]) <= 0.05
    assert 0.03 <= small / 500 <= 0.07


def test_groups_are_exchanged_as_a_whole() -> None:
    rng = np.random.default_rng(7)
    a = street(rng, 12)
    b = better(a, rng, 0.05)
    found = compare(THREE, b, a, groups="aaabbbcccddd", unit="cities")
    assert found.exact
    assert found.intervals.units == 4
    assert found.p_value["miou"] == 2 / 16  # the better one everywhere: no exchange is as extreme but all and none


def test_a_class_without_a_difference_has_no_p_value() -> None:
    counts = street(np.random.default_rng(8), 20)
    counts[:, 2], counts[:, :, 2] = 0, 0
    found = compare(THREE, counts, counts)
    assert np.isnan(found.p_value["class_iou"]).tolist() == [False, False, True]
    assert math.isnan(found.difference["class_iou"][2])


def test_matrices_of_other_images_are_not_compared() -> None:
    a = street(np.random.default_rng(0), 5)
    b = a.copy()
    b[3, 0, 0] += 1
    with pytest.raises(ValueError, match="1 of 5 images have other targets"):
        compare(THREE, a, b)
    with pytest.raises(ValueError, match="5 and 4 images"):
        compare(THREE, a, a[:4])


def test_holm_multiplies_the_smallest_by_the_number_of_tests() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    with_gap = holm([0.02, math.nan])
    assert with_gap[0] == 0.02
    assert math.isnan(with_gap[1])


def test_cityscapes_has_an_interval_for_every_class_and_category() -> None:
    counts = np.random.default_rng(0).integers(0, 1000, (5, 19, 20))
    found = bootstrap(CITYSCAPES, counts, replicates=20)
    assert found.bounds["class_iou"].shape == (19, 2)
    assert found.bounds["category_iou"].shape == (7, 2)
    assert all(found.bounds[name].shape == (2,) for name in SCALARS)


def counted(seed: int, images: int) -> PerImage:
    """Of streets, with the counts of Boundary IoU and of iIoU that could have come from the same images."""
    rng = np.random.default_rng(seed)
    confusion = street(rng, images)
    hits, targets, preds = np.diagonal(confusion, axis1=1, axis2=2), confusion.sum(axis=2), confusion[:, :, :-1].sum(axis=1)
    boundary = np.stack([hits // 5, targets // 4, preds // 4], axis=2)
    instances = rng.random((images, 3, 2)) * np.stack([hits, targets - hits], axis=2)
    return PerImage(confusion, {"boundary": boundary, "instances": instances})


INSTANCES = LabelSpace("instances", tuple(LabelClass(f"class {i}", (i,), (i, i, i), has_instances=i > 0) for i in range(3)))


def test_what_is_counted_beside_the_matrices_has_intervals_of_the_same_draws() -> None:
    images = counted(3, 12)
    found = bootstrap(INSTANCES, images, replicates=50)
    plain = bootstrap(INSTANCES, images.confusion, replicates=50)
    assert all(np.array_equal(plain.bounds[name], found.bounds[name], equal_nan=True) for name in plain.bounds)
    order = np.lexsort(units_of(INSTANCES, images, None)[::-1])
    drawn = np.random.default_rng([0, 0]).integers(0, 12, (50, 12))
    boundary_ious, iious = [], []
    for rows in order[drawn]:
        near, weighted = (images.beside[name][rows].sum(axis=0) for name in ("boundary", "instances"))
        total = images.confusion[rows].sum(axis=0)
        boundary_ious.append(Boundaries(near, 0.02, (1,)).class_iou)
        false = total[:, :-1].sum(axis=0) - total.diagonal()
        iious.append(weighted[:, 0] / (weighted.sum(axis=1) + false))
    low, high = np.percentile(boundary_ious, [2.5, 97.5], axis=0)
    assert np.allclose(found.bounds["boundary_iou"], np.stack([low, high], axis=1), rtol=1e-12)
    assert np.allclose(found.bounds["boundary_miou"], np.percentile(np.mean(boundary_ious, axis=1), [2.5, 97.5]), rtol=1e-12)
    assert np.isnan(found.bounds["class_iiou"][0]).all()
    assert np.allclose(found.bounds["class_iiou"][1:], np.percentile(iious, [2.5, 97.5], axis=0).T[1:], rtol=1e-12)
    assert np.allclose(found.bounds["iiou"], np.percentile(np.mean(np.array(iious)[:, 1:], axis=1), [2.5, 97.5]), rtol=1e-12)
    assert same(Intervals.from_dict(json.loads(dump_json(found.to_dict(INSTANCES))), INSTANCES), found)


def test_a_comparison_leaves_out_what_was_counted_for_one_model_alone() -> None:
    a, b = counted(3, 9), counted(3, 9)
    both = compare(INSTANCES, a, b.only(["boundary"]), replicates=20)
    assert "boundary_miou" in both.difference
    assert "iiou" not in both.difference


def test_counts_of_another_shape_are_refused() -> None:
    images = counted(3, 9)
    with pytest.raises(ValueError, match="boundary must be"):
        bootstrap(INSTANCES, PerImage(images.confusion, {"boundary": images.beside["boundary"][1:]}))


def test_scores_of_segments_are_means_over_the_images_that_have_them() -> None:
    confusion = street(np.random.default_rng(5), 8)
    segments = np.random.default_rng(6).random((8, 2))
    segments[3] = np.nan
    images = PerImage(confusion, {"segments": segments})
    assert totals(THREE, images)["v_info"] == pytest.approx(np.nanmean(segments[:, 1]))
    found = bootstrap(THREE, images, replicates=40)
    order = np.lexsort(units_of(THREE, images, None)[::-1])
    drawn = order[np.random.default_rng([0, 0]).integers(0, 8, (40, 8))]
    expected = np.percentile(np.nanmean(segments[drawn], axis=1), [2.5, 97.5], axis=0)
    assert np.allclose([found.bounds["v_rand"], found.bounds["v_info"]], expected.T, rtol=1e-12)
    assert same(Intervals.from_dict(json.loads(dump_json(found.to_dict(THREE))), THREE), found)


def test_extras_of_two_classes_are_not_mixed_up() -> None:
    two = LabelSpace("two", tuple(LabelClass(f"class {i}", (i,), (i, i, i), has_instances=True) for i in range(2)))
    confusion = np.random.default_rng(0).integers(1, 50, (6, 2, 3))
    instances, segments = np.full((6, 2, 2), 5.0), np.full((6, 2), 0.25)
    alone, both = (
        totals(two, PerImage(confusion, {"segments": segments})),
        totals(two, PerImage(confusion, {"instances": instances, "segments": segments})),
    )
    assert "iiou" not in alone
    assert alone["v_rand"] == both["v_rand"] == 0.25
    assert "iiou" in both
