from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from segbench.training.border_losses import balanced_loss, focal_loss, semantic_edges

IGNORE = -100
LOSSES = [focal_loss, balanced_loss]


@pytest.fixture
def edges() -> torch.Tensor:
    edges = (torch.rand(2, 9, 7, generator=torch.Generator().manual_seed(0)) < 0.2).long()
    edges[0, 4:] = IGNORE
    return edges


def logits_like(edges: torch.Tensor, seed: int = 1) -> torch.Tensor:
    return torch.randn(edges.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def test_an_edge_is_a_band_with_the_edge_in_its_middle() -> None:
    target = torch.zeros(1, 5, 20, dtype=torch.long)
    target[..., 10:] = 1
    assert semantic_edges(target, 1)[0, 2].nonzero().flatten().tolist() == [9, 10]
    assert semantic_edges(target, 7)[0, 2].nonzero().flatten().tolist() == list(range(6, 14))


def test_edges_are_those_of_a_search_over_all_neighbours() -> None:
    rng = np.random.default_rng(0)
    target = rng.choice([0, 1, 2, IGNORE], size=(3, 9, 11), p=[0.6, 0.15, 0.05, 0.2])
    actual = semantic_edges(torch.from_numpy(target), 3).numpy()
    is_edge = np.zeros(target.shape, bool)
    for n, y, x in np.ndindex(*target.shape):
        for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            inside = 0 <= v < 9 and 0 <= u < 11
            is_edge[n, y, x] |= bool(inside and IGNORE not in (target[n, y, x], target[n, v, u]) and target[n, y, x] != target[n, v, u])
    for n, y, x in np.ndindex(*target.shape):
        near = is_edge[n, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].any()
        assert actual[n, y, x] == (IGNORE if target[n, y, x] == IGNORE else near), (n, y, x)


def test_mirrored_targets_have_mirrored_edges() -> None:
    target = torch.randint(0, 3, (2, 12, 15), generator=torch.Generator().manual_seed(0))
    for axis in (1, 2):
        assert torch.equal(semantic_edges(target.flip(axis), 3), semantic_edges(target, 3).flip(axis))


def test_one_class_beside_void_has_no_edge() -> None:
    target = torch.full((1, 6, 6), 2)
    target[:, :3] = IGNORE
    assert semantic_edges(target, 3).unique().tolist() == [IGNORE, 0]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_perfect_map_costs_nothing_and_an_inverted_one_the_most(loss: Callable[..., torch.Tensor], edges: torch.Tensor) -> None:
    sign = torch.where(edges == 1, 1.0, -1.0).double()
    costs = [float(loss(scale * sign, edges)) for scale in (30.0, 3.0, 0.0, -3.0, -30.0)]
    assert costs[0] == pytest.approx(0, abs=1e-12)
    assert costs == sorted(costs)
    assert costs[-1] > 4


def test_every_pixel_that_turns_wrong_raises_the_focal_loss(edges: torch.Tensor) -> None:
    logits = torch.where(edges == 1, 5.0, -5.0)
    cost = float(focal_loss(logits, edges))
    for place in (edges != IGNORE).nonzero()[::7].tolist():
        logits[tuple(place)] *= -1
        assert float(focal_loss(logits, edges)) > cost + 0.01
        cost = float(focal_loss(logits, edges))


def test_the_focal_loss_written_out_by_hand(edges: torch.Tensor) -> None:
    logits = logits_like(edges)
    p = 1 / (1 + np.exp(-logits.detach().numpy()))
    truth = edges.numpy()
    by_pixel = np.where(truth == 1, -((1 - p) ** 2) * np.log(p), -(p**2) * np.log(1 - p))
    assert float(focal_loss(logits, edges).detach()) == pytest.approx(by_pixel[truth != IGNORE].mean(), rel=1e-12)


def test_without_focus_it_is_the_binary_cross_entropy(edges: torch.Tensor) -> None:
    logits, counted = logits_like(edges), edges != IGNORE
    expected = F.binary_cross_entropy_with_logits(logits[counted], edges[counted].double())
    torch.testing.assert_close(focal_loss(logits, edges, gamma=0), expected)


def test_the_balanced_loss_written_out_by_hand() -> None:
    edges = torch.tensor([[[1, 0, 0, 0, IGNORE]]])
    logits = torch.tensor([[[2.0, -1.0, 0.0, 3.0, 9.0]]])
    costs = [np.log1p(np.exp(-2.0)), np.log1p(np.exp(-1.0)), np.log(2), np.log1p(np.exp(3.0))]
    expected = (0.75 * costs[0] + 0.25 * sum(costs[1:])) / 4
    assert float(balanced_loss(logits, edges)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_void_teaches_nothing(loss: Callable[..., torch.Tensor], edges: torch.Tensor) -> None:
    logits = logits_like(edges)
    loss(logits, edges).backward()
    assert logits.grad is not None
    assert not logits.grad[edges == IGNORE].any()
    logits.grad = None
    nothing = loss(logits, torch.full_like(edges, IGNORE))
    nothing.backward()
    assert float(nothing.detach()) == 0
    assert not logits.grad.any()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_extreme_logits_have_finite_gradients(gamma: float, edges: torch.Tensor) -> None:
    for scale in (1e4, -1e4):
        logits = torch.full(edges.shape, scale, requires_grad=True)
        (focal_loss(logits, edges, gamma=gamma) + balanced_loss(logits, edges)).backward()
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_finite_differences(loss: Callable[..., torch.Tensor], edges: torch.Tensor) -> None:
    assert torch.autograd.gradcheck(lambda logits: loss(logits, edges), (logits_like(edges),))
