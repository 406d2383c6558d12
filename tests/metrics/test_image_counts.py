"""What one image gives, and what many give together, against counting the maps themselves."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segbench.datasets.cityscapes import INSTANCES, LABELS
from segbench.kernels.counting import count_pairs
from segbench.labels.decoding import Decoding
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.counting import count_maps
from segbench.metrics.image_counts import Counted, Counting, ImageCounts
from segbench.metrics.pair_counts import EMPTY, PairCounts
from segbench.metrics.region_scores import SegmentScores
from segbench.records.per_image import images_file
from tests.golden.generated_set import draw_pair

BESIDE = {"errors": 3, "trimap": True, "surface": (1, 0.1), "strata": 3}
COUNTING = Counting(Decoding.of_files(LABELS), boundary=0.02, instances=INSTANCES, segments="car", **BESIDE)


def images(seed: int, number: int) -> list[tuple[str, ImageCounts]]:
    maps = [draw_pair(seed, index, (16, 24)) for index in range(number)]
    return [(f"image {i}", count_maps(COUNTING, target, pred, instances)) for i, (target, instances, pred) in enumerate(maps)]


def plain(counts: ImageCounts) -> str:
    return json.dumps(counts.to_dict(), allow_nan=False)


@given(st.integers(0, 10**6))
def test_the_counts_of_an_image_survive_json(seed: int) -> None:
    ((_, counts),) = images(seed, 1)
    again = ImageCounts.from_dict(json.loads(plain(counts)), len(LABELS.classes))
    assert again.pairs.equals(counts.pairs)
    assert plain(again) == plain(counts)


@pytest.mark.parametrize(
    "counts",
    [ImageCounts(EMPTY), ImageCounts(EMPTY, problem="no prediction"), ImageCounts(EMPTY, segments=SegmentScores(math.nan, 0.25))],
    ids=["nothing", "a problem", "undefined scores"],
)
def test_what_was_not_counted_is_not_written(counts: ImageCounts) -> None:
    again = ImageCounts.from_dict(json.loads(plain(counts)), 3)
    assert (again.boundary, again.instances, again.problem) == (None, None, counts.problem)
    assert plain(again) == plain(counts)


@pytest.mark.parametrize("shape", [(256, 256), (3, 7), (1, 1), (0, 0)])
def test_pair_counts_hold_the_cells_that_occur(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, shape) * (rng.random(shape) < 0.1)
    pairs = PairCounts.of(counts)
    dense = np.zeros((256, 256), np.int64)
    dense[: shape[0], : shape[1]] = counts
    assert np.array_equal(pairs.dense(), dense)
    assert (np.diff(pairs.cells) > 0).all()
    assert (pairs.pixels > 0).all()
    assert PairCounts.from_rows(pairs.to_rows()).equals(pairs)


@given(st.integers(0, 10**6), st.integers(1, 4))
def test_many_images_are_the_sum_of_each(seed: int, number: int) -> None:
    maps = [draw_pair(seed, index, (16, 24)) for index in range(number)]
    counted = Counted.of(COUNTING, images(seed, number))
    pairs = [count_pairs(target, pred) for target, _, pred in maps]
    assert np.array_equal(counted.byte_pairs, sum(pairs))
    assert np.array_equal(counted.confusion.counts, ConfusionMatrix.from_pairs(LABELS, sum(pairs)).counts)
    assert np.array_equal([histogram for _, histogram in counted.target_histograms()], [each.sum(axis=1) for each in pairs])
    for matrix, each in zip(counted.confusions, pairs, strict=True):
        assert np.array_equal(matrix, ConfusionMatrix.from_pairs(LABELS, each).counts)
    per_image = counted.per_image
    beside, total = per_image.beside, counted.total
    assert counted.instances is not None
    assert total.boundary is not None
    assert np.array_equal(beside["boundary"].sum(axis=0), total.boundary.counts)
    assert total.errors is not None
    assert np.array_equal(beside["errors"].sum(axis=0), total.errors.counts)
    assert sum(total.errors.pixels.values()) == counted.confusion.counts.sum() - counted.confusion.counts.diagonal().sum()
    for name, sums in counted.instances.of_class.items():
        np.testing.assert_allclose(beside["instances"][:, LABELS.class_names.index(name)].sum(axis=0), sums, rtol=1e-12)


def test_what_one_image_lacks_is_not_told_of_all() -> None:
    first, *others = images(0, 3)
    counted = Counted.of(COUNTING, [("a", ImageCounts(first[1].pairs)), *others])
    assert (counted.total.counted, counted.instances, counted.per_image.extras) == ({}, None, ())


def test_foreign_bytes_are_a_problem_and_are_counted_all_the_same() -> None:
    target, pred = np.full((4, 4), 7, np.uint8), np.full((4, 4), 77, np.uint8)
    counts = count_maps(COUNTING, target, pred)
    assert counts.problem == "prediction ids [77] are not in 'cityscapes-19'"
    assert Counted.of(COUNTING, [("a", counts)]).byte_pairs[7, 77] == 16


def test_no_images_have_no_pixels() -> None:
    counted = Counted.of(COUNTING, [])
    assert counted.confusions.shape == (0, 19, 20)
    assert not counted.confusion.counts.any()
    assert math.isnan(counted.scores.miou)


@pytest.mark.parametrize(
    ("record", "beside"), [("net.json", "net.npz"), ("net.v2.json", "net.v2.npz"), ("net.v2", "net.v2.npz"), ("net", "net.npz")]
)
def test_what_lies_beside_a_record_has_its_whole_name(record: str, beside: str) -> None:
    assert images_file(Path("a.b") / record) == Path("a.b") / beside
