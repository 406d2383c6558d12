"""BiSeNet: TorchSeg's counts, output stride 8, attention refinement and fusion, which maps of the trunk are used."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segbench.models.zoo.bisenet import AttentionRefinement, BiSeNet, FeatureFusion, Xception39, bisenet_r18, bisenet_x39
from tests.models.checks import Factory, counts, covered, gmacs, rebuilds, small, toy

FACTORIES = (bisenet_x39, bisenet_r18)


@pytest.mark.parametrize(("factory", "total", "infer"), [(bisenet_x39, 1_842_289, 1_541_963), (bisenet_r18, 13_194_489, 12_894_163)])
def test_parameter_counts_with_and_without_the_auxiliary_heads(factory: Factory, total: int, infer: int) -> None:
    assert counts(factory, 19) == (total, infer)


def test_parameters_of_xception39() -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in Xception39(1.0).parameters()) == 299_448


@pytest.mark.parametrize(
    ("factory", "size", "published"),
    [
        (bisenet_x39, (360, 640), 3.065),
        (bisenet_x39, (768, 1536), 15.62),
        (bisenet_x39, (1024, 2048), 27.76),
        (bisenet_r18, (360, 640), 11.58),
        (bisenet_r18, (768, 1536), 58.34),
        (bisenet_r18, (1024, 2048), 103.72),
    ],
)
def test_multiply_accumulates_are_the_published(factory: Factory, size: tuple[int, int], published: float) -> None:
    with torch.device("meta"):
        network = factory(toy(19)).network.eval()
    assert gmacs(network, (1, 3, *size)) == pytest.approx(published, rel=1e-3)


def test_xceptions_maps_are_at_strides_8_16_and_32() -> None:
    trunk = Xception39(1 / 4).eval()
    assert [tuple(m.shape) for m in trunk(torch.zeros(1, 3, 64, 96))] == [(1, 16, 8, 12), (1, 32, 4, 6), (1, 64, 2, 3)]
    assert trunk.channels == (16, 32, 64)


def test_xceptions_depthwise_convolutions_are_bare() -> None:
    network: Any = Xception39(1 / 4)
    depthwise = [m[0] for m in network.modules() if isinstance(m, nn.Sequential) and isinstance(m[0], nn.Conv2d) and m[0].groups > 1]
    followed = [m[1] for m in network.modules() if isinstance(m, nn.Sequential) and isinstance(m[0], nn.Conv2d) and m[0].groups > 1]
    assert len(depthwise) == 3 * (4 + 8 + 4) + 3
    assert all(isinstance(layers[0], nn.Conv2d) and layers[0].kernel_size == (1, 1) for layers in followed)


def test_attention_refinement_gates_its_own_3x3_convolution() -> None:
    torch.manual_seed(0)
    arm = AttentionRefinement(4, 6).eval()
    assert [arm.conv[0].kernel_size, arm.conv[0].out_channels] == [(3, 3), 6]  # type: ignore[union-attr]
    x = torch.randn(2, 4, 5, 7)
    with torch.inference_mode():
        features = arm.conv(x)
        ratio = arm(x) / features
        gate = torch.sigmoid(arm.gate[1](features.mean((2, 3), keepdim=True)))
    torch.testing.assert_close(ratio[features > 0], gate.expand_as(ratio)[features > 0])


def test_fusion_adds_the_gated_map_to_the_map_and_its_gate_is_not_normalised() -> None:
    torch.manual_seed(0)
    fusion = FeatureFusion(6).eval()
    spatial, context = torch.randn(2, 2, 3, 5, 7)
    with torch.inference_mode():
        features = fusion.conv(torch.cat([spatial, context], 1))
        torch.testing.assert_close(fusion(spatial, context), features * (1 + fusion.gate(features)))
    assert [type(m).__name__ for m in fusion.gate] == ["AdaptiveAvgPool2d", "Conv2d", "ReLU", "Conv2d", "Sigmoid"]
    assert sum(p.numel() for p in fusion.gate.parameters()) == 2 * 6 * 6


class Maps(nn.Module):
    """A trunk whose maps do not depend on the image."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = [torch.randn(1, c, s, s, requires_grad=True) for c, s in ((2, 16), (3, 8), (4, 4), (5, 2))]

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.maps


def test_only_the_two_coarsest_maps_of_the_trunk_are_used() -> None:
    torch.manual_seed(0)
    trunk = Maps()
    network = BiSeNet(3, trunk, (2, 3, 4, 5), width=1 / 8, align_corners=True).eval()
    network(torch.randn(1, 3, 64, 64)).square().sum().backward()
    assert [m.grad is not None and bool(m.grad.any()) for m in trunk.maps] == [False, False, True, True]


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("size", [(1, 1), (37, 51), (100, 40)], ids=str)
def test_padded_images_have_one_logit_for_eight_pixels(factory: Factory, size: tuple[int, int]) -> None:
    assert covered(factory(toy(3), width=1 / 8), size) == (8, 8)


@pytest.mark.parametrize("factory", FACTORIES)
def test_sizes_that_are_no_multiple_run_too(factory: Factory) -> None:
    assert small(factory, 1 / 8)(torch.randn(1, 3, 37, 75)).shape == (1, 3, 5, 10)


@pytest.mark.parametrize("factory", FACTORIES)
def test_training_gets_two_auxiliary_logits_of_the_main_heads_weight(factory: Factory) -> None:
    output = small(factory, 1 / 8).train()(torch.randn(2, 3, 64, 96))
    assert output.logits.shape == (2, 3, 8, 12)
    assert [(a.logits.shape, a.weight, a.resize) for a in output.aux] == [((2, 3, 4, 6), 1, "logits"), ((2, 3, 8, 12), 1, "logits")]


@pytest.mark.parametrize("factory", FACTORIES)
def test_corners_are_aligned_by_default_and_it_matters(factory: Factory) -> None:
    x = torch.randn(2, 3, 64, 64)
    network, other = small(factory, 1 / 4), small(factory, 1 / 4, align_corners=False)
    with torch.inference_mode():
        assert (network(x) - other(x)).abs().max() > 1e-4


@pytest.mark.parametrize("factory", FACTORIES)
def test_arguments_rebuild_the_network(factory: Factory) -> None:
    assert rebuilds(factory, width=1 / 8, align_corners=False)
