"""GCN: counts, linear separable branches, refinement, enlarging to any size."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.segmenter import Segmenter
from segbench.models.zoo.gcn import GCN, BoundaryRefinement, GlobalConv, gcn, gcn_k7
from tests.models.checks import toy

FACTORIES = (gcn, gcn_k7)
Factory = Callable[..., Segmenter]


def on_meta(factory: Factory, classes: int, **arguments: Any) -> Any:
    with torch.device("meta"):
        return factory(toy(classes), **arguments).network.eval()


def thin(factory: Factory = gcn_k7, **arguments: Any) -> Any:
    torch.manual_seed(0)
    return factory(toy(3), width=1 / 16, depth=50, **arguments).network


@pytest.mark.parametrize(
    ("factory", "classes", "arguments", "count"),
    [
        (gcn, 19, {}, 60_435_056),
        (gcn, 19, {"up": "deconv"}, 60_463_936),
        (gcn, 21, {}, 60_688_084),
        (gcn, 19, {"depth": 101}, 44_791_408),
        (gcn, 19, {"depth": 50}, 25_799_280),
        (gcn_k7, 19, {}, 59_244_592),
        (gcn_k7, 19, {"depth": 50}, 24_608_816),
    ],
)
def test_parameter_count(factory: Factory, classes: int, arguments: dict[str, Any], count: int) -> None:
    assert sum(p.numel() for p in on_meta(factory, classes, **arguments).parameters() if p.requires_grad) == count


def test_multiply_accumulates_are_the_published() -> None:
    network = on_meta(gcn_k7, 19)
    with FlopCounterMode(display=False) as flops:
        network(torch.empty(1, 3, 512, 512, device="meta"))
    assert flops.get_total_flops() / 2e9 == pytest.approx(64.75, rel=1e-3)


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("up", ["bilinear", "deconv"])
@pytest.mark.parametrize("size", [(1, 1), (37, 201), (64, 96), (33, 65)], ids=str)
def test_logits_have_the_size_of_the_image(factory: Factory, up: str, size: tuple[int, int]) -> None:
    assert on_meta(factory, 3, width=1 / 32, depth=50, up=up)(torch.empty(2, 3, *size, device="meta")).shape == (2, 3, *size)


def test_the_trunk_is_at_stride_32_and_not_dilated() -> None:
    convs = [m for m in on_meta(gcn, 19).trunk.modules() if isinstance(m, nn.Conv2d)]
    assert {conv.dilation for conv in convs} == {(1, 1)}


def test_a_global_convolution_is_linear() -> None:
    torch.manual_seed(0)
    conv = GlobalConv(4, 3, 5)
    x, y, zero = torch.randn(1, 4, 9, 9), torch.randn(1, 4, 9, 9), torch.zeros(1, 4, 9, 9)
    torch.testing.assert_close(conv(x + y) - conv(y), conv(x) - conv(zero))
    assert {type(m) for m in conv.modules()} == {GlobalConv, nn.Sequential, nn.Conv2d}


def test_a_global_convolution_sees_k_by_k_through_two_orders_of_branches() -> None:
    conv = GlobalConv(2, 3, 7)
    assert [[c.kernel_size for c in side] for side in (conv.left, conv.right)] == [[(7, 1), (1, 7)], [(1, 7), (7, 1)]]
    x = torch.zeros(1, 2, 15, 15)
    x[..., 7, 7] = 1
    reached = (conv(x) - conv(torch.zeros_like(x)) != 0).any(1)[0]
    expected = torch.zeros(15, 15, dtype=torch.bool)
    expected[4:11, 4:11] = True
    assert torch.equal(reached, expected)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="must be odd"):
        GCN(3, depth=50, kernel=8, up="bilinear", align_corners=True, width=1 / 16)


def test_an_unknown_way_up_is_refused() -> None:
    with pytest.raises(ValueError, match="'bilinear' or 'deconv', not 'nearest'"):
        thin(up="nearest")


def test_refinement_is_a_residual_on_scores() -> None:
    refine = BoundaryRefinement(3)
    x = torch.randn(1, 3, 6, 7)
    torch.testing.assert_close(refine(x) - x, refine.conv2(F.relu(refine.conv1(x))))
    nn.init.zeros_(refine.conv2.weight)
    assert torch.equal(refine(x), x)


def test_the_head_is_as_wide_as_there_are_classes_and_has_nine_refinements() -> None:
    network = thin()
    assert sum(isinstance(m, BoundaryRefinement) for m in network.modules()) == 9
    head = [m for name, m in network.named_modules() if isinstance(m, nn.Conv2d) and not name.startswith("trunk.")]
    assert {conv.out_channels for conv in head} == {3}
    assert all(conv.bias is not None for conv in head)


@pytest.mark.parametrize("align_corners", [True, False])
def test_scores_of_every_stage_are_enlarged_and_summed(align_corners: bool) -> None:
    network = thin(align_corners=align_corners).eval()
    x = torch.randn(1, 3, 64, 96)

    def enlarged(score: Tensor, size: tuple[int, int]) -> Tensor:
        return F.interpolate(score, size=size, mode="bilinear", align_corners=align_corners)

    with torch.inference_mode():
        fine, *rest = [r(c(m)) for m, c, r in zip(network.trunk(x), network.global_convs, network.refine_scores, strict=True)]
        score = network.refine_enlarged[0](enlarged(rest[2], (4, 6)) + rest[1])
        score = network.refine_enlarged[1](enlarged(score, (8, 12)) + rest[0])
        score = network.refine_enlarged[2](enlarged(score, (16, 24)) + fine)
        score = network.refine_enlarged[3](enlarged(score, (32, 48)))
        expected = network.refine_enlarged[4](enlarged(score, (64, 96)))
        torch.testing.assert_close(network(x), expected)


def test_transposed_convolutions_start_bilinear() -> None:
    deconv, bilinear = thin(up="deconv").enlarge[0], thin(align_corners=False).enlarge[0]
    x = torch.randn(1, 3, 6, 7)
    torch.testing.assert_close(deconv(x, (12, 14))[..., 1:-1, 1:-1], bilinear(x, (12, 14))[..., 1:-1, 1:-1])


@pytest.mark.parametrize("factory", FACTORIES)
def test_first_loss_is_near_that_of_a_guess(factory: Factory) -> None:
    torch.manual_seed(0)
    network = factory(toy(19), width=1 / 16).network.train()
    loss = F.cross_entropy(network(torch.randn(2, 3, 64, 64)), torch.randint(0, 19, (2, 64, 64)))
    assert loss.item() < 2 * math.log(19)


def test_gradients_reach_learned_upsampling_too() -> None:
    network = thin(up="deconv").train()
    F.cross_entropy(network(torch.randn(2, 3, 65, 65)), torch.randint(0, 3, (2, 65, 65))).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("factory", FACTORIES)
def test_arguments_rebuild_the_network(factory: Factory) -> None:
    first = factory(toy(3), width=1 / 32, depth=50, up="deconv", align_corners=False)
    again = factory(toy(3), **first.arguments)
    again.network.load_state_dict(first.network.state_dict())
    assert again.arguments == first.arguments
    assert again.name == factory.__name__
