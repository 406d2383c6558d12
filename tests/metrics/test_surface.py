"""Surface Dice and boundary F against SciPy's erosion and distance transform, one class after another."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from segbench.files.json_text import dump_json
from segbench.kernels.surface_counting import count_surfaces
from segbench.labels.decoding import Decoding
from segbench.metrics.counting import count_maps
from segbench.metrics.extras import STATISTICS
from segbench.metrics.image_counts import Counted, Counting, ImageCounts
from segbench.metrics.jackknife import jackknife
from segbench.metrics.per_image import kind_of, totals
from segbench.metrics.surface import Surfaces, parse_tolerances, tolerance_pixels
from segbench.metrics.uncertainty import Intervals, bootstrap
from tests.metrics.test_boundary_iou import blobs
from tests.tiny import LABELS

Map = NDArray[np.uint8]
PLAIN = np.arange(256, dtype=np.uint8)
TOLERANCES = (0, 1, 2.5, 0.1, 40)
IDS = np.array([*(label.ids[0] for label in LABELS.classes), *LABELS.void[0].ids[:1]], np.uint8)


def boundary(mask: NDArray[np.bool_], void: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What erosion by a cross takes away; beyond the image there is nothing, and void is part of every mask."""
    edge: NDArray[np.bool_] = mask & ~void & ~binary_erosion(mask | void)
    return edge


def plain_counts(target: Map, pred: Map, classes: int, tolerances: list[float]) -> NDArray[np.int64]:
    void, rows = target >= classes, []
    for c in range(classes):
        edges = boundary(target == c, void), boundary(pred == c, void)
        away = [distance_transform_edt(~edge) if edge.any() else np.full(edge.shape, math.inf) for edge in edges]
        near = [int((away[1 - side][edges[side]] <= each).sum()) for each in tolerances for side in (0, 1)]
        rows.append([*(int(edge.sum()) for edge in edges), *near])
    return np.array(rows)


def maps(seed: int, void: bool = True) -> tuple[Map, Map]:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(1, 40)), int(rng.integers(1, 40)))
    target = blobs(rng, shape, 3 + void, int(rng.integers(0, 9)))
    pred = np.where(rng.random(shape) < 0.02, rng.integers(0, 4, shape), np.roll(target, int(rng.integers(0, 3)), 1)).astype(np.uint8)
    return target, pred


@given(st.integers(0, 10**6))
def test_counts_are_those_of_erosion_and_the_distance_transform(seed: int) -> None:
    target, pred = maps(seed)
    tolerances = [0, 1, 1.5, 2.5, 7, 1000]
    found = count_surfaces(target, pred, PLAIN, PLAIN, 3, tolerances)
    assert found.tolist() == plain_counts(target, np.minimum(pred, 3), 3, tolerances).tolist()


def test_a_prediction_of_no_class_has_no_boundary_and_makes_one() -> None:
    target, pred = np.zeros((5, 5), np.uint8), np.zeros((5, 5), np.uint8)
    pred[2, 2] = 77
    found = count_surfaces(target, pred, PLAIN, PLAIN, 1, [0])
    assert found.tolist() == [[16, 20, 16, 16]]


@given(st.integers(0, 10**6))
def test_void_target_pixels_never_matter(seed: int) -> None:
    target, pred = maps(seed)
    other = np.where(target >= 3, np.random.default_rng(seed).integers(0, 4, target.shape), pred).astype(np.uint8)
    assert np.array_equal(*(count_surfaces(target, each, PLAIN, PLAIN, 3, [1, 4]) for each in (pred, other)))


@given(st.integers(0, 10**6), st.permutations(range(3)))
def test_permuting_classes_permutes_counts_and_swapping_the_maps_swaps_sides(seed: int, order: list[int]) -> None:
    target, pred = maps(seed, void=False)
    found = count_surfaces(target, pred, PLAIN, PLAIN, 3, [2])
    index = PLAIN.copy()
    index[:3] = order
    assert np.array_equal(count_surfaces(target, pred, index, index, 3, [2])[order], found)
    pred = np.minimum(pred, 2)
    swapped = count_surfaces(pred, target, PLAIN, PLAIN, 3, [2])
    assert np.array_equal(swapped[:, [1, 0, 3, 2]], count_surfaces(target, pred, PLAIN, PLAIN, 3, [2]))


