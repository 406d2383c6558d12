from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch.nn import functional as F

from segbench.kernels.bilinear import GRIDS, Grid
from segbench.kernels.upsampling import enlarged_logits
from segbench.models.segmenter import AuxLogits, InputRule, TrainingOutput
from segbench.training.batches import IGNORE, Batch
from segbench.training.border_losses import balanced_loss, focal_loss, semantic_edges
from segbench.training.losses import cross_entropy, hard_pixels
from segbench.training.objective import Objective
from segbench.training.recipe import Recipe


@pytest.fixture
def target() -> torch.Tensor:
    target = torch.randint(0, 3, (2, 8, 12), generator=torch.Generator().manual_seed(0))
    target[1, :3] = IGNORE
    return target


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def batch(target: torch.Tensor, pixel_weights: torch.Tensor | None = None) -> Batch:
    return Batch(torch.zeros(*target.shape, 3, dtype=torch.uint8), target, pixel_weights=pixel_weights)


@pytest.mark.parametrize("grid", GRIDS)
def test_every_head_is_compared_with_the_target_on_the_networks_grid(grid: Grid) -> None:
    target = torch.randint(0, 3, (2, 30, 44), generator=torch.Generator().manual_seed(0))
    logits, aux, border = noise(2, 3, 4, 6), noise(2, 3, 2, 3, seed=2), noise(2, 1, 4, 6, seed=3)
    full = [enlarged_logits(coarse, (32, 48), (30, 44), grid) for coarse in (logits, aux, border)]
    objective = Objective(rule=InputRule(divisor=16), grid=grid)
    loss = objective(TrainingOutput(logits, (AuxLogits(aux, 0.4),), (border,)), batch(target))
    edges = semantic_edges(target, 7, ignore_index=IGNORE)
    expected = cross_entropy(full[0], target, ignore_index=IGNORE) + 0.4 * cross_entropy(full[1], target, ignore_index=IGNORE)
    torch.testing.assert_close(loss, expected + 0.1 * focal_loss(full[2][:, 0], edges, ignore_index=IGNORE))


def test_dfn_adds_a_tenth_of_its_focal_losses(target: torch.Tensor) -> None:
    logits, borders = noise(2, 3, 8, 12), tuple(noise(2, 1, 8, 12, seed=i) for i in range(2, 6))
    edges = semantic_edges(target, 7, ignore_index=IGNORE)
    expected = cross_entropy(logits, target, ignore_index=IGNORE)
    expected = expected + 0.1 * sum(focal_loss(border[:, 0], edges, ignore_index=IGNORE) for border in borders)
    torch.testing.assert_close(Objective()(TrainingOutput(logits, borders=borders), batch(target)), expected)


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
    torch.testing.assert_close(Objective(weight=weight)(output, batch(target)), expected)


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(loss="ohem"), Recipe(reduction="sum")])
@pytest.mark.parametrize("kind", ["focal", "balanced"])
def test_borders_are_learnt_from_coarse_logits_and_void_teaches_nothing(kind: Literal["focal", "balanced"], recipe: Recipe) -> None:
    logits, border = noise(1, 3, 4, 6), noise(1, 1, 2, 3)
    output = TrainingOutput(logits, (AuxLogits(logits, resize="target"),), (border,), kind)
    loss = Objective(recipe)(output, batch(torch.full((1, 8, 12), IGNORE)))
    loss.backward()
    assert float(loss.detach()) == 0
    for tensor in (logits, border):
        assert tensor.grad is not None
        assert not tensor.grad.any()


@pytest.mark.parametrize("heads", ["all", "main"])
def test_hard_pixels_are_those_of_all_heads_or_of_the_main_one(target: torch.Tensor, heads: Literal["all", "main"]) -> None:
    logits, aux = noise(2, 3, 8, 12), noise(2, 3, 8, 12, seed=2)
    hard = [hard_pixels(scores, target, threshold=0.2, min_kept=19, ignore_index=IGNORE) for scores in (logits, aux)]
    expected = cross_entropy(logits, hard[0], ignore_index=IGNORE)
    expected = expected + cross_entropy(aux, hard[1] if heads == "all" else target, ignore_index=IGNORE)
    recipe = Recipe(loss="ohem", ohem_threshold=0.2, ohem_min_kept=0.1, ohem_heads=heads)  # 19 of 192 pixels
    torch.testing.assert_close(Objective(recipe)(TrainingOutput(logits, (AuxLogits(aux),)), batch(target)), expected)


def test_weights_of_pixels_follow_a_target_that_is_brought_to_a_heads_size(target: torch.Tensor) -> None:
    logits, aux, weights = noise(2, 3, 8, 12), noise(2, 3, 4, 6, seed=2), torch.rand(2, 8, 12)
    expected = cross_entropy(logits, target, pixel_weight=weights, ignore_index=IGNORE)
    expected = expected + cross_entropy(aux, target[:, 1::2, 1::2], pixel_weight=weights[:, 1::2, 1::2], ignore_index=IGNORE)
    output = TrainingOutput(logits, (AuxLogits(aux, resize="target"),))
    torch.testing.assert_close(Objective()(output, batch(target, weights)), expected)


def test_a_sum_is_not_divided_by_its_pixels(target: torch.Tensor) -> None:
    logits = noise(2, 3, 8, 12)
    expected = F.cross_entropy(logits, target, ignore_index=IGNORE, reduction="sum")
    torch.testing.assert_close(Objective(Recipe(reduction="sum"))(logits, batch(target)), expected)
