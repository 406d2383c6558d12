from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from segbench.datasets.cityscapes import INSTANCES, LABELS
from segbench.errors import LabelError
from segbench.kernels.counting import count_pairs
from segbench.kernels.instance_counting import count_by_instance
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.instance_iou import InstanceRule, InstanceScores, InstanceTable, instance_categories, instance_rows
from tests.golden.generated_set import draw_pair
from tests.oracles import weighted_instances

AVERAGE = {label.ids[0]: INSTANCES.average_size[label.name] for label in LABELS.classes if label.has_instances}
TABLE = InstanceTable(LABELS, INSTANCES)
HUMANS, VEHICLES = {24, 25}, {26, 27, 28, 29, 30, 31, 32, 33}
CATEGORY_IDS = {i: HUMANS if i in HUMANS else VEHICLES for i in AVERAGE}

Maps = tuple[NDArray[np.uint8], NDArray[np.uint16], NDArray[np.uint8]]


def scores_of(images: list[Maps]) -> InstanceScores:
    rows = [instance_rows(TABLE, *count_by_instance(instances, pred, INSTANCES.divisor)) for _, instances, pred in images]
    return InstanceScores(TABLE, np.concatenate([np.zeros((0, 4), np.int64), *rows]))


@given(st.integers(0, 10**6), st.integers(0, 3))
def test_weighted_counts_equal_a_straightforward_reimplementation_bit_for_bit(seed: int, images: int) -> None:
    maps = [draw_pair(seed, index, (16, 24)) for index in range(images)]
    of_class, of_category = weighted_instances([(i, p) for _, i, p in maps], AVERAGE, CATEGORY_IDS)
    ours = scores_of(maps)
    for index, label in enumerate(LABELS.classes):
        if label.has_instances:
            assert [*ours.of_class[label.name]] == of_class[int(LABELS.id_of_index[index])]
    for category, members in (("human", HUMANS), ("vehicle", VEHICLES)):
        for side, mine in enumerate(ours.of_category[category]):
            # The sums run over instances in ascending order, here by label id: only the order of additions differs.
            assert mine == pytest.approx(math.fsum(of_category[i][side] for i in members if i in AVERAGE), rel=1e-12)


@given(st.integers(0, 10**6))
def test_iiou_of_a_class_is_its_weighted_hits_over_hits_misses_and_plain_false_positives(seed: int) -> None:
    target, instances, pred = draw_pair(seed, 0, (24, 24))
    pairs = count_pairs(target, pred)
    iiou = scores_of([(target, instances, pred)]).class_iiou(ConfusionMatrix.from_pairs(LABELS, pairs))
    of_class, _ = weighted_instances([(instances, pred)], AVERAGE, CATEGORY_IDS)
    evaluated = set(LABELS.id_of_index.tolist())
    for label, (tp, fn) in of_class.items():
        fp = sum(t in evaluated and t != label and p == label for t, p in zip(target.ravel().tolist(), pred.ravel().tolist(), strict=True))
        expected = tp / (tp + fp + fn) if tp + fp + fn else math.nan
        assert iiou[LABELS.class_names[LABELS.index_of_id[label]]] == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


@given(
    hnp.arrays(np.uint16, (6, 7), elements=st.sampled_from([0, 7, 26, 999, 1000, 1001, 24001, 26000, 26001, 65535])),
    st.integers(0, 2**32 - 1),
)
def test_every_pixel_above_the_divisor_is_counted_once_under_its_instance(instances: NDArray[np.uint16], seed: int) -> None:
    pred = np.random.default_rng(seed).integers(0, 256, instances.shape, np.uint8)
    values, hits = count_by_instance(instances, pred, INSTANCES.divisor)
    assert values.tolist() == sorted(set(instances[instances > 1000].tolist()))
    for value, row in zip(values, hits, strict=True):
        assert np.array_equal(row, np.bincount(pred[instances == value], minlength=256))


def test_small_instances_weigh_as_much_as_large_ones() -> None:
    instances = np.zeros((1, 100), np.uint16)
    instances[0, :90], instances[0, 90:] = 26001, 26002
    pred = np.where(instances == 26001, 26, 0).astype(np.uint8)
    scores = scores_of([(np.full((1, 100), 26, np.uint8), instances, pred)])
    assert scores.of_class["car"] == pytest.approx([INSTANCES.average_size["car"]] * 2)


def test_groups_and_instances_of_ignored_classes_weigh_nothing() -> None:
    instances = np.uint16([[26, 29001, 30001, 9001]])
    scores = scores_of([(np.zeros((1, 4), np.uint8), instances, np.uint8([[26, 26, 26, 26]]))])
    assert set(scores.of_class.values()) == set(scores.of_category.values()) == {(0.0, 0.0)}


def test_a_car_predicted_as_a_trailer_is_a_hit_of_its_category() -> None:
    scores = scores_of([(np.uint8([[26]]), np.uint16([[26001]]), np.uint8([[30]]))])
    assert scores.of_class["car"][0] == 0.0
    assert scores.of_category["vehicle"][0] == INSTANCES.average_size["car"]


def test_a_trailer_predicted_on_road_is_a_false_positive_of_its_category() -> None:
    scores = scores_of([(np.uint8([[26, 7]]), np.uint16([[26001, 7]]), np.uint8([[26, 30]]))])
    tp = INSTANCES.average_size["car"]
    assert scores.category_iiou(count_pairs(np.uint8([[26, 7]]), np.uint8([[26, 30]])))["vehicle"] == tp / (tp + 1)


def test_only_categories_all_of_whose_labels_have_instances_have_iiou() -> None:
    assert instance_categories(LABELS) == {"human": sorted(HUMANS), "vehicle": sorted(VEHICLES)}


def test_without_instances_and_false_positives_iiou_is_undefined() -> None:
    iiou = scores_of([]).class_iiou(ConfusionMatrix.zero(LABELS))
    assert len(iiou) == 8
    assert all(map(math.isnan, iiou.values()))


@pytest.mark.parametrize("value", [7001, 34000, 65535])
def test_an_instance_of_a_label_without_instances_is_refused_and_named(value: int) -> None:
    with pytest.raises(LabelError, match=str(value)):
        instance_rows(TABLE, *count_by_instance(np.uint16([[value]]), np.uint8([[7]]), INSTANCES.divisor))


def test_a_class_with_an_average_size_but_without_instances_is_refused_and_named() -> None:
    labels = LabelSpace("odd", (LabelClass("car", (1,), (0, 0, 0), has_instances=False),))
    with pytest.raises(LabelError, match="1001"):
        instance_rows(InstanceTable(labels, InstanceRule(1000, {"car": 10.0})), np.array([1001]), np.ones((1, 256), np.int64))


def test_maps_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        count_by_instance(np.zeros((2, 3), np.uint16), np.zeros((3, 2), np.uint8), 1000)


def test_read_only_maps_are_counted() -> None:
    instances, pred = np.full((2, 2), 26001, np.uint16), np.full((2, 2), 26, np.uint8)
    instances.flags.writeable = pred.flags.writeable = False
    assert count_by_instance(instances, pred, 1000)[1][0, 26] == 4
