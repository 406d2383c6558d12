from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from segbench.errors import DataError, LabelError
from segbench.kernels.counting import count_pairs
from segbench.labels.encodings import FOREIGN
from segbench.labels.mapping import LabelMapping, MappingRule, describe_mapping, outside_id, read_mapping
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.scores import score


def space(name: str, *classes: str, first: int = 0, void: tuple[int, ...] = ()) -> LabelSpace:
    labels = tuple(LabelClass(each, (first + index,), (index, 0, 0)) for index, each in enumerate(classes))
    return LabelSpace(name, labels, tuple(LabelClass(f"void {i}", (i,), (0, 0, 0)) for i in void))


STREET = space("street", "road", "traffic light", "vegetation", "person", "car", "train", first=10, void=(0,))
MODEL = space("model", "wall", "tree", "grass", "Traffic-Light", "person", "car", "van", "road")


def between(source: LabelSpace = MODEL, target: LabelSpace = STREET, **rule: object) -> LabelMapping:
    return MappingRule("rule", **rule).between(source, target)  # type: ignore[arg-type]


def stands_for(mapping: LabelMapping) -> dict[str, str]:
    names = (*mapping.target.class_names, "outside")
    return {name: names[index] for name, index in zip(mapping.source.class_names, mapping.target_of, strict=True)}


def test_names_are_equal_whatever_their_case_spaces_hyphens_and_underscores() -> None:
    source = space("other", "ROAD", "traffic_light", "Vegetation", "per-son", "trafficlight")
    assert list(stands_for(between(source)).values()) == ["road", "traffic light", "vegetation", "person", "traffic light"]


def test_classes_that_stand_for_nothing_are_outside_and_classes_not_covered_are_void() -> None:
    mapping = between()
    assert stands_for(mapping) == {
        **dict.fromkeys(("wall", "tree", "grass", "van"), "outside"),
        **{"Traffic-Light": "traffic light", "person": "person", "car": "car", "road": "road"},
    }
    assert mapping.compared.class_names == ("road", "traffic light", "person", "car")
    assert mapping.compared.name == "street-4of6"
    assert [label.name for label in mapping.compared.void] == ["void 0", "vegetation", "train"]
    assert set(mapping.compared.known_ids) == set(STREET.known_ids)


def test_yaml_merges_drops_and_overrides(tmp_path: Path) -> None:
    path = tmp_path / "model-to-street.yaml"
    path.write_text("classes:\n  vegetation: [tree, grass]\n  car: [car, van]\n  person: []\ndrop: [road]\n")
    rule = read_mapping(str(path))
    assert rule.name == "model-to-street"
    mapping = rule.between(MODEL, STREET)
    assert stands_for(mapping) == {
        "wall": "outside",
        **dict.fromkeys(("tree", "grass"), "vegetation"),
        "Traffic-Light": "traffic light",
        **{"person": "outside", "car": "car", "van": "car", "road": "outside"},
    }
    assert mapping.facts() == {
        "rule": "model-to-street",
        "source": "model",
        "classes": {"traffic light": ["Traffic-Light"], "vegetation": ["tree", "grass"], "car": ["car", "van"]},
        "outside": ["wall", "person", "road"],
        "uncovered": "void",
        "uncovered_classes": ["road", "person", "train"],
    }


def test_a_class_named_for_one_target_does_not_stand_for_its_own_name_too() -> None:
    assert stands_for(between(classes={"vegetation": ("car",)}))["car"] == "vegetation"


def test_without_names_only_what_is_written_counts() -> None:
    mapping = between(by_name=False, classes={"road": ("road",)})
    assert [name for name, target in stands_for(mapping).items() if target != "outside"] == ["road"]


def test_uncovered_classes_may_be_wrong_instead_of_void() -> None:
    mapping = between(uncovered="wrong")
    assert mapping.compared == STREET
    assert mapping.facts()["uncovered_classes"] == ["vegetation", "train"]


def pairs_of(target: list[int], pred: list[int]) -> NDArray[np.int64]:
    return count_pairs(np.array([target], np.uint8), np.array([pred], np.uint8))


def folded(mapping: LabelMapping, pairs: NDArray[np.int64]) -> ConfusionMatrix:
    return ConfusionMatrix.from_pairs(mapping.compared, mapping.fold(pairs), mapping.compared.index_from(mapping.target))


def test_how_pixels_count_is_what_the_module_says() -> None:
    # road as road, road as wall (outside), person as car, vegetation (not covered) as road, void as car
    pairs = pairs_of([10, 10, 13, 12, 0], [7, 0, 5, 7, 5])
    cm = folded(between(), pairs)
    assert cm.counts.tolist() == [[1, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0]]
    assert score(cm).class_iou.tolist()[0] == 0.5
    wrong = folded(between(uncovered="wrong"), pairs)
    assert score(wrong).class_iou.tolist()[:3] == [pytest.approx(1 / 3), pytest.approx(np.nan, nan_ok=True), 0.0]


@given(st.integers(0, 2**32 - 1))
def test_counting_mapped_pixels_is_mapping_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rule = {"classes": {"vegetation": ("tree", "grass")}, "uncovered": ("void", "wrong")[seed % 2]}
    mapping = between(**rule)
    target, pred = rng.choice([0, *range(10, 16)], 50).astype(np.uint8), rng.integers(0, 8, 50).astype(np.uint8)
    pixelwise = count_pairs(target[None], mapping.pred_index[pred][None])
    np.testing.assert_array_equal(pixelwise, mapping.fold(count_pairs(target[None], pred[None])))


