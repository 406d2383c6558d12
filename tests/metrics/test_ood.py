"""Scores of anomaly from bins against scikit-learn on all pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from segbench.kernels.anomaly import count_anomalies, count_with_torch
from segbench.kernels.anomaly_bins import BINS, LENGTH, OF_LOGITS, SCORES, SHAPE, bins_of
from segbench.kernels.upsampling import enlarged_logits
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.jackknife import intervals, jackknife
from segbench.metrics.ood import COARSE, MEASURES, Ood, coarse_of, image_numbers, pack, unpack
from segbench.metrics.per_image import PerImage, totals

CLASSES, SIZE = 6, (90, 70)


def scene(seed: int, *, sharp: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits at stride 8, and roles: a frame that is left out, and anomalies mostly where the logits are flat."""
    generator = torch.Generator().manual_seed(seed)
    logits = sharp * torch.randn(1, CLASSES, 12, 9, generator=generator)
    flat = enlarged_logits(logits, SIZE, SIZE).max(1).values + sharp * torch.randn(1, *SIZE, generator=generator)
    roles = (flat < flat.flatten().kthvalue(600).values).to(torch.uint8)
    roles[:, :5] = 2
    return logits, roles


def scores_of(logits: torch.Tensor, size: tuple[int, int] = SIZE, temperature: float = 1.0) -> dict[str, NDArray[np.float64]]:
    """float64[N] of every pixel, plainly."""
    x = enlarged_logits(logits, size, size).double()
    p = (x / temperature).softmax(1)
    entropy = -torch.xlogy(p, p).sum(1)
    energy = -temperature * (x / temperature).logsumexp(1)
    found = {
        "max_softmax": p.scatter(1, p.argmax(1, keepdim=True), 0.0).sum(1),
        "max_logit": -x.amax(1),
        "entropy": entropy,
        "energy": energy,
    }
    return {name: values.flatten().numpy() for name, values in found.items()}


def by_scikit_learn(anomaly: NDArray[np.bool_], values: NDArray[Any]) -> dict[str, float]:
    fpr, tpr, _ = roc_curve(anomaly, values, drop_intermediate=False)
    at = int((tpr >= 0.95).argmax())
    return {"ap": average_precision_score(anomaly, values), "auroc": roc_auc_score(anomaly, values), "fpr95": float(fpr[at])}


def counted(logits: torch.Tensor, roles: torch.Tensor, **how: Any) -> Ood:
    size = (roles.shape[1], roles.shape[2])
    return Ood.of_image(count_anomalies(logits, size, roles, **how).numpy())


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("sharp", [0.3, 3.0, 20.0])
def test_scores_are_those_of_scikit_learn_on_all_pixels_within_the_bound_that_is_told(sharp: float, temperature: float) -> None:
    logits, roles = scene(1, sharp=sharp)
    scores, flat = counted(logits, roles, temperature=temperature).scores, roles.flatten().numpy()
    for name, values in scores_of(logits, temperature=temperature).items():
        for measure, expected in by_scikit_learn(flat[flat < 2] == 1, values[flat < 2]).items():
            key = f"ood_{name}_{measure}"
            assert abs(scores[key] - expected) <= scores[f"{key}_bound"] + 1e-4, key
            assert scores[f"{key}_bound"] < 0.02, key
            assert scores[f"ood_{name}_image_{measure}"] == pytest.approx(scores[key], abs=1e-12)


def test_scores_that_are_bins_give_exactly_the_numbers_of_scikit_learn_ties_and_all() -> None:
    generator = torch.Generator().manual_seed(5)
    top = torch.randint(-64, 64, (1, 1, *SIZE), generator=generator) / 8  # many ties, and every one of them is the edge of a bin
    logits = torch.cat([top, top.expand(-1, 3, -1, -1) - 100], dim=1)
    roles = torch.randint(0, 3, (1, *SIZE), generator=generator).to(torch.uint8)
    flat = roles.flatten().numpy()
    scores = counted(logits, roles).scores
    for measure, expected in by_scikit_learn(flat[flat < 2] == 1, -top.flatten().numpy()[flat < 2]).items():
        for name in OF_LOGITS:
            assert scores[f"ood_{name}_{measure}"] == pytest.approx(expected, abs=1e-12), (name, measure)


