"""DeepLab v1: counts of the paper's fields of view, multiply-accumulates, stride 8 by dilation."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.layers.vgg import VGG16
from segbench.models.zoo.deeplab_v1 import atrous_vgg16, deeplab_v1
from tests.models.checks import toy


def on_meta(classes: int, **arguments: Any) -> nn.Module:
    with torch.device("meta"):
        return deeplab_v1(toy(classes), **arguments).network.eval()


LARGE_FOV: dict[str, int] = {}
CRF_7X7 = {"kernel": 7, "rate": 4, "head_channels": 4096}
CRF_4X4 = {"kernel": 4, "rate": 4, "head_channels": 4096}


@pytest.mark.parametrize(
    ("classes", "field_of_view", "count"),
    [
        (19, LARGE_FOV, 20_503_379),
        (21, LARGE_FOV, 20_505_429),
        (11, LARGE_FOV, 20_503_379 - 8 * 1025),
        (21, CRF_7X7, 134_346_581),
        (21, CRF_4X4, 65_140_565),
    ],
)
def test_parameter_count(classes: int, field_of_view: dict[str, int], count: int) -> None:
    assert sum(p.numel() for p in on_meta(classes, **field_of_view).parameters() if p.requires_grad) == count


@pytest.mark.parametrize(("size", "gmacs"), [((321, 321), 50.93), ((513, 513), 128.58), ((1024, 2048), 1005.0)])
def test_multiply_accumulates_are_the_published(size: tuple[int, int], gmacs: float) -> None:
    """Within 1 %: at even sizes Caffe's pools round up (129 rows for 1024), which costs 0.9 %."""
    network = on_meta(21)
    with FlopCounterMode(display=False) as flops:
        network(torch.empty(1, 3, *size, device="meta"))
    assert flops.get_total_flops() / 2e9 == pytest.approx(gmacs, rel=0.01)


@pytest.mark.parametrize(
    ("size", "map_size"), [((321, 513), (41, 65)), ((1, 1), (1, 1)), ((37, 200), (6, 26)), ((1024, 2048), (129, 257))], ids=str
)
@pytest.mark.parametrize("field_of_view", [LARGE_FOV, CRF_7X7 | {"head_channels": 8}, CRF_4X4 | {"head_channels": 8}], ids=str)
def test_the_map_is_at_stride_8_and_keeps_the_incomplete_column(
    size: tuple[int, int], map_size: tuple[int, int], field_of_view: dict[str, int]
) -> None:
    assert on_meta(3, width=1 / 32, **field_of_view)(torch.empty(2, 3, *size, device="meta")).shape == (2, 3, *map_size)


def test_the_trunk_is_vgg16_with_names_of_torchvision_and_its_last_stage_dilated() -> None:
    network = deeplab_v1(toy(3), width=1 / 32).network
    own = {name: p.shape for name, p in network.named_parameters() if name.startswith("features.")}
    assert own == {name: p.shape for name, p in VGG16(width=1 / 32).named_parameters()}
    features: Any = network.features
    assert [m.dilation[0] for m in features if isinstance(m, nn.Conv2d)] == [1] * 10 + [2] * 3
    pools = [m for m in features if isinstance(m, nn.MaxPool2d)]
    assert [(pool.kernel_size, pool.stride, pool.padding) for pool in pools] == [(3, 2, 1)] * 3 + [(3, 1, 1)] * 2
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())


def test_the_trunk_shifts_with_its_image() -> None:
    """All pools are centred and padded, so a shift by the stride shifts the map, away from the border."""
    torch.manual_seed(0)
    trunk = atrous_vgg16(1 / 16).eval()
    x = torch.zeros(1, 3, 129, 257)
    x[..., 56:73, 120:137] = torch.randn(1, 3, 17, 17)
    with torch.inference_mode():
        here, there = trunk(x), trunk(F.pad(x, (8, -8)))
    torch.testing.assert_close(there[..., 5:-3, 12:-10], here[..., 5:-3, 11:-11], rtol=1e-3, atol=1e-4 * here.abs().max().item())


def test_fc6_sees_a_3x3_of_rate_12_and_dropout_is_element_wise() -> None:
    head: Any = deeplab_v1(toy(3), width=1 / 32).network.head
    assert (head[0].kernel_size, head[0].dilation, head[0].padding) == ((3, 3), (12, 12), (12, 12))
    assert [(type(m), m.p) for m in head if "Dropout" in type(m).__name__] == [(nn.Dropout, 0.5)] * 2


def test_a_kernel_that_would_change_the_size_is_refused() -> None:
    with pytest.raises(ValueError, match="needs an even rate"):
        on_meta(3, kernel=4, rate=3)


def test_arguments_rebuild_the_network() -> None:
    first = deeplab_v1(toy(3), width=1 / 32, kernel=5, rate=6, head_channels=7)
    again = deeplab_v1(toy(3), **first.arguments)
    again.network.load_state_dict(first.network.state_dict())
    assert again.arguments == first.arguments
