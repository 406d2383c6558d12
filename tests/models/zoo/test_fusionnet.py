"""FusionNet (Quan 2016): counts, summed skips, residuals, activations."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.zoo.fusionnet import FusionNet, Level, fusionnet, relu
from tests.models.checks import toy


# The port at 64 channels, instantiated; a class more or less is 9 * 64 + 1 parameters.
@pytest.mark.parametrize(
    ("classes", "in_channels", "count"),
    [(1, 1, 78_531_649), (2, 1, 78_532_226), (19, 3, 78_543_187), (11, 3, 78_543_187 - 8 * 577), (21, 3, 78_543_187 + 2 * 577)],
)
def test_parameter_count(classes: int, in_channels: int, count: int) -> None:
    with torch.device("meta"):
        network = fusionnet(toy(classes), in_channels=in_channels).network
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == count


@pytest.mark.parametrize(("side", "gmacs"), [(512, 428.5), (640, 669.6)])
def test_multiply_accumulates_are_the_published(side: int, gmacs: float) -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as flops:
        FusionNet(19)(torch.empty(1, 3, side, side))
    assert flops.get_total_flops() / 2e9 == pytest.approx(gmacs, abs=0.06)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_skips_are_summed_not_concatenated(scale: float) -> None:
    """What each merging level sees is the scaled sum of the map from below and the skip."""
    torch.manual_seed(0)
    network = FusionNet(3, width=1 / 16, skip_scale=scale).eval()
    down: list[Tensor] = []
    up: list[Tensor] = []
    merged: list[Tensor] = []
    for modules, seen in ((network.down, down), (network.up, up)):
        for module in modules:
            module.register_forward_hook(lambda module, inputs, output, seen=seen: seen.append(output))
    for module in network.merge:
        module.register_forward_pre_hook(lambda module, inputs: merged.append(inputs[0]))
    with torch.inference_mode():
        network(torch.randn(1, 3, 32, 32))
    assert len(merged) == 4
    for skip, below, seen in zip(down[-2::-1], up, merged, strict=True):
        torch.testing.assert_close(seen, scale * (skip + below))


def test_a_level_adds_its_residual_of_three_convolutions() -> None:
    level = Level(4, 6, relu).eval()
    assert sum(isinstance(m, nn.Conv2d) for m in level.residual.modules()) == 3
    x = torch.randn(1, 4, 8, 8)
    with torch.inference_mode():
        entered = level.enter(x)
        torch.testing.assert_close(level(x), level.leave(entered + level.residual(entered)))
        assert (level.residual(entered) < 0).any(), "the third convolution has no activation"


def test_activations_are_leaky_on_the_way_down_only() -> None:
    network = FusionNet(3, width=1 / 32)
    assert {m.negative_slope for m in network.down.modules() if isinstance(m, nn.LeakyReLU)} == {0.2}
    assert not any(isinstance(m, nn.ReLU) for m in network.down.modules())
    assert not any(isinstance(m, nn.LeakyReLU) for m in (*network.up.modules(), *network.merge.modules()))
    assert not any(isinstance(m, nn.Tanh) for m in network.modules())


def test_arguments_rebuild_the_network() -> None:
    first = fusionnet(toy(3), width=1 / 32, in_channels=1, skip_scale=0.5)
    assert first.arguments == {"width": 1 / 32, "in_channels": 1, "skip_scale": 0.5}
    assert first.inputs == ("grey",)
    fusionnet(toy(3), **first.arguments).network.load_state_dict(first.network.state_dict())
