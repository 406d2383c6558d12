"""DeepLab v3+: counts and multiply-accumulates of both trunks, separable or plain, and what the decoder sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.layers.resnet import Dilation, ResNetTrunk
from segbench.models.layers.xception import SeparableConv
from segbench.models.segmenter import Segmenter
from segbench.models.zoo.deeplab_v3plus import DeepLabV3Plus, deeplab_v3plus, deeplab_v3plus_r101
from tests.models.checks import toy

FACTORIES = (deeplab_v3plus, deeplab_v3plus_r101)
Factory = Callable[..., Segmenter]


def on_meta(factory: Factory, classes: int, **arguments: Any) -> Any:
    with torch.device("meta"):
        return factory(toy(classes), **arguments).network.eval()


def thin(factory: Factory, **arguments: Any) -> Any:
    torch.manual_seed(0)
    return factory(toy(3), width=1 / 16, **arguments).network


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("factory", "classes", "expected"),
    [
        (deeplab_v3plus, 19, 41_054_899),
        (deeplab_v3plus, 21, 41_055_413),
        (deeplab_v3plus_r101, 19, 58_753_459),
        (deeplab_v3plus_r101, 11, 58_753_459 - 8 * 257),
    ],
)
def test_parameter_count(factory: Factory, classes: int, expected: int) -> None:
    assert count(on_meta(factory, classes)) == expected


@pytest.mark.parametrize(("depth", "decoder_convs", "expected"), [(101, 2, 59_343_795), (50, 1, 39_761_331)])
def test_parameter_counts_of_other_ports(depth: int, decoder_convs: int, expected: int) -> None:
    """Two decoder convolutions: kazuto1011 and jfzhang95; ResNet-50: VainF."""
    options: dict[str, Any] = {"output_stride": 16, "separable": False, "align_corners": False, "width": 1.0}
    with torch.device("meta"):
        network = DeepLabV3Plus(19, ResNetTrunk(depth, dilation=Dilation(16)), decoder_convs=decoder_convs, **options)
    assert count(network) == expected


@pytest.mark.parametrize(
    ("factory", "classes", "size", "gmacs"),
    [
        (deeplab_v3plus, 21, (513, 513), 54.04),
        (deeplab_v3plus, 19, (1025, 2049), 418.38),
        (deeplab_v3plus_r101, 19, (513, 513), 83.0),
        (deeplab_v3plus_r101, 19, (1024, 2048), 631.6),
    ],
)
def test_multiply_accumulates_are_the_published(factory: Factory, classes: int, size: tuple[int, int], gmacs: float) -> None:
    network = on_meta(factory, classes)
    with FlopCounterMode(display=False) as flops:
        network(torch.empty(1, 3, *size, device="meta"))
    assert flops.get_total_flops() / 2e9 == pytest.approx(gmacs, rel=1e-3)


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize("size", [(1, 1), (37, 201), (65, 66)], ids=str)
def test_logits_are_at_stride_4_rounded_up(factory: Factory, output_stride: int, size: tuple[int, int]) -> None:
    network = on_meta(factory, 3, width=1 / 32, output_stride=output_stride)
    assert network(torch.empty(2, 3, *size, device="meta")).shape == (2, 3, *(-(-side // 4) for side in size))


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize(("output_stride", "rates"), [(16, [6, 12, 18]), (8, [12, 24, 36])])
def test_rates_double_when_the_output_stride_halves(factory: Factory, output_stride: int, rates: list[int]) -> None:
    atrous = on_meta(factory, 3, width=1 / 32, output_stride=output_stride).aspp.convs[1:4]
    convs = [branch.conv_dw if isinstance(branch, SeparableConv) else branch[0] for branch in atrous]
    assert [conv.dilation[0] for conv in convs] == rates


def test_aspp_and_decoder_are_separable_on_xception_and_plain_on_resnet() -> None:
    kinds = {factory: [type(m) for m in on_meta(factory, 3, width=1 / 32).decoder] for factory in FACTORIES}
    assert kinds == {deeplab_v3plus: [SeparableConv] * 2, deeplab_v3plus_r101: [nn.Sequential]}
    xception, resnet = (on_meta(factory, 3, width=1 / 32).aspp for factory in FACTORIES)
    assert sum(isinstance(m, SeparableConv) for m in xception.convs) == 3
    assert not any(isinstance(m, SeparableConv) for m in resnet.modules())


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("align_corners", [True, False])
def test_the_decoder_sees_resized_context_and_reduced_detail(factory: Factory, align_corners: bool) -> None:
    network = thin(factory, align_corners=align_corners).eval()
    x = torch.randn(1, 3, 65, 49)
    with torch.inference_mode():
        low, *_, high = network.backbone(x)
        context = F.interpolate(network.aspp(high), size=low.shape[2:], mode="bilinear", align_corners=align_corners)
        detail = network.reduce(low)
        assert detail.shape == (1, 12, 17, 13)
        torch.testing.assert_close(network(x), network.score(network.decoder(torch.cat([context, detail], 1))))


def test_references_differ_in_align_corners_and_normalisation() -> None:
    xception, resnet = (factory(toy(3), width=1 / 32) for factory in FACTORIES)
    assert (xception.arguments["align_corners"], resnet.arguments["align_corners"]) == (True, False)
    assert xception.normalize.mean == xception.normalize.std == (127.5, 127.5, 127.5)


@pytest.mark.parametrize("factory", FACTORIES)
def test_training_on_one_image_is_refused_with_a_way_out(factory: Factory) -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        thin(factory).train()(torch.randn(1, 3, 65, 65))


@pytest.mark.parametrize("factory", FACTORIES)
def test_an_output_stride_without_rates_is_refused(factory: Factory) -> None:
    with pytest.raises(ValueError, match="8 and 16, not 32"):
        factory(toy(3), width=1 / 32, output_stride=32)


@pytest.mark.parametrize("factory", FACTORIES)
def test_arguments_rebuild_the_network(factory: Factory) -> None:
    first = factory(toy(3), width=1 / 32, output_stride=8, align_corners=factory is deeplab_v3plus_r101)
    again = factory(toy(3), **first.arguments)
    again.network.load_state_dict(first.network.state_dict())
    assert again.arguments == first.arguments
    assert again.name == factory.__name__