@pytest.mark.parametrize("grid", ["half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("probabilities", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_the_kernel_counts_what_torch_counts(grid: Any, probabilities: bool, temperature: float) -> None:
    logits, roles = scene(4)
    logits = logits.softmax(1) if probabilities else logits
    how = {"probabilities": probabilities, "temperature": 1.0 if probabilities else temperature}
    ours = count_anomalies(logits, SIZE, roles, grid, **how).reshape(SHAPE)
    theirs = count_with_torch(logits, SIZE, roles, grid, **how).reshape(SHAPE)
    assert torch.equal(ours.sum(2), theirs.sum(2))
    apart = (ours.cumsum(2) - theirs.cumsum(2)).abs().sum(2)  # pixels times the bins that they moved by: those on an edge, to the next bin
    assert int(apart.max()) < 60
    assert not probabilities or not ours[[1, 3]].any()


def test_how_rows_are_shared_out_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, roles = scene(7)
    one = count_anomalies(logits, SIZE, roles)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    assert torch.equal(one, count_anomalies(logits, SIZE, roles))


def test_probabilities_have_no_logits_and_the_other_scores_are_those_of_their_logits() -> None:
    logits, roles = scene(3)
    full = enlarged_logits(logits, SIZE, SIZE)
    plain, own = counted(full, roles).scores, counted(7 * full.softmax(1), roles, probabilities=True).scores
    for name in SCORES:
        for measure in MEASURES:
            key = f"ood_{name}_{measure}"
            assert np.isnan(own[key]) if name in OF_LOGITS else own[key] == pytest.approx(plain[key], abs=2e-3), key


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=50))
def test_bins_are_in_the_order_of_their_values(values: list[float]) -> None:
    ordered = np.sort(np.array(values, np.float32))
    assert (np.diff(bins_of("energy", ordered)) >= 0).all()
    assert (np.diff(bins_of("entropy", np.abs(ordered)[np.argsort(np.abs(ordered))])) >= 0).all()
    assert bins_of("energy", np.float32([-0.0]))[0] == bins_of("energy", np.float32([0.0]))[0]


@given(st.dictionaries(st.integers(0, LENGTH - 1), st.integers(1, 2**40), max_size=30))
def test_counts_are_unpacked_as_they_were_packed(given_counts: dict[int, int]) -> None:
    counts = np.zeros(LENGTH, np.int64)
    for place, number in given_counts.items():
        counts[place] = number
    assert np.array_equal(unpack(pack(counts)), counts)


@pytest.mark.parametrize("packed", [b"\x80", b"\x01", b"\x00\x01", b"\xff" * 9 + b"\x01\x01", b"\xff\xff\xff\x7f\x01"])
def test_bytes_that_are_no_bins_are_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="out of distribution"):
        unpack(packed)


def test_what_is_told_is_read_back_images_add_up_and_other_pixels_are_refused() -> None:
    parts = [counted(*scene(seed)) for seed in range(3)]
    logits, roles = scene(3)
    parts.append(counted(logits, torch.zeros_like(roles)))  # no anomalies
    total = Ood.total(parts)
    again = Ood.from_dict(total.to_dict(), CLASSES)
    assert np.array_equal(again.counts, sum(part.counts for part in parts))
    assert again.scores == pytest.approx(total.scores, nan_ok=True, abs=0)
    assert (total.images, total.without) == (3, 1)
    means = np.nanmean([part.image_scores for part in parts], axis=0)
    for row, score in enumerate(SCORES):
        for column, measure in enumerate(MEASURES):
            assert total.scores[f"ood_{score}_image_{measure}"] == pytest.approx(means[row, column], abs=1e-12)
    counts = total.counts.copy()
    counts[1, 0, :] = 0
    counts[1, 0, 7] = 5
    with pytest.raises(ValueError, match="different pixels"):
        Ood.from_dict(total.to_dict() | {"bins": Ood(pack(counts), 1, 0, total.sums).to_dict()["bins"]}, CLASSES)


def test_without_anomalies_every_score_is_undefined() -> None:
    logits, roles = scene(5)
    for without in (torch.zeros_like(roles), torch.ones_like(roles), torch.full_like(roles, 2)):
        assert all(np.isnan(value) for value in counted(logits, without).scores.values())


def test_intervals_are_of_coarse_bins_that_give_nearly_the_same_scores() -> None:
    labels = LabelSpace("two", (LabelClass("a", (0,), (0, 0, 0)), LabelClass("b", (1,), (9, 9, 9))))
    parts = [counted(*scene(seed)) for seed in range(12)]
    coarse = coarse_of(parts)
    assert coarse.shape == (12, 4, 2, COARSE)
    assert np.array_equal(coarse.sum(axis=(0, 3)), sum(part.counts.sum(axis=2) for part in parts))
    per_image = PerImage(np.zeros((12, 2, 3), np.int64), {"ood": coarse, "ood_by_image": image_numbers(parts)})
    exact, found, bounds = Ood.total(parts).scores, totals(labels, per_image), intervals(labels, per_image, replicates=400).bounds
    for score in SCORES:
        for measure in MEASURES:
            for key, near in ((f"ood_{score}_{measure}", 0.01), (f"ood_{score}_image_{measure}", 1e-12)):
                assert found[key] == pytest.approx(exact[key], abs=near), key
                assert bounds[key][0] <= exact[key] + near, key
                assert bounds[key][1] >= exact[key] - near, key
    infinitesimal = jackknife(labels, per_image).bounds
    assert np.isnan(infinitesimal["ood_energy_fpr95"]).all()
    assert infinitesimal["ood_energy_ap"][0] < exact["ood_energy_ap"] < infinitesimal["ood_energy_ap"][1]


def test_a_bin_is_a_thousandth_wide() -> None:
    values = np.float32([1e-4, 0.1, 1, 5.5])
    for name in SCORES:
        assert (bins_of(name, values * np.float32(1 + 2**-9)) > bins_of(name, values)).all()
        assert (bins_of(name, values) < BINS).all()
    assert bins_of("max_softmax", np.float32([1e-9])) > 0
