from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segbench.losses import cross_entropy, enet_weights, median_frequency_weights

IGNORE = -100


@pytest.fixture
def logits() -> torch.Tensor:
    return torch.randn(2, 5, 7, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)


@pytest.fixture
def target() -> torch.Tensor:
    target = torch.randint(0, 5, (2, 7, 6), generator=torch.Generator().manual_seed(1))
    target[0, :3] = IGNORE
    return target


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0, 0.5, 0.0, 3.0])])
def test_cross_entropy_is_the_nll_of_log_softmax(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None) -> None:
    expected = F.cross_entropy(logits, target, weight=weight, ignore_index=IGNORE)
    torch.testing.assert_close(cross_entropy(logits, target, weight=weight, ignore_index=IGNORE), expected)


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


def test_a_batch_of_void_alone_has_a_loss_and_a_gradient_of_zero(logits: torch.Tensor) -> None:
    loss = cross_entropy(logits, torch.full((2, 7, 6), IGNORE), ignore_index=IGNORE)
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


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
