from __future__ import annotations

import pytest
import torch

from segbench.augmentation import IGNORE
from segbench.border_losses import balanced_loss, focal_loss, semantic_edges
from segbench.losses import cross_entropy
from segbench.models.base import AuxLogits, InputRule, TrainingOutput
from segbench.objective import objective


@pytest.fixture
def target() -> torch.Tensor:
    target = torch.randint(0, 3, (2, 8, 12), generator=torch.Generator().manual_seed(0))
    target[1, :3] = IGNORE
    return target


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def test_dfn_adds_a_tenth_of_its_focal_losses(target: torch.Tensor) -> None:
    logits, borders = noise(2, 3, 8, 12), tuple(noise(2, 1, 8, 12, seed=i) for i in range(2, 6))
    edges = semantic_edges(target, 7, ignore_index=IGNORE)
    expected = cross_entropy(logits, target, ignore_index=IGNORE)
    expected = expected + 0.1 * sum(focal_loss(border[:, 0], edges, ignore_index=IGNORE) for border in borders)
    actual = objective(TrainingOutput(logits, borders=borders), target, None, InputRule())
    torch.testing.assert_close(actual, expected)


def test_pidnet_adds_its_boundary_loss_and_a_second_cross_entropy_where_a_boundary_is_sure(target: torch.Tensor) -> None:
    weight = torch.tensor([1.0, 2.0, 3.0])
    logits, aux, border = noise(2, 3, 8, 12), noise(2, 3, 8, 12, seed=2), noise(2, 1, 8, 12, seed=3)
    sure = target.clone()
    sure[border[:, 0] <= torch.tensor(0.8).logit()] = IGNORE
    assert (sure != IGNORE).any()
    expected = (
        cross_entropy(logits, target, weight=weight, ignore_index=IGNORE)
        + 0.4 * cross_entropy(aux, target, weight=weight, ignore_index=IGNORE)
        + 20 * balanced_loss(border[:, 0], semantic_edges(target, 3, ignore_index=IGNORE), ignore_index=IGNORE)
        + cross_entropy(logits, sure, weight=weight, ignore_index=IGNORE)
    )
    output = TrainingOutput(logits, (AuxLogits(aux, 0.4),), (border,), "balanced")
    torch.testing.assert_close(objective(output, target, weight, InputRule()), expected)


@pytest.mark.parametrize("kind", ["focal", "balanced"])
def test_borders_are_learnt_from_coarse_logits_and_void_teaches_nothing(kind: str) -> None:
    logits, border = noise(1, 3, 4, 6), noise(1, 1, 2, 3)
    loss = objective(TrainingOutput(logits, borders=(border,), border_loss=kind), torch.full((1, 8, 12), IGNORE), None, InputRule())  # type: ignore[arg-type]
    loss.backward()
    assert float(loss.detach()) == 0
    for tensor in (logits, border):
        assert tensor.grad is not None
        assert not tensor.grad.any()
