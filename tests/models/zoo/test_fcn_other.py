"""FCN-32s on CaffeNet and GoogLeNet: counts, groups and LRN, crops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from segbench.models.segmenter import Segmenter
from segbench.models.zoo import fcn_other
from tests.models.checks import toy

FACTORIES = (fcn_other.fcn32s_alexnet, fcn_other.fcn32s_googlenet)
Factory = Callable[..., Segmenter]

# All parameters, and those without the frozen transposed convolution. Nobody published the last three: they are the trunk, the scores,
# and C * C * k * k.
COUNTS = [
    (fcn_other.fcn32s_alexnet, 19, 58_378_876, 56_946_067),
    (fcn_other.fcn32s_alexnet, 21, 58_704_590, 56_954_261),
    (fcn_other.fcn32s_googlenet, 19, 7_471_683, 5_993_027),
    (fcn_other.fcn32s_alexnet, 11, 56_868_224 + 11 * 4097 + 121 * 3969, 56_868_224 + 11 * 4097),
    (fcn_other.fcn32s_googlenet, 11, 5_973_552 + 11 * 1025 + 121 * 4096, 5_973_552 + 11 * 1025),
    (fcn_other.fcn32s_googlenet, 21, 5_973_552 + 21 * 1025 + 441 * 4096, 5_973_552 + 21 * 1025),
]


def small(factory: Factory) -> Any:
    """A thin network whose scores are not zero, so that the image reaches the logits."""
    torch.manual_seed(0)
    network = factory(toy(3), width=1 / 16).network.eval()
    nn.init.normal_(network.score.weight)
    return network


@pytest.mark.parametrize(("factory", "classes", "total", "trainable"), COUNTS)
def test_parameter_counts_with_and_without_frozen_upsampling(factory: Factory, classes: int, total: int, trainable: int) -> None:
    with torch.device("meta"):
        parameters = list(factory(toy(classes)).network.parameters())
    assert sum(p.numel() for p in parameters) == total
    assert sum(p.numel() for p in parameters if p.requires_grad) == trainable


def test_caffenet_is_not_torchvisions_alexnet() -> None:
    with torch.device("meta"):
        convs = [m for m in fcn_other.fcn32s_alexnet(toy(19)).network.trunk.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.out_channels, m.kernel_size[0], m.groups) for m in convs] == [
        *((96, 11, 1), (256, 5, 2), (384, 3, 1), (384, 3, 2), (256, 3, 2)),
        *((4096, 6, 1), (4096, 1, 1)),
    ]


@pytest.mark.parametrize("factory", FACTORIES)
def test_activations_are_normalised_twice_and_never_by_batch(factory: Factory) -> None:
    kinds = [type(m) for m in factory(toy(3), width=1 / 16).network.modules() if "Norm" in type(m).__name__]
    assert kinds == [nn.LocalResponseNorm, nn.LocalResponseNorm]


def test_normalisation_is_caffes() -> None:
    x = 100 * torch.randn(1, 7, 2, 2)
    square = F.pad(x.square(), (0, 0, 0, 0, 2, 2))
    neighbours = torch.stack([square[:, at : at + 7] for at in range(5)]).sum(0)
    torch.testing.assert_close(fcn_other.lrn()(x), x / (1 + 1e-4 / 5 * neighbours) ** 0.75)


def test_googlenet_has_5x5_branches_and_1024_channels() -> None:
    with torch.device("meta"):
        trunk, channels = fcn_other.googlenet(1.0)
    assert channels == 1024
    assert sum(isinstance(m, nn.Conv2d) and m.kernel_size == (5, 5) for m in trunk.modules()) == 9


@pytest.mark.parametrize("factory", FACTORIES)
def test_logits_have_the_size_of_any_image(factory: Factory) -> None:
    with torch.device("meta"):
        network = factory(toy(3), width=1 / 32).network.eval()
        for side in range(1, 34):  # a whole period of the stride on both axes
            assert network(torch.empty(1, 3, side, 100 - side)).shape == (1, 3, side, 100 - side)


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_shifted_image_shifts_the_logits(factory: Factory) -> None:
    network = small(factory)
    patch = torch.randn(1, 3, 24, 24)
    here, there = torch.zeros(2, 1, 3, 192, 192)
    here[..., 56:80, 64:88] = patch
    there[..., 88:112, 96:120] = patch
    with torch.inference_mode():
        moved, still = network(there)[..., 64:-32, 64:-32], network(here)[..., 32:-64, 32:-64]
    assert still.std() > 0
    torch.testing.assert_close(moved, still, rtol=1e-3, atol=1e-4 * still.abs().max().item())


@pytest.mark.parametrize(("factory", "other_side"), [(fcn_other.fcn32s_alexnet, 18), (fcn_other.fcn32s_googlenet, 99)])
def test_crop_is_central_as_far_as_the_filter_lets_it(factory: Factory, other_side: int) -> None:
    """With mirrored kernels, mirroring the image swaps the two sides of the crop, at sizes of 32 k + 27 where all grids are symmetric."""
    network = small(factory)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.copy_((layer.weight + layer.weight.flip(3)) / 2)
    x = torch.randn(1, 3, 27, 91)
    with torch.inference_mode():
        mirrored = network(x.flip(3)).flip(3)
        offset, network.offset = network.offset, other_side
        straight = network(x)
    assert straight.std() > 0
    if offset == other_side:
        torch.testing.assert_close(mirrored, straight, rtol=1e-3, atol=1e-4 * straight.abs().max().item())
    else:  # The rows moved by one as well, the columns agree.
        assert other_side == offset + 1
        torch.testing.assert_close(mirrored[:, :, 1:], straight[:, :, :-1], rtol=1e-3, atol=1e-4 * straight.abs().max().item())


@pytest.mark.parametrize("factory", FACTORIES)
def test_score_layers_start_at_zero_and_upsampling_is_frozen(factory: Factory) -> None:
    network = factory(toy(3), width=1 / 16).network.eval()
    assert not network(torch.randn(1, 3, 20, 20)).any()
    assert {name for name, p in network.named_parameters() if not p.requires_grad} == {"upscore.weight"}


@pytest.mark.parametrize("factory", FACTORIES)
def test_gradients_reach_every_trainable_parameter(factory: Factory) -> None:
    network = small(factory).train()
    network(torch.randn(1, 3, 64, 64)).square().mean().backward()
    assert {name for name, p in network.named_parameters() if p.grad is None} == {"upscore.weight"}
    assert network.trunk[0][0].weight.grad.any()


@pytest.mark.parametrize("factory", FACTORIES)
def test_arguments_rebuild_the_network(factory: Factory) -> None:
    first = factory(toy(3), width=1 / 16, learn_upsampling=True)
    again = factory(toy(3), **first.arguments)
    again.network.load_state_dict(first.network.state_dict())
    assert again.arguments == first.arguments
    assert again.name == factory.__name__
    assert all(p.requires_grad for p in again.network.parameters())
