"""Calibration from sums and bins against torchmetrics, scikit-learn and plain sorting of all pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss
from torch.nn import functional as F
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from segbench.kernels.confidence import count_confidence, count_with_torch
from segbench.kernels.confidence_bins import BINS, OF_CLASSES, OF_STEPS, length
from segbench.kernels.upsampling import enlarged_classes, enlarged_logits
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.calibration import Calibration
from segbench.metrics.per_image import PerImage, totals

CLASSES, SIZE = 6, (90, 70)
TABLE = torch.arange(256, dtype=torch.int32)


def counted(logits: torch.Tensor, targets: torch.Tensor, *, probabilities: bool = False) -> Calibration:
    size = (targets.shape[1], targets.shape[2])
    maps = enlarged_classes(logits, size), targets
    return Calibration(count_confidence(logits, size, maps, TABLE, probabilities=probabilities).numpy())


def scene(seed: int, *, sharp: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits at stride 8, and targets that agree with most of them; the last class index is void."""
    generator = torch.Generator().manual_seed(seed)
    logits = sharp * torch.randn(1, CLASSES, 12, 9, generator=generator)
    noisy = enlarged_logits(logits, SIZE, SIZE) + sharp * torch.randn(1, CLASSES, *SIZE, generator=generator)
    targets = noisy.argmax(1).to(torch.uint8)
    targets[:, :5] = CLASSES
    return logits, targets