@pytest.mark.parametrize(
    ("pred", "tolerances", "said"), [((3, 4), [1], "two maps of one size"), ((3, 3), [-1], "a tolerance is 0 to 1048576")]
)
def test_other_sizes_and_tolerances_are_refused(pred: tuple[int, int], tolerances: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        count_surfaces(np.zeros((3, 3), np.uint8), np.zeros(pred, np.uint8), PLAIN, PLAIN, 1, tolerances)


def test_maps_without_pixels_have_no_boundary() -> None:
    assert not count_surfaces(np.zeros((0, 3), np.uint8), np.zeros((0, 3), np.uint8), PLAIN, PLAIN, 2, [1]).any()


COUNTING = Counting(Decoding.of_files(LABELS), surface=TOLERANCES)


def items(seed: int, number: int) -> list[tuple[str, ImageCounts]]:
    found = []
    for each in range(number):
        target, pred = maps(seed + each)
        found.append((f"{each:02d}", count_maps(COUNTING, IDS[np.minimum(target, 3)], IDS[np.minimum(pred, 2)])))
    return found


def surfaces(counted: Counted) -> Surfaces:
    assert counted.total.surface is not None
    return counted.total.surface


def test_scores_are_the_formulas_of_the_papers() -> None:
    images = items(5, 6)
    counted = Counted.of(COUNTING, images)
    scores = surfaces(counted).scores(LABELS)
    counts = np.stack([counts.surface.at(1) for _, counts in images if counts.surface is not None]).astype(float)
    for c in range(3):
        t, p, near_t, near_p = counts.sum(axis=0)[c]
        precision, recall = near_p / p, near_t / t
        assert scores["class_nsd_1"][c] == pytest.approx((near_t + near_p) / (t + p), rel=1e-12)
        assert scores["class_boundary_f_1"][c] == pytest.approx(2 * precision * recall / (precision + recall), rel=1e-12)
        own = [(near_t + near_p) / (t + p) for t, p, near_t, near_p in counts[:, c] if t + p]
        assert scores["class_image_nsd_1"][c] == pytest.approx(np.mean(own), rel=1e-12)
        f = [2 * a * b / (a * t + b * p) if min(t, p, a, b) else 0.0 for t, p, b, a in counts[:, c] if t + p]
        assert scores["class_image_boundary_f_1"][c] == pytest.approx(np.mean(f), rel=1e-12)
    assert scores["nsd_1"] == pytest.approx(scores["class_nsd_1"].mean(), rel=1e-12)


def test_a_class_that_one_map_alone_has_is_0_and_one_that_neither_has_is_left_out() -> None:
    none, all_of_it, some = np.full((4, 4), IDS[0]), np.full((4, 4), IDS[1]), np.full((4, 4), IDS[0])
    some[:2] = IDS[1]
    counted = Counted.of(COUNTING, [("a", count_maps(COUNTING, none, none)), ("b", count_maps(COUNTING, none, some))])
    scores = surfaces(counted).scores(LABELS)
    assert scores["class_image_nsd_0"][1] == scores["class_image_boundary_f_0"][1] == scores["class_nsd_0"][1] == 0
    assert math.isnan(scores["class_nsd_0"][2])
    assert math.isnan(scores["class_image_boundary_f_0"][2])
    assert scores["class_image_nsd_0"][0] < 1
    same = Counted.of(COUNTING, [("a", count_maps(COUNTING, all_of_it, all_of_it))])
    assert surfaces(same).scores(LABELS)["nsd_0"] == surfaces(same).scores(LABELS)["boundary_f_0"] == 1


def test_a_record_and_its_images_give_the_same_scores_and_intervals_hold_them() -> None:
    counted = Counted.of(COUNTING, items(9, 12))
    own, of_images = surfaces(counted).scores(LABELS), totals(LABELS, counted.per_image)
    assert {name for name in of_images if name.startswith("class_image_nsd")} == {f"class_image_nsd_{each:g}" for each in TOLERANCES}
    for name, values in own.items():
        np.testing.assert_allclose(of_images[name], values, rtol=1e-12)
    found = bootstrap(LABELS, counted.per_image, replicates=300)
    for intervals in (found, jackknife(LABELS, counted.per_image)):
        low, high = intervals.bounds["image_boundary_f_2.5"]
        assert low < own["image_boundary_f_2.5"] < high
    again = Intervals.from_dict(json.loads(dump_json(found.to_dict(LABELS))), LABELS)
    assert list(again.bounds) == list(found.bounds)
    assert kind_of("class_nsd_0.1") == "class"
    with pytest.raises(KeyError):
        kind_of("nsd_near")
    assert STATISTICS.known(["surface_x", "counts", "trimap", "surface_2.5"]) == ("trimap", "surface_2.5")


def test_counts_survive_json_and_any_parts_sum_to_the_same_bytes() -> None:
    images = items(3, 6)
    whole = Counted.of(COUNTING, images)
    read = [(name, ImageCounts.from_dict(json.loads(json.dumps(counts.to_dict())), 3)) for name, counts in images]
    assert dump_json(surfaces(Counted.of(COUNTING, read)).to_dict()) == dump_json(surfaces(whole).to_dict())
    assert "images" not in images[0][1].to_dict()["surface"]
    again = Surfaces.from_dict(json.loads(dump_json(surfaces(whole).to_dict())), 3)
    assert dump_json(again.to_dict()) == dump_json(surfaces(whole).to_dict())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target": [1, 2]}, "whole numbers"),
        ({"target": [0, 0, 0]}, "more boundary pixels near"),
        ({"tolerances": []}, "no tolerance"),
        ({"images": [0, 0, 0]}, "up to the number of images"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(change: dict[str, object], said: str) -> None:
    data = surfaces(Counted.of(COUNTING, items(3, 2))).to_dict()
    with pytest.raises(ValueError, match=said):
        Surfaces.from_dict(data | change, 3)


def test_tolerances_are_pixels_and_below_1_shares_of_the_diagonal() -> None:
    assert parse_tolerances("3,0.008,1") == (0.008, 1, 3)
    assert parse_tolerances([2.50, 0]) == (0, 2.5)
    assert parse_tolerances(3) == (3,)
    assert tolerance_pixels(0.008, (480, 854)) == 8  # 7.84, as DAVIS has it
    assert tolerance_pixels(0.5, (3000, 4000)) == 2500
    assert [tolerance_pixels(each, (9, 9)) for each in (0, 1, 2.5)] == [0, 1, 2.5]
    for wrong in ("", "a", "-1", "1001", "nan", [True], None, []):
        with pytest.raises(ValueError, match="no tolerance"):
            parse_tolerances(wrong)
