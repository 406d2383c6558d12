from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segbench.training.losses import cross_entropy, enet_weights, hard_pixels, median_frequency_weights

IGNORE = -100
Reduction = Literal["mean", "sum"]


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(2, 5, 7, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)


@pytest.fixture
def target() -> torch.Tensor:
    target = torch.randint(0, 5, (2, 7, 6), generator=torch.Generator().manual_seed(1))
    target[0, :3] = IGNORE
    return target


WEIGHTS = [None, torch.tensor([1.0, 2.0, 0.5, 0.0, 3.0])]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weight", WEIGHTS)
def test_cross_entropy_is_the_nll_of_log_softmax(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None, reduction: Reduction
) -> None:
    expected = F.cross_entropy(logits, target, weight=weight, ignore_index=IGNORE, reduction=reduction)
    torch.testing.assert_close(cross_entropy(logits, target, weight=weight, ignore_index=IGNORE, reduction=reduction), expected)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weight", WEIGHTS)
def test_weights_of_pixels_of_zero_change_nothing(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None, reduction: Reduction
) -> None:
    plain = cross_entropy(logits, target, weight=weight, ignore_index=IGNORE, reduction=reduction)
    zeros = torch.zeros(target.shape)
    weighted = cross_entropy(logits, target, weight=weight, pixel_weight=zeros, ignore_index=IGNORE, reduction=reduction)
    torch.testing.assert_close(weighted, plain)


def test_weights_of_pixels_add_to_those_of_classes() -> None:
    logits = torch.tensor([[[[2.0, 0.0, 7.0]], [[0.0, 1.0, 7.0]]]])
    target = torch.tensor([[[0, 1, IGNORE]]])
    weight, pixel_weight = torch.tensor([1.0, 3.0]), torch.tensor([[[0.5, 2.0, 100.0]]])
    losses = [np.log1p(np.exp(-2.0)), np.log1p(np.exp(-1.0))]
    expected = 1.5 * losses[0] + 5 * losses[1]
    total = cross_entropy(logits, target, weight=weight, pixel_weight=pixel_weight, ignore_index=IGNORE, reduction="sum")
    assert float(total) == pytest.approx(expected)
    mean = cross_entropy(logits, target, weight=weight, pixel_weight=pixel_weight, ignore_index=IGNORE)
    assert float(mean) == pytest.approx(expected / 6.5)