def pixels_of(logits: torch.Tensor, targets: torch.Tensor) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Softmax float64[N, C] and targets int64[N] of the evaluated pixels."""
    size = (targets.shape[1], targets.shape[2])
    p = enlarged_logits(logits, size, size).double().softmax(1).permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    flat = targets.reshape(-1).long()
    return p[flat < CLASSES].numpy(), flat[flat < CLASSES].numpy()


@pytest.mark.parametrize("sharp", [0.5, 3.0, 20.0])
def test_scores_equal_those_of_scikit_learn_and_torchmetrics_on_all_pixels(sharp: float) -> None:
    logits, targets = scene(1, sharp=sharp)
    scores, (p, target) = counted(logits, targets).scores, pixels_of(logits, targets)
    p32, t = torch.from_numpy(p.astype(np.float32)), torch.from_numpy(target)
    expected = float(multiclass_calibration_error(p32, t, CLASSES, n_bins=15, norm="l1"))
    assert scores["ece"] == pytest.approx(expected, abs=2e-4)  # a pixel on the edge of a bin may be in either
    of_classes = [float(binary_calibration_error(p32[:, c].contiguous(), (t == c).long(), n_bins=15, norm="l1")) for c in range(CLASSES)]
    np.testing.assert_allclose(scores["class_ece"], of_classes, atol=2e-4)
    assert scores["classwise_ece"] == pytest.approx(np.mean(of_classes), abs=2e-4)
    log_p = enlarged_logits(logits, SIZE, SIZE).double()
    assert scores["nll"] == pytest.approx(float(F.cross_entropy(log_p, targets.long(), ignore_index=CLASSES)), rel=1e-6)
    if sharp < 20:  # scikit-learn takes no probability for smaller than the smallest step of a float
        assert scores["nll"] == pytest.approx(log_loss(target, p, labels=range(CLASSES)), rel=1e-6)
    assert scores["brier"] == pytest.approx(brier_score_loss(target, p, labels=list(range(CLASSES)), scale_by_half=False), rel=1e-5)


@pytest.mark.parametrize(("sharp", "most"), [(0.5, 0.03), (3.0, 0.03), (20.0, 0.1)])  # most are surer than a float32 tells at 20
def test_aurc_is_that_of_sorted_pixels_within_the_bound_that_is_told(sharp: float, most: float) -> None:
    logits, targets = scene(2, sharp=sharp)
    scores, (p, target) = counted(logits, targets).scores, pixels_of(logits, targets)
    order = np.argsort(-p.max(axis=1), kind="stable")
    wrong = (p.argmax(axis=1) != target)[order]
    expected = (np.cumsum(wrong) / np.arange(1, len(wrong) + 1)).mean()
    assert abs(scores["aurc"] - expected) <= scores["aurc_bound"] + 1e-9
    assert scores["aurc_bound"] < most


def test_probabilities_are_divided_by_their_sum_and_not_put_through_softmax() -> None:
    logits, targets = scene(3)
    full = enlarged_logits(logits, SIZE, SIZE)
    plain, own = counted(full, targets).scores, counted(7 * full.softmax(1), targets, probabilities=True).scores
    for name, values in plain.items():
        np.testing.assert_allclose(own[name], values, rtol=1e-4, atol=1e-6, err_msg=name)
    assert counted(full.softmax(1), targets).scores["nll"] != pytest.approx(own["nll"], abs=1e-3)


@pytest.mark.parametrize("grid", ["half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("probabilities", [False, True])
def test_the_kernel_counts_what_torch_counts(grid: str, probabilities: bool) -> None:
    logits, targets = scene(4)
    logits = logits.softmax(1) if probabilities else logits
    classes = enlarged_classes(logits, SIZE, SIZE, grid)  # type: ignore[arg-type]
    ours = count_confidence(logits, SIZE, (classes, targets), TABLE, grid, probabilities=probabilities)  # type: ignore[arg-type]
    theirs = count_with_torch(logits, SIZE, (classes, targets.int()), grid, probabilities=probabilities)  # type: ignore[arg-type]
    np.testing.assert_allclose(ours[:3], theirs[:3], rtol=1e-6)
    assert float((ours - theirs).abs()[3:].sum()) < 20  # a few pixels on edges of bins or steps


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_what_is_told_is_read_back_and_images_add_up(seed: int, images: int) -> None:
    parts = [counted(*scene(seed % 1000 + each)) for each in range(images)]
    total = Calibration.total(parts)
    assert np.array_equal(Calibration.from_dict(total.to_dict(), CLASSES).numbers, total.numbers)
    assert total.numbers[0] == total.bins[:, 0].sum() == total.steps[:, 0].sum() == total.of_classes[..., 1].sum()
    assert total.numbers[0] == images * (SIZE[0] - 5) * SIZE[1]


def test_the_class_wise_mean_is_over_the_classes_that_means_hold() -> None:
    found = counted(*scene(8))
    labels = LabelSpace("six", tuple(LabelClass(str(i), (i,), (i, i, i)) for i in range(CLASSES))).averaging(["1", "4"])
    of_classes = found.scores["class_ece"]
    expected = float(of_classes[[1, 4]].mean())
    assert expected != pytest.approx(float(of_classes.mean()), abs=1e-6)
    assert float(found.scores_over(labels.averaged)["classwise_ece"]) == pytest.approx(expected, abs=1e-15)
    per_image = PerImage(np.zeros((1, CLASSES, CLASSES + 1), np.int64), {"calibration": found.numbers[None]})
    assert float(totals(labels, per_image)["classwise_ece"]) == pytest.approx(expected, abs=1e-15)


def test_without_evaluated_pixels_every_score_is_undefined() -> None:
    logits, targets = scene(5)
    scores = counted(logits, torch.full_like(targets, CLASSES)).scores
    assert all(np.isnan(values).all() for values in scores.values())


def test_numbers_that_do_not_fit_together_are_refused() -> None:
    numbers = counted(*scene(6)).numbers
    for place, value in ((0, 1.0), (3, -1.0), (OF_STEPS + 1, 1e6), (OF_CLASSES + 1, 1e6), (1, np.nan)):
        wrong = numbers.copy()
        wrong[place] = value
        with pytest.raises(ValueError, match=r"calibration|pixels of bins"):
            Calibration(wrong).require_sound()
    data = Calibration(numbers).to_dict()
    with pytest.raises(ValueError, match="shape"):
        Calibration.from_dict(data | {"bins": data["bins"] | {"hits": [1]}}, CLASSES)
    with pytest.raises(ValueError, match="steps of confidence"):
        Calibration.from_dict(data | {"steps": {"at": [480], "pixels": [1], "wrong": [0]}}, CLASSES)


def test_a_sure_and_right_network_is_calibrated_and_its_aurc_is_nothing() -> None:
    targets = torch.randint(0, CLASSES, (1, *SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    logits = 100 * F.one_hot(targets.long(), CLASSES).permute(0, 3, 1, 2).float()
    scores = counted(logits, targets).scores
    for name in ("ece", "classwise_ece", "brier", "nll", "aurc", "aurc_bound"):
        assert scores[name] == pytest.approx(0, abs=1e-6), name
    assert length(CLASSES) == OF_CLASSES + 2 * BINS * CLASSES
