"""DeepLab v2: counts, summed logits without image pooling, Caffe's ResNet, the maximum over scales."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.segmenter import Segmenter, TrainingOutput
from segbench.models.zoo.deeplab_v2 import deeplab_v2, deeplab_v2_vgg16
from tests.models.checks import toy

FACTORIES = (deeplab_v2, deeplab_v2_vgg16)
Factory = Callable[..., Segmenter]


def on_meta(factory: Factory, classes: int, **arguments: Any) -> nn.Module:
    with torch.device("meta"):
        return factory(toy(classes), **arguments).network.eval()


def thin(factory: Factory, **arguments: Any) -> Any:
    torch.manual_seed(0)
    return factory(toy(3), width=1 / 16, **arguments).network


@pytest.mark.parametrize(
    ("factory", "classes", "count"),
    [
        (deeplab_v2, 19, 43_901_068),
        (deeplab_v2, 21, 44_048_532),
        (deeplab_v2, 11, 42_500_160 + 4 * (2048 * 11 * 9 + 11)),
        (deeplab_v2_vgg16, 19, 37_869_452),
        (deeplab_v2_vgg16, 21, 37_877_652),
    ],
)
@pytest.mark.parametrize("multi_scale", [False, True])
def test_parameter_count_does_not_depend_on_the_scales(factory: Factory, classes: int, count: int, multi_scale: bool) -> None:
    network = on_meta(factory, classes, multi_scale=multi_scale)
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == count


@pytest.mark.parametrize(("size", "gmacs"), [((513, 513), 188.26), ((1024, 2048), 1477.6)])
def test_multiply_accumulates_are_the_published(size: tuple[int, int], gmacs: float) -> None:
    network = on_meta(deeplab_v2, 19)
    with FlopCounterMode(display=False) as flops:
        network(torch.empty(1, 3, *size, device="meta"))
    assert flops.get_total_flops() / 2e9 == pytest.approx(gmacs, rel=1e-3)


@pytest.mark.parametrize("multi_scale", [False, True])
@pytest.mark.parametrize(
    ("size", "resnet", "vgg"),
    [((321, 513), (41, 65), (41, 65)), ((1, 1), (1, 1), (1, 1)), ((37, 201), (5, 26), (6, 26)), ((64, 66), (9, 9), (9, 10))],
    ids=str,
)
def test_the_map_is_at_stride_8(multi_scale: bool, size: tuple[int, int], resnet: tuple[int, int], vgg: tuple[int, int]) -> None:
    """Pools round up: one in the ResNet, three in VGG."""
    for factory, map_size in ((deeplab_v2, resnet), (deeplab_v2_vgg16, vgg)):
        network = on_meta(factory, 3, width=1 / 32, multi_scale=multi_scale)
        assert network(torch.empty(2, 3, *size, device="meta")).shape == (2, 3, *map_size)


@pytest.mark.parametrize("factory", FACTORIES)
def test_logits_of_four_rates_are_summed(factory: Factory) -> None:
    network = thin(factory).eval()
    x = torch.randn(1, 3, 41, 49)
    with torch.inference_mode():
        high = network.backbone(x)[-1] if factory is deeplab_v2 else network.features(x)
        torch.testing.assert_close(network(x), sum(branch(high) for branch in network.aspp))
    convs = network.aspp if factory is deeplab_v2 else [head[0] for head in network.aspp]
    assert [(conv.kernel_size[0], conv.dilation[0]) for conv in convs] == [(3, 6), (3, 12), (3, 18), (3, 24)]


@pytest.mark.parametrize("factory", FACTORIES)
def test_the_head_has_neither_normalisation_nor_image_pooling(factory: Factory) -> None:
    network = thin(factory)
    assert not any(isinstance(m, nn.BatchNorm2d | nn.AdaptiveAvgPool2d) for m in network.aspp.modules())
    assert all(m.bias is not None for m in network.aspp.modules() if isinstance(m, nn.Conv2d))


def test_the_trunk_is_caffes() -> None:
    trunk: Any = on_meta(deeplab_v2, 19).backbone
    assert trunk.maxpool.ceil_mode
    assert (trunk.layer2[0].conv1.stride, trunk.layer2[0].conv2.stride) == ((2, 2), (1, 1))
    assert {block.conv2.dilation[0] for block in trunk.layer3} == {2}
    assert {block.conv2.dilation[0] for block in trunk.layer4} == {4}


def test_classifiers_start_near_zero_with_no_bias() -> None:
    for conv in thin(deeplab_v2).aspp:
        assert conv.weight.std().item() == pytest.approx(0.01, rel=0.1)
        assert not conv.bias.any()


@pytest.mark.parametrize("factory", FACTORIES)
def test_scales_are_fused_by_their_maximum(factory: Factory) -> None:
    network, single = thin(factory, multi_scale=True).eval(), thin(factory).eval()
    single.load_state_dict(network.state_dict())
    x = torch.randn(1, 3, 65, 50)
    with torch.inference_mode():
        whole = single(x)
        smaller = [F.interpolate(x, size=size, mode="bilinear") for size in ((48, 37), (32, 25))]
        every = [whole, *(F.interpolate(single(s), size=whole.shape[2:], mode="bilinear") for s in smaller)]
        torch.testing.assert_close(network(x), torch.stack(every).max(0).values)


def test_training_at_many_scales_has_a_loss_for_each_at_its_own_size() -> None:
    output = thin(deeplab_v2, multi_scale=True).train()(torch.randn(2, 3, 65, 65))
    assert isinstance(output, TrainingOutput)
    assert output.logits.shape == (2, 3, 9, 9)
    assert [tuple(aux.logits.shape[2:]) for aux in output.aux] == [(9, 9), (7, 7), (5, 5)]
    assert [(aux.weight, aux.resize) for aux in output.aux] == [(1.0, "target")] * 3


@pytest.mark.parametrize("factory", FACTORIES)
def test_arguments_rebuild_the_network(factory: Factory) -> None:
    first = factory(toy(3), width=1 / 32, rates=(2, 4, 8, 12), multi_scale=True)
    again = factory(toy(3), **first.arguments)
    again.network.load_state_dict(first.network.state_dict())
    assert again.arguments == first.arguments
    assert again.name == factory.__name__
