from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.fine_means import OF_TARGETS, Asked, Means, fine_means, lowest, mean_differences
from segbench.metrics.per_image import PerImage
from segbench.metrics.scores import score
from tests.report.fakes import LABELS

Matrices = NDArray[np.int64]
FEW = 20  # replicates


def values(found: Means) -> dict[str, float]:
    return {each.name: each.value for each in (*found.fine, *found.of_foreground)}


def means_of(counts: Matrices, **options: object) -> dict[str, float]:
    return values(fine_means(LABELS, PerImage(counts), replicates=FEW, **options))  # type: ignore[arg-type]


def jdt_losses(counts: Matrices, share: int | None, *, by_class: bool) -> float:
    """The definitions, as metrics/accuracy_metric.py of JDTLosses (68ce8ac) computes them, without classes that no target holds."""
    tp = counts[:, range(3), range(3)].astype(float)
    fn, fp = counts.sum(axis=2) - tp, counts[:, :, :-1].sum(axis=1) - tp
    active = counts.sum(axis=2) > 0
    with np.errstate(invalid="ignore"):
        iou = tp / (tp + fp + fn)
    if by_class:
        means = []
        for c in range(3):
            column = np.sort(iou[active[:, c], c])
            if len(column):
                number = len(column) if share is None else max(1, int(share / 100 * len(column)))
                means.append(column[:number].mean())
        return float(np.mean(means))
    kept = active.any(axis=1)  # "if label_i.size(1) < 1: continue"
    value = np.sort(np.where(active, iou, 0).sum(axis=1)[kept] / active.sum(axis=1)[kept])
    number = len(value) if share is None else max(1, int(share / 100 * len(value)))
    return float(value[:number].mean())


cells = st.lists(st.lists(st.integers(0, 20) | st.just(0), min_size=12, max_size=12), min_size=1, max_size=60)


@settings(deadline=None)
@given(cells)
def test_means_are_those_of_the_paper(rows: list[list[int]]) -> None:
    counts = np.array(rows, np.int64).reshape(-1, 3, 4)
    counts[0, 0, 0] += 1
    found = means_of(counts)
    assert found["mIoU^D"] == pytest.approx(score(ConfusionMatrix(LABELS, counts.sum(axis=0))).miou)
    for letter, by_class in (("I", False), ("C", True)):
        assert found[f"mIoU^{letter}"] == pytest.approx(jdt_losses(counts, None, by_class=by_class))
        for share in (5, 1):
            assert found[f"mIoU^{letter}, worst {share} %"] == pytest.approx(jdt_losses(counts, share, by_class=by_class))


def test_an_example_that_is_computed_by_hand() -> None:
    first = [[8, 2, 0, 0], [0, 10, 0, 0], [0, 0, 0, 0]]  # 8/10, 10/12
    second = [[5, 0, 0, 5], [0, 0, 0, 0], [0, 0, 0, 0]]  # 5/10; class 1 and 2 are not there
    third = [[0, 0, 0, 0], [0, 6, 4, 0], [0, 0, 0, 0]]  # 6/10; class 2 is predicted, and no class of this image
    found = means_of(np.array([first, second, third]))
    assert found["mIoU^D"] == pytest.approx((13 / 20 + 16 / 22 + 0) / 3)
    assert found["mIoU^I"] == pytest.approx(((8 / 10 + 10 / 12) / 2 + 5 / 10 + 6 / 10) / 3)
    assert found["mIoU^C"] == pytest.approx(((8 / 10 + 5 / 10) / 2 + (10 / 12 + 6 / 10) / 2) / 2)
    assert found["mIoU^I, worst 5 %"] == pytest.approx(5 / 10)
    assert found["mIoU^C, worst 1 %"] == pytest.approx((5 / 10 + 6 / 10) / 2)


