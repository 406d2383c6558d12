"""PSPNet: counts, the deep dilated trunk, the pyramid, the auxiliary head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.segmenter import Segmenter, TrainingOutput
from segbench.models.zoo.pspnet import pspnet_r50, pspnet_r101
from tests.models.checks import toy

FACTORIES = (pspnet_r50, pspnet_r101)
Factory = Callable[..., Segmenter]


def on_meta(factory: Factory, classes: int, **arguments: Any) -> Any:
    with torch.device("meta"):
        return factory(toy(classes), **arguments).network.eval()


def thin(**arguments: Any) -> Any:
    torch.manual_seed(0)
    return pspnet_r50(toy(3), width=1 / 16, **arguments).network


@pytest.mark.parametrize(
    ("factory", "classes", "total", "inference"),
    [
        (pspnet_r50, 19, 49_080_038, 46_715_347),
        (pspnet_r50, 21, 49_080_038 + 2 * (513 + 257), 46_715_347 + 2 * 513),
        (pspnet_r101, 19, 68_072_166, 65_707_475),
    ],
)
def test_parameter_counts_with_and_without_the_auxiliary_head(factory: Factory, classes: int, total: int, inference: int) -> None:
    network = on_meta(factory, classes)
    count = sum(p.numel() for p in network.parameters() if p.requires_grad)
    unused = sum(p.numel() for head in network.training_only for p in network.get_submodule(head).parameters())
    assert (count, count - unused) == (total, inference)


@pytest.mark.parametrize(("factory", "gmacs"), [(pspnet_r50, 363.8), (pspnet_r101, 517.2)])
def test_multiply_accumulates_are_the_published(factory: Factory, gmacs: float) -> None:
    network = on_meta(factory, 19)
    with FlopCounterMode(display=False) as flops:
        network(torch.empty(1, 3, 713, 713, device="meta"))
    assert flops.get_total_flops() / 2e9 == pytest.approx(gmacs, rel=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (37, 201), (713, 473)], ids=str)
def test_the_map_is_at_stride_8_rounded_up(size: tuple[int, int]) -> None:
    network = on_meta(pspnet_r50, 3, width=1 / 32)
    assert network(torch.empty(2, 3, *size, device="meta")).shape == (2, 3, *(-(-side // 8) for side in size))


def test_every_block_of_the_last_two_stages_is_dilated() -> None:
    trunk = on_meta(pspnet_r50, 3).backbone
    assert [{block.conv2.dilation[0] for block in layer} for layer in (trunk.layer2, trunk.layer3, trunk.layer4)] == [{1}, {2}, {4}]
    assert [m.out_channels for m in trunk.conv1 if isinstance(m, nn.Conv2d)] == [64, 64, 128]


def test_the_pyramid_has_four_grids_of_a_quarter_of_the_channels() -> None:
    network = on_meta(pspnet_r50, 3)
    assert [grid[0].output_size for grid in network.ppm.features] == [1, 2, 3, 6]
    assert [grid[1].out_channels for grid in network.ppm.features] == [512] * 4
    assert network.cls[0].in_channels == 4096


@pytest.mark.parametrize("align_corners", [True, False])
def test_align_corners_reaches_the_pyramid(align_corners: bool) -> None:
    assert thin(align_corners=align_corners).ppm.align_corners is align_corners


def test_training_returns_the_auxiliary_logits_with_weight_0_4() -> None:
    network = thin().train()
    output = network(torch.randn(2, 3, 33, 41))
    assert isinstance(output, TrainingOutput)
    assert output.logits.shape == output.aux[0].logits.shape == (2, 3, 5, 6)
    assert [aux.weight for aux in output.aux] == [0.4]
    assert isinstance(network.eval()(torch.randn(1, 3, 33, 41)), torch.Tensor)


def test_training_on_one_image_is_refused_with_a_way_out() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        thin().train()(torch.randn(1, 3, 33, 33))


def test_dropout_drops_channels() -> None:
    assert [(type(m), m.p) for m in thin().modules() if "Dropout" in type(m).__name__] == [(nn.Dropout2d, 0.1)] * 2


@pytest.mark.parametrize("factory", FACTORIES)
def test_arguments_rebuild_the_network(factory: Factory) -> None:
    first = factory(toy(3), width=1 / 32, align_corners=False)
    again = factory(toy(3), **first.arguments)
    again.network.load_state_dict(first.network.state_dict())
    assert again.arguments == first.arguments
    assert again.name == factory.__name__
