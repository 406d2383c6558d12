"""The infinitesimal jackknife: its coverage beside the bootstrap's, and when it is taken."""

import numpy as np
import pytest

from segbench.metrics import influence
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.jackknife import intervals, jackknife
from segbench.metrics.per_image import PerImage
from segbench.metrics.scores import score
from segbench.metrics.uncertainty import Intervals, bootstrap
from tests.metrics.test_per_image import CATEGORISED, matrices
from tests.metrics.test_uncertainty import INSTANCES, THREE, counted, street


def test_the_interval_of_95_per_cent_covers_the_truth_in_93_to_97_per_cent_of_data_sets() -> None:
    rng = np.random.default_rng(7)
    truth = score(ConfusionMatrix(THREE, street(rng, 400_000).sum(axis=0)))
    trials = 1000
    inside = dict.fromkeys(("miou", "acc", "fwiou", "class_iou"), 0.0)
    for _ in range(trials):
        found = jackknife(THREE, street(rng, 200))
        for name in inside:
            low, high = np.moveaxis(found.bounds[name], -1, 0)
            inside[name] += float(np.mean((low <= getattr(truth, name)) & (getattr(truth, name) <= high))) / trials
    assert all(0.93 <= share <= 0.97 for share in inside.values()), inside


def test_of_many_images_bootstrap_and_jackknife_are_alike() -> None:
    images = counted(0, 3000)
    drawn, pulled = bootstrap(INSTANCES, images, replicates=4000), jackknife(INSTANCES, images)
    assert drawn.bounds.keys() == pulled.bounds.keys()
    for name in drawn.bounds:
        np.testing.assert_allclose(pulled.half_width(name), drawn.half_width(name), rtol=0.08, err_msg=name)


def test_groups_are_the_units_and_classes_of_one_unit_have_no_interval() -> None:
    images = matrices(0, 60, len(CATEGORISED.classes))
    images[:, 1], images[:, :, 1] = 0, 0
    images[0, 1, 1] = 5
    found = jackknife(CATEGORISED, images, groups=[i // 3 for i in range(60)], unit="cities")
    drawn = bootstrap(CATEGORISED, images, groups=[i // 3 for i in range(60)], unit="cities")
    assert (found.units, found.unit, found.method, found.replicates) == (20, "cities", "jackknife", 0)
    for name in drawn.bounds:
        assert np.array_equal(np.isnan(found.bounds[name]), np.isnan(drawn.bounds[name])), name
    assert np.isnan(found.bounds["class_iou"][1]).all()


@pytest.mark.parametrize(("images", "replicates", "method"), [(20, None, "bootstrap"), (21, None, "jackknife"), (21, 50, "bootstrap")])
def test_more_units_than_a_bootstrap_is_good_for_are_not_drawn_unless_somebody_insists(
    images: int, replicates: int | None, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(influence, "MANY_UNITS", 20)
    per_image = PerImage(street(np.random.default_rng(0), images))
    found = intervals(THREE, per_image, replicates=replicates)
    assert found.method == method
    assert ("method" in found.to_dict(THREE)) == (method == "jackknife")
    again = Intervals.from_dict(found.to_dict(THREE), THREE)
    assert (again.method, again.replicates) == (method, found.replicates)


def test_a_method_that_is_not_known_is_refused() -> None:
    data = jackknife(THREE, street(np.random.default_rng(0), 9)).to_dict(THREE)
    with pytest.raises(ValueError, match="'magic'"):
        Intervals.from_dict(data | {"method": "magic"}, THREE)