@pytest.mark.parametrize(
    ("images", "share", "number"), [(1, 5, 1), (19, 5, 1), (39, 5, 1), (40, 5, 2), (60, 5, 3), (199, 1, 1), (200, 1, 2)]
)
def test_the_worst_images_are_so_many_rounded_down_and_one_at_least(images: int, share: int, number: int) -> None:
    ious = np.arange(images) / images
    assert lowest(ious, np.ones((1, images)), share).tolist() == [pytest.approx(ious[:number].mean())]


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 80))
def test_an_image_that_is_drawn_twice_is_two_images(seed: int, images: int) -> None:
    rng = np.random.default_rng(seed)
    ious, weights = rng.random(images), rng.integers(0, 4, (5, images)).astype(float)
    ious[rng.random(images) < 0.2] = np.nan
    for share in (1, 5, 30, 100):
        for row, value in zip(weights, lowest(ious, weights, share), strict=True):
            drawn = np.sort(np.repeat(ious, row.astype(int))[~np.isnan(np.repeat(ious, row.astype(int)))])
            expected = drawn[: max(1, share * len(drawn) // 100)].mean() if len(drawn) else math.nan
            assert value == pytest.approx(expected, nan_ok=True)


def test_every_convention_of_an_empty_image_is_told() -> None:
    """Class 1 is the foreground: hit half, in neither map, and predicted where the target has none."""
    half, empty, false = [[0, 0, 0, 0], [2, 2, 0, 0], [0, 0, 0, 0]], [[9, 0, 0, 0], [0] * 4, [0] * 4], [[5, 5, 0, 0], [0] * 4, [0] * 4]
    found = means_of(np.array([half, empty, false]), asked=Asked(foreground=[1]))
    dice = 2 * 2 / (4 + 2)
    assert found["Dice over pixels"] == pytest.approx(2 * 2 / (4 + 7))
    assert found["IoU over pixels"] == pytest.approx(2 / 9)
    assert found["Dice per image, in neither target nor prediction: left out"] == pytest.approx((dice + 0) / 2)
    assert found["Dice per image, in neither target nor prediction: 1"] == pytest.approx((dice + 1 + 0) / 3)
    assert found["Dice per image, in neither target nor prediction: 0"] == pytest.approx(dice / 3)
    assert found[f"Dice per image, {OF_TARGETS}"] == pytest.approx(dice)
    assert found[f"IoU per image, {OF_TARGETS}"] == pytest.approx(2 / 4)
    grouped = means_of(np.array([half, empty, false]), asked=Asked(foreground=[1]), groups=["a", "b", "a"], unit="patients")
    assert grouped[f"Dice per group of patients, {OF_TARGETS}"] == pytest.approx(2 * 2 / (4 + 7))
    assert grouped["Dice per group of patients, in neither target nor prediction: 1"] == pytest.approx((4 / 11 + 1) / 2)
    assert grouped[f"Dice per image, {OF_TARGETS}"] == pytest.approx(dice)


def test_classes_that_are_left_out_of_the_mean_are_still_errors_of_the_others() -> None:
    counts = np.array([[[8, 2, 0, 0], [3, 7, 0, 0], [0, 0, 5, 0]]])
    found = means_of(counts, asked=Asked(over=[0, 2]))
    assert found["mIoU^D"] == pytest.approx((8 / 13 + 1) / 2)
    assert found["mIoU^I"] == pytest.approx((8 / 13 + 1) / 2)


def test_intervals_hold_the_values_and_neither_the_order_of_images_nor_of_groups_moves_them() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 30, (40, 3, 4))
    groups = [f"g{i % 7}" for i in range(40)]
    turned = rng.permutation(40)
    for named in ({}, {"groups": groups}):
        one = fine_means(LABELS, PerImage(counts), replicates=300, **named)
        other = fine_means(LABELS, PerImage(counts[turned]), replicates=300, **{k: [v[i] for i in turned] for k, v in named.items()})
        for mean, same in zip(one.fine + one.of_foreground, other.fine + other.of_foreground, strict=True):
            assert mean.value == pytest.approx(same.value)
            assert mean.interval == pytest.approx(same.interval)
            if "worst" not in mean.name:
                assert mean.interval[0] < mean.value < mean.interval[1]
        assert one.units == (7 if named else 40)


def test_differences_are_of_the_same_draws() -> None:
    rng = np.random.default_rng(1)
    a = rng.integers(1, 30, (30, 3, 4))
    b = a.copy()
    b[:, 0, 0] -= 1
    b[:, 0, 1] += 1  # a pixel worse in every image
    alone = [fine_means(LABELS, PerImage(each), replicates=200) for each in (a, b)]
    found = mean_differences(LABELS, PerImage(a), PerImage(b), replicates=200)
    for name, one, other, apart in zip(values(alone[0]), alone[0].fine, alone[1].fine, found, strict=False):
        assert apart.name == name
        assert apart.value == pytest.approx(one.value - other.value)
        assert 0 < apart.interval[0] <= apart.value * 1.5 + 1e-9
        assert apart.interval[1] - apart.interval[0] < one.interval[1] - one.interval[0]
    back = mean_differences(LABELS, PerImage(b), PerImage(a), replicates=200)
    assert [each.value for each in back] == pytest.approx([-each.value for each in found])
    assert back[0].interval[0] == pytest.approx(-found[0].interval[1])
    assert all(each.value == 0 for each in mean_differences(LABELS, PerImage(a), PerImage(a), replicates=10))
    with pytest.raises(ValueError, match="have other targets"):
        mean_differences(LABELS, PerImage(a), PerImage(a[::-1].copy()))


def test_one_image_has_no_interval() -> None:
    found = fine_means(LABELS, PerImage(np.ones((1, 3, 4), np.int64)), replicates=FEW)
    assert all(math.isnan(bound) for each in found.fine for bound in each.interval)
