"""Differences of two models by the jackknife: as good as drawn ones on simulated data, and nothing is held of all units."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from segbench.cli.main import main
from segbench.labels.space import numbered_labels
from segbench.metrics import influence
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.matrices import CellLog, Matrices
from segbench.metrics.paired import jackknife_differences, paired_differences, paired_p_value
from segbench.metrics.per_image import PerImage
from segbench.metrics.ranking import shared_ranks
from segbench.metrics.scores import score
from segbench.metrics.seeds import compare_seeds
from segbench.metrics.uncertainty import compare, score_p_value
from segbench.report.pages.image_sums import image_sums
from tests.metrics.test_per_image import CATEGORISED, matrices
from tests.metrics.test_seeds import LABELS, simulated
from tests.metrics.test_uncertainty import INSTANCES, THREE, better, counted, street
from tests.records.test_comparison import matrices as record_matrices
from tests.records.test_comparison import record_file


def test_the_interval_of_95_per_cent_covers_the_true_difference_in_93_to_97_per_cent_of_data_sets() -> None:
    rng = np.random.default_rng(11)
    many = street(rng, 200_000)
    truth = [score(ConfusionMatrix(THREE, each.sum(axis=0))) for each in (better(many, rng, 0.1), many)]
    inside = dict.fromkeys(("miou", "acc", "fwiou", "class_iou"), 0.0)
    trials = 600
    for _ in range(trials):
        images = street(rng, 200)
        found = jackknife_differences(THREE, PerImage(better(images, rng, 0.1)), PerImage(images))
        for name in inside:
            low, high = np.moveaxis(found.intervals.bounds[name], -1, 0)
            difference = getattr(truth[0], name) - getattr(truth[1], name)
            inside[name] += float(np.mean((low <= difference) & (difference <= high))) / trials
    assert all(0.93 <= share <= 0.97 for share in inside.values()), inside


def test_models_that_are_alike_are_called_different_in_5_per_cent_of_comparisons() -> None:
    rng, small, trials = np.random.default_rng(6), 0, 600
    for _ in range(trials):
        base = street(rng, 100, pixels=300)
        a, b = (PerImage(better(base, rng, 0.1)) for _ in range(2))
        small += float(jackknife_differences(THREE, a, b).p_value["miou"]) <= 0.05
    assert 0.03 <= small / trials <= 0.07


def test_of_many_images_the_jackknife_says_what_is_drawn() -> None:
    a = counted(0, 3000)
    b = replace(a, counts=a.confusion[:, :, [1, 0, *range(2, a.confusion.shape[2])]])
    drawn, pulled = compare(INSTANCES, a, b, replicates=2000), jackknife_differences(INSTANCES, a, b)
    assert drawn.difference.keys() == pulled.difference.keys() == pulled.p_value.keys()
    for name in drawn.difference:
        np.testing.assert_allclose(pulled.difference[name], drawn.difference[name], atol=1e-9, err_msg=name)
        np.testing.assert_allclose(pulled.intervals.half_width(name), drawn.intervals.half_width(name), rtol=0.1, atol=1e-6, err_msg=name)
        np.testing.assert_array_equal(pulled.intervals.bounds[name], pulled.interval(name, 0.95))
    assert (pulled.interval("miou", 0.99)[0] < pulled.interval("miou", 0.95)[0]).all()


def test_twins_differ_by_nothing_with_p_1_and_the_other_way_round_the_sign_changes() -> None:
    rng = np.random.default_rng(3)
    images = street(rng, 60)
    a, b = PerImage(images), PerImage(better(images, rng, 0.05))
    same, there, back = (jackknife_differences(THREE, *pair) for pair in ((a, a), (a, b), (b, a)))
    for name in there.difference:
        assert (same.p_value[name] == 1).all()
        assert (same.intervals.bounds[name] == 0).all()
        np.testing.assert_allclose(there.p_value[name], back.p_value[name])
        np.testing.assert_allclose(there.intervals.bounds[name], -back.intervals.bounds[name][..., ::-1])


def test_groups_are_the_units_and_a_class_of_one_unit_has_neither_interval_nor_p() -> None:
    images = matrices(0, 60, len(CATEGORISED.classes))
    images[:, 1], images[:, :, 1] = 0, 0
    images[0, 1, 1] = 5
    other = images.copy()
    other[:, 0, [0, 2]] = images[:, 0, [2, 0]]
    groups = [i // 3 for i in range(60)]
    found = jackknife_differences(CATEGORISED, PerImage(images), PerImage(other), groups=groups, unit="cities")
    drawn = compare(CATEGORISED, images, other, groups=groups, unit="cities")
    assert (found.intervals.units, found.unit, found.intervals.method, found.intervals.replicates) == (20, "cities", "jackknife", 0)
    for name in drawn.intervals.bounds:
        assert np.array_equal(np.isnan(found.intervals.bounds[name]), np.isnan(drawn.intervals.bounds[name])), name
        assert np.array_equal(np.isnan(found.p_value[name]), np.isnan(found.intervals.bounds[name][..., 0])), name
    assert np.isnan(found.p_value["class_iou"][1])
    with pytest.raises(ValueError, match="images have other targets"):
        jackknife_differences(CATEGORISED, PerImage(images), PerImage(images[::-1].copy()))


def test_many_units_are_not_drawn_unless_somebody_insists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influence, "MANY_UNITS", 20)
    rng = np.random.default_rng(0)
    images = street(rng, 21)
    a, b = PerImage(better(images, rng, 0.3)), PerImage(images)
    assert paired_differences(THREE, a, b).intervals.method == "jackknife"
    insisted = paired_differences(THREE, a, b, replicates=50)
    assert (insisted.intervals.method, insisted.intervals.replicates) == ("bootstrap", 50)
    few = PerImage(images[:20])
    assert paired_differences(THREE, few, few).intervals.method == "bootstrap"
    assert paired_p_value(THREE, a, b) == jackknife_differences(THREE, a, b).p_value["miou"]
    assert paired_p_value(THREE, a, b, score="acc") == jackknife_differences(THREE, a, b).p_value["acc"]
    assert paired_p_value(THREE, few, few) == score_p_value(THREE, few, few) == 1
    assert shared_ranks(THREE, [b, a, PerImage(images)]) == [2, 1, 2]


def test_seeds_by_the_jackknife_are_those_of_the_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = simulated(np.random.default_rng(1), (3, 4), 400, (0.05, 0.01, 0.03))
    drawn = compare_seeds(LABELS, a, b)
    monkeypatch.setattr(influence, "MANY_UNITS", 399)
    pulled, insisted = compare_seeds(LABELS, a, b), compare_seeds(LABELS, a, b, replicates=2000)
    assert (drawn.drawn.method, pulled.drawn.method, pulled.drawn.replicates) == ("bootstrap", "jackknife", 0)
    assert insisted.drawn == drawn.drawn
    for name in drawn.spread:
        np.testing.assert_allclose(pulled.difference[name], drawn.difference[name])
        np.testing.assert_allclose(pulled.spread[name].images, drawn.spread[name].images, rtol=0.2)
        np.testing.assert_allclose(insisted.spread[name].images, drawn.spread[name].images)


def test_50_000_units_are_compared_without_an_array_of_them_all() -> None:
    units, classes = 50_000, 150
    index = np.arange(units, dtype=np.int64)
    hit, missed = index % classes * (classes + 2), index % classes * (classes + 1) + (index + 1) % classes
    cells = np.stack([hit, missed], axis=1).reshape(-1)
    sides = []
    for seed in range(2):
        right = np.random.default_rng(seed).integers(1, 100, units)
        log = CellLog.of(2 * (index + 1), cells, np.stack([right, 100 - right], axis=1).reshape(-1))
        sides.append(PerImage(Matrices(log, classes, classes + 1)))
    labels = numbered_labels(classes)
    tracemalloc.start()
    found, p = paired_differences(labels, *sides), paired_p_value(labels, *sides)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.intervals.method == "jackknife"
    assert 0 < p == pytest.approx(float(found.p_value["miou"]))
    assert peak < 3 * classes * units * 8 / 4, "a quarter of the sums of all units"


def test_commands_say_by_which_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influence, "MANY_UNITS", 3)
    a, b = record_file(tmp_path, "a", record_matrices(12)), record_file(tmp_path, "b", record_matrices())

    def said(*options: str) -> str:
        done = CliRunner().invoke(main, ["compare", str(a), str(b), *options], catch_exceptions=False)
        assert done.exit_code == 0
        return " ".join(done.output.split())

    assert "paired infinitesimal jackknife over" in said()
    assert "--replicates N draws a bootstrap instead" in said()
    assert "paired bootstrap over" in said("--replicates", "100")
    assert "Paired infinitesimal jackknife over" in said("--markdown")
    assert '"method": "jackknife"' in said("--json")
    assert "gate miou > -99 @99: open" in said("--gate", "miou > -99 @99")


def test_a_page_draws_no_more_images_than_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = record_file(tmp_path, "a", record_matrices()).with_suffix(".npz")
    assert image_sums([file]).sums[0]
    monkeypatch.setattr("segbench.report.pages.image_sums.MANY_UNITS", 3)
    assert image_sums([file]).sums == [None]