def test_cross_entropy_written_out_by_hand(logits: torch.Tensor, target: torch.Tensor) -> None:
    values = logits.detach().double().numpy()
    total, counted = 0.0, 0
    for n, y, x in np.ndindex(2, 7, 6):
        index = int(target[n, y, x])
        if index != IGNORE:
            scores = values[n, :, y, x]
            total -= scores[index] - np.log(np.exp(scores).sum())
            counted += 1
    assert float(cross_entropy(logits, target, ignore_index=IGNORE).detach()) == pytest.approx(total / counted, rel=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("pixel_weight", [None, torch.ones(2, 7, 6)])
def test_a_batch_of_void_alone_has_a_loss_and_a_gradient_of_zero(
    logits: torch.Tensor, pixel_weight: torch.Tensor | None, reduction: Reduction
) -> None:
    void = torch.full((2, 7, 6), IGNORE)
    loss = cross_entropy(logits, void, pixel_weight=pixel_weight, ignore_index=IGNORE, reduction=reduction)
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def with_probabilities(*truth: float) -> torch.Tensor:
    """Logits [1, 2, 1, W] that give class 0 these probabilities."""
    p = torch.tensor(truth, dtype=torch.float64)
    return torch.stack([p.log(), (1 - p).log()])[None, :, None]


@pytest.mark.parametrize(
    ("threshold", "min_kept", "kept"),
    [
        (0.5, 0, [0, 3]),  # the threshold alone
        (0.5, 1, [0, 3]),  # more than enough are below it
        (0.5, 3, [0, 1, 3]),  # the next one fills up
        (0.05, 2, [0, 3]),  # none is below
        (0.5, 4, [0, 1, 3, 4, 5]),  # equal ones are kept alike
        (0.5, 99, [0, 1, 3, 4, 5]),  # there are no more
        (1.1, 0, [0, 1, 3, 4, 5]),
    ],
)
def test_hard_pixels_by_hand(threshold: float, min_kept: int, kept: list[int]) -> None:
    logits = with_probabilities(0.1, 0.6, 0.01, 0.2, 0.9, 0.9)
    target = torch.tensor([[[0, 0, IGNORE, 0, 0, 0]]])
    hard = hard_pixels(logits, target, threshold=threshold, min_kept=min_kept, ignore_index=IGNORE)
    assert (hard[0, 0] != IGNORE).nonzero().flatten().tolist() == kept
    assert set(hard.unique().tolist()) <= {0, IGNORE}


def test_hard_pixels_are_those_of_a_sort(logits: torch.Tensor, target: torch.Tensor) -> None:
    p = logits.detach().softmax(1).gather(1, target.clamp(min=0)[:, None])[:, 0]
    for threshold, min_kept in ((0.3, 5), (0.05, 20), (0.9, 1)):
        limit = max(threshold, float(p[target != IGNORE].sort().values[min_kept - 1]) + 1e-7)
        expected = target.masked_fill(p >= limit, IGNORE)
        assert torch.equal(hard_pixels(logits, target, threshold=threshold, min_kept=min_kept, ignore_index=IGNORE), expected)


def test_the_weights_of_classes_scale_hard_pixels_and_do_not_choose_them() -> None:
    logits, target = with_probabilities(0.3, 0.6, 0.8).requires_grad_(), torch.tensor([[[0, 1, 0]]])
    hard = hard_pixels(logits, target, threshold=0.5, min_kept=1, ignore_index=IGNORE)  # 0.3 and 1 - 0.6
    loss = cross_entropy(logits, hard, weight=torch.tensor([1.0, 3.0], dtype=torch.float64), ignore_index=IGNORE)
    assert float(loss.detach()) == pytest.approx((-np.log(0.3) - 3 * np.log(0.4)) / 4)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[..., :2].all()
    assert not logits.grad[..., 2].any()


def test_no_pixel_of_void_is_hard(logits: torch.Tensor) -> None:
    void = torch.full((2, 7, 6), IGNORE)
    assert torch.equal(hard_pixels(logits, void, threshold=0.7, min_kept=10, ignore_index=IGNORE), void)


def test_a_network_that_diverged_does_not_hide_behind_easy_pixels() -> None:
    logits = torch.full((1, 2, 1, 4), torch.nan)
    target = torch.zeros(1, 1, 4, dtype=torch.long)
    hard = hard_pixels(logits, target, threshold=0.7, min_kept=1, ignore_index=IGNORE)
    assert torch.isnan(cross_entropy(logits, hard, ignore_index=IGNORE))


def test_extreme_logits_have_finite_gradients(target: torch.Tensor) -> None:
    logits = torch.zeros(2, 5, 7, 6)
    logits[:, 0], logits[:, 1] = 1e30, -1e30
    logits.requires_grad_()
    hard = hard_pixels(logits, target, threshold=0.7, min_kept=3, ignore_index=IGNORE)
    cross_entropy(logits, hard, pixel_weight=torch.ones(2, 7, 6), ignore_index=IGNORE).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_enet_weights_are_bounded_and_favour_rare_classes() -> None:
    weights = enet_weights(np.array([1_000_000, 1000, 0]))
    assert weights[0] < weights[1] < weights[2]
    assert weights[2] == pytest.approx(1 / np.log(1.02))


def test_median_frequency_counts_only_images_that_contain_the_class() -> None:
    pixels = np.array([[90, 10, 0], [100, 0, 0], [80, 0, 20]])
    weights = median_frequency_weights(pixels, np.array([100, 100, 100]))
    frequency = np.array([270 / 300, 10 / 100, 20 / 100])
    np.testing.assert_allclose(weights, 0.2 / frequency)


def test_a_class_that_no_image_contains_gets_weight_zero() -> None:
    assert median_frequency_weights(np.array([[50, 0]]), np.array([50])).tolist() == [1.0, 0.0]
