"""DeepLab v3: torchvision's names and counts, rates that follow the output stride, the auxiliary head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.layers.resnet import ResNetTrunk
from segbench.models.segmenter import Segmenter, TrainingOutput
from segbench.models.zoo.deeplab_v3 import deeplab_v3, deeplab_v3_r50
from tests.models.checks import toy

FACTORIES = (deeplab_v3, deeplab_v3_r50)
Factory = Callable[..., Segmenter]


def on_meta(factory: Factory, classes: int, **arguments: Any) -> Any:
    with torch.device("meta"):
        return factory(toy(classes), **arguments).network.eval()


def thin(factory: Factory = deeplab_v3_r50, **arguments: Any) -> Any:
    torch.manual_seed(0)
    return factory(toy(3), width=1 / 16, **arguments).network


def norm(name: str, channels: int) -> dict[str, tuple[int, ...]]:
    keys = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{key}": (channels,) for key in keys} | {f"{name}.num_batches_tracked": ()}


def torchvision_head_shapes(classes: int) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of torchvision's state dict without ``backbone``."""
    shapes: dict[str, tuple[int, ...]] = {"classifier.0.convs.0.0.weight": (256, 2048, 1, 1)} | norm("classifier.0.convs.0.1", 256)
    for i in (1, 2, 3):
        shapes |= {f"classifier.0.convs.{i}.0.weight": (256, 2048, 3, 3)} | norm(f"classifier.0.convs.{i}.1", 256)
    shapes |= {"classifier.0.convs.4.1.weight": (256, 2048, 1, 1)} | norm("classifier.0.convs.4.2", 256)
    shapes |= {"classifier.0.project.0.weight": (256, 1280, 1, 1)} | norm("classifier.0.project.1", 256)
    shapes |= {"classifier.1.weight": (256, 256, 3, 3)} | norm("classifier.2", 256)
    shapes |= {"classifier.4.weight": (classes, 256, 1, 1), "classifier.4.bias": (classes,)}
    shapes |= {"aux_classifier.0.weight": (256, 1024, 3, 3)} | norm("aux_classifier.1", 256)
    return shapes | {"aux_classifier.4.weight": (classes, 256, 1, 1), "aux_classifier.4.bias": (classes,)}


@pytest.mark.parametrize(("factory", "depth"), [(deeplab_v3, 101), (deeplab_v3_r50, 50)])
def test_names_and_shapes_are_torchvisions(factory: Factory, depth: int) -> None:
    with torch.device("meta"):
        trunk = {f"backbone.{key}": tuple(value.shape) for key, value in ResNetTrunk(depth).state_dict().items()}
    state = {key: tuple(value.shape) for key, value in on_meta(factory, 21).state_dict().items()}
    assert state == trunk | torchvision_head_shapes(21)


@pytest.mark.parametrize(
    ("factory", "classes", "total", "inference"),
    [
        (deeplab_v3, 19, 60_995_174, 58_630_483),
        (deeplab_v3, 21, 60_996_202, 58_630_997),
        (deeplab_v3_r50, 19, 42_003_046, 39_638_355),
        (deeplab_v3_r50, 21, 42_004_074, 39_638_869),
    ],
)
def test_parameter_counts_with_and_without_the_auxiliary_head(factory: Factory, classes: int, total: int, inference: int) -> None:
    network = on_meta(factory, classes)
    count = sum(p.numel() for p in network.parameters() if p.requires_grad)
    unused = sum(p.numel() for head in network.training_only for p in network.get_submodule(head).parameters())
    assert (count, count - unused) == (total, inference)


@pytest.mark.parametrize(
    ("output_stride", "size", "gmacs"), [(16, (513, 513), 71.70), (16, (1024, 2048), 542.4), (8, (513, 513), 245.8 + 65 * 65 * 590_336e-9)]
)
def test_multiply_accumulates_are_the_published(output_stride: int, size: tuple[int, int], gmacs: float) -> None:
    """At stride 8 a network without the 3x3 after the projection was counted; here it is added."""
    network = on_meta(deeplab_v3, 19, output_stride=output_stride)
    with FlopCounterMode(display=False) as flops:
        network(torch.empty(1, 3, *size, device="meta"))
    assert flops.get_total_flops() / 2e9 == pytest.approx(gmacs, rel=0.01)


@pytest.mark.parametrize(("output_stride", "rates", "last"), [(16, [6, 12, 18], [1, 2, 2]), (8, [12, 24, 36], [2, 4, 4])])
def test_rates_double_when_the_output_stride_halves(output_stride: int, rates: list[int], last: list[int]) -> None:
    network = on_meta(deeplab_v3, 19, output_stride=output_stride)
    assert [conv[0].dilation[0] for conv in network.classifier[0].convs[1:4]] == rates
    assert [block.conv2.dilation[0] for block in network.backbone.layer4] == last


def test_multi_grid_is_the_papers_on_request() -> None:
    network = on_meta(deeplab_v3, 19, output_stride=16, multi_grid=(1, 2, 4))
    assert [block.conv2.dilation[0] for block in network.backbone.layer4] == [2, 4, 8]


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("output_stride", [8, 16])
@pytest.mark.parametrize("size", [(1, 1), (37, 201), (65, 65)], ids=str)
def test_the_map_is_at_the_output_stride_rounded_up(factory: Factory, output_stride: int, size: tuple[int, int]) -> None:
    network = on_meta(factory, 3, width=1 / 32, output_stride=output_stride)
    expected = (2, 3, *(-(-side // output_stride) for side in size))
    assert network(torch.empty(2, 3, *size, device="meta")).shape == expected


def test_training_returns_the_auxiliary_logits_at_half_weight() -> None:
    network = thin().train()
    output = network(torch.randn(2, 3, 33, 33))
    assert isinstance(output, TrainingOutput)
    assert output.logits.shape == output.aux[0].logits.shape == (2, 3, 5, 5)
    assert [aux.weight for aux in output.aux] == [0.5]
    assert isinstance(network.eval()(torch.randn(1, 3, 33, 33)), torch.Tensor)


def test_training_on_one_image_is_refused_with_a_way_out() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        thin().train()(torch.randn(1, 3, 33, 33))


def test_dropouts_are_torchvisions() -> None:
    assert [m.p for m in thin().modules() if isinstance(m, nn.Dropout)] == [0.5, 0.1]


def test_an_output_stride_without_rates_is_refused() -> None:
    with pytest.raises(ValueError, match="8 and 16, not 32"):
        thin(output_stride=32)


@pytest.mark.parametrize("factory", FACTORIES)
def test_arguments_rebuild_the_network(factory: Factory) -> None:
    first = factory(toy(3), width=1 / 32, output_stride=16, multi_grid=(1, 2, 4))
    again = factory(toy(3), **first.arguments)
    again.network.load_state_dict(first.network.state_dict())
    assert again.arguments == first.arguments
    assert again.name == factory.__name__