@given(st.permutations(range(6)))
def test_the_order_of_the_models_classes_does_not_matter(order: list[int]) -> None:
    shuffled = space("shuffled", *(STREET.class_names[i] for i in order))
    mapping = MappingRule().between(shuffled, STREET)
    assert mapping.compared == STREET
    truth = [10, 11, 12, 13, 14, 15]
    assert score(folded(mapping, pairs_of(truth, [order.index(i) for i in range(6)]))).miou == 1


def test_label_ids_of_predictions_become_label_ids_of_targets() -> None:
    source = space("ids", "car", "wall", "road", first=100, void=(99,))
    table = MappingRule().between(source, STREET).id_of_byte("ids")
    assert table[[100, 101, 102, 99, 98]].tolist() == [14, 0, 10, 0, FOREIGN]
    train = MappingRule().between(source, STREET).id_of_byte("train-ids")
    assert train[[0, 1, 2, 255, 3]].tolist() == [14, 0, 10, 0, FOREIGN]


def test_without_void_what_is_outside_gets_an_id_that_nobody_owns() -> None:
    assert outside_id(STREET) == 0
    assert outside_id(space("full", "a", "b")) == 2


def test_the_signature_tells_rules_and_compared_classes_apart_and_nothing_else() -> None:
    other_order = space("again", *reversed(MODEL.class_names))
    assert between().signature == between(other_order).signature
    assert between().signature.startswith("rule-")
    signatures = {
        between().signature,
        between(uncovered="wrong").signature,
        between(drop=("wall",)).signature,
        between(classes={"vegetation": ("tree",)}).signature,
        between(space("fewer", "road", "car")).signature,
        MappingRule().between(MODEL, STREET).signature,
    }
    assert len(signatures) == 6


@pytest.mark.parametrize(
    ("rule", "problems"),
    [
        ({"classes": {"vegetaton": ("tree",)}}, ["'street' has no class 'vegetaton'; did you mean 'vegetation'?"]),
        ({"classes": {"car": ("vann", "trea")}}, ["'model' has no class 'vann'; did you mean 'van'?", "no class 'trea'; did you"]),
        ({"drop": ("boat",)}, ["'model' has no class 'boat'"]),
        ({"classes": {"car": ("van",), "train": ("van",)}}, ["'van' stands there twice"]),
        ({"classes": {"car": ("van",)}, "drop": ("van",)}, ["'van' stands there twice"]),
    ],
)
def test_everything_that_is_wrong_with_a_rule_is_named(rule: dict[str, object], problems: list[str]) -> None:
    with pytest.raises(LabelError) as error:
        between(**rule)
    for problem in problems:
        assert problem in str(error.value)


def test_a_name_that_fits_two_classes_decides_nothing() -> None:
    target = space("twins", "trafficlight", "traffic light", "road")
    with pytest.raises(LabelError, match="'trafficlight' fits two classes of 'twins'; say which"):
        MappingRule().between(MODEL, target)
    assert (
        stands_for(MappingRule("x", classes={"traffic light": ("Traffic-Light",)}).between(MODEL, target))["Traffic-Light"]
        == "traffic light"
    )


def test_nothing_in_common_is_an_error_that_shows_how_to_write_the_file() -> None:
    with pytest.raises(
        LabelError, match=r"no class of 'animals' stands for one of 'street'.*classes: \{road: \[cat\], \.\.\.\}.*--map FILE"
    ):
        MappingRule().between(space("animals", "cat", "dog"), STREET)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", "1: mapping must be a mapping of by_name, classes, drop, uncovered"),
        ("class: {}", "1: mapping has no key 'class'; did you mean 'classes'?"),
        ("by_name: maybe", "1: by_name: 'maybe' is not true or false"),
        ("classes: [road]", "1: classes: this must be a mapping of names"),
        ("classes:\n  road: 3", "2: road: 3 is not a list of class names"),
        ("drop: {a: b}", "1: drop: .* is not a list of class names"),
        ("uncovered: ignore", "1: uncovered: 'ignore' is none of void, wrong"),
        ("classes: [", "1: "),
    ],
)
def test_a_mapping_file_that_means_nothing_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"m\.yaml:{problem}"):
        read_mapping(str(path))


def test_a_missing_file_says_what_may_stand_there() -> None:
    with pytest.raises(DataError, match=r"nowhere\.yaml: no such file\n.*--map takes a YAML file, or by-name"):
        read_mapping("nowhere.yaml")


def test_people_are_told_what_is_compared_and_how_the_rest_counts() -> None:
    assert describe_mapping(between(classes={"train": ("van",)})) == (
        "5 of 6 classes of street covered by model (rule); 1 are not evaluated: vegetation; "
        "predictions of 3 classes are false negatives: wall, tree, grass"
    )
    assert "1 count as wrong: vegetation" in describe_mapping(between(classes={"train": ("van",)}, uncovered="wrong"))
    assert "scores of 3 classes are left out: wall" in describe_mapping(between(classes={"train": ("van",)}), masked=True)
