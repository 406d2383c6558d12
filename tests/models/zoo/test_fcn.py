"""FCN: counts, crops and offsets, zero scores, frozen upsampling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.segmenter import Segmenter
from segbench.models.zoo import fcn
from tests.models.checks import toy

FACTORIES = (fcn.fcn32s, fcn.fcn16s, fcn.fcn8s, fcn.fcn8s_atonce)
Factory = Callable[..., Segmenter]

# classes -> variant -> all parameters, and those without the frozen transposed convolutions: wkentaro's port and the prototxts agree.
PUBLISHED: dict[int, dict[str, tuple[int, int | None]]] = {
    19: {
        "fcn32s": (135_817_043, 134_338_387),
        "fcn16s": (134_723_574, 134_348_134),
        "fcn8s": (134_456_985, 134_353_017),
        "fcn8s_atonce": (134_456_985, 134_353_017),
    },
    21: {"fcn32s": (136_152_917, 134_346_581), "fcn16s": (134_815_994, None), "fcn8s": (134_489_759, 134_362_751)},
}
# Nobody published 11 classes; those are by hand, and so is a check of the others: VGG16's convolutions, fc6 and fc7; then
# C * (channels + 1) per score layer and C * C * k * k per transposed convolution.
TRUNK_AND_HEAD = 14_714_688 + (7 * 7 * 512 + 1) * 4096 + (4096 + 1) * 4096
SCORES = {"fcn32s": (4096,), "fcn16s": (4096, 512), "fcn8s": (4096, 512, 256), "fcn8s_atonce": (4096, 512, 256)}
KERNELS = {"fcn32s": (64,), "fcn16s": (4, 32), "fcn8s": (4, 4, 16), "fcn8s_atonce": (4, 4, 16)}


def small(factory: Factory, classes: int = 3, **arguments: object) -> Any:
    """A thin network whose score layers are not zero, so that the image reaches the logits."""
    torch.manual_seed(0)
    network = factory(toy(classes), width=1 / 32, head_channels=8, **arguments).network.eval()
    for layer in (network.score, *network.skip_scores.values()):
        nn.init.normal_(layer.weight)
    return network


def by_hand(variant: str, classes: int) -> tuple[int, int]:
    trainable = TRUNK_AND_HEAD + sum(classes * (channels + 1) for channels in SCORES[variant])
    return trainable + sum(classes * classes * k * k for k in KERNELS[variant]), trainable


def counted(factory: Factory, classes: int, **arguments: object) -> tuple[int, int]:
    with torch.device("meta"):
        parameters = list(factory(toy(classes), **arguments).network.parameters())
    return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)


@pytest.mark.parametrize("classes", [11, 19, 21])
@pytest.mark.parametrize("factory", FACTORIES)
def test_parameter_counts_with_and_without_frozen_upsampling(factory: Factory, classes: int) -> None:
    total, trainable = counted(factory, classes)
    published_total, published_trainable = PUBLISHED.get(classes, {}).get(factory.__name__) or by_hand(factory.__name__, classes)
    assert (total, trainable) == by_hand(factory.__name__, classes)
    assert total == published_total
    assert published_trainable in (None, trainable)


def test_learned_upsampling_makes_every_parameter_trainable() -> None:
    assert counted(fcn.fcn8s, 19, learn_upsampling=True) == (134_456_985, 134_456_985)


@pytest.mark.parametrize(("size", "gmacs"), [((360, 480), 139.73), ((500, 500), 181.42)])
def test_multiply_accumulates_of_the_8s_are_the_published(size: tuple[int, int], gmacs: float) -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as flops:
        fcn.fcn8s(toy(19)).network(torch.empty(1, 3, *size))
    assert flops.get_total_flops() / 2e9 == pytest.approx(gmacs, abs=0.01)


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("size", [(1, 1), (1, 64), (33, 2), (101, 77), (90, 90)], ids=str)
def test_logits_have_the_size_of_the_image(factory: Factory, size: tuple[int, int]) -> None:
    with torch.device("meta"):
        network = factory(toy(3), width=1 / 32).network
        assert network(torch.empty(2, 3, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_shifted_image_shifts_the_logits(factory: Factory) -> None:
    """On black, all of the signal stays on the padded canvas; only the outer 32 pixels miss scores that the valid fc6 cut off."""
    network = small(factory)
    patch = torch.randn(1, 3, 24, 24)
    here, there = torch.zeros(2, 1, 3, 192, 192)
    here[..., 56:80, 64:88] = patch
    there[..., 88:112, 96:120] = patch
    with torch.inference_mode():
        moved, still = network(there)[..., 64:-32, 64:-32], network(here)[..., 32:-64, 32:-64]
    assert still.std() > 0
    torch.testing.assert_close(moved, still, rtol=1e-3, atol=1e-4 * still.abs().max().item())


@pytest.mark.parametrize("factory", FACTORIES)
def test_crop_offsets_are_central(factory: Factory) -> None:
    """With mirrored kernels the network must commute with mirroring where all its grids are symmetric: at sizes of 32 k + 26."""
    network = small(factory)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.copy_((layer.weight + layer.weight.flip(3)) / 2)
    x = torch.randn(1, 3, 26, 90)
    with torch.inference_mode():
        mirrored, straight = network(x.flip(3)).flip(3), network(x)
    assert straight.std() > 0
    torch.testing.assert_close(mirrored, straight, rtol=1e-3, atol=1e-4 * straight.abs().max().item())


def test_skips_are_cropped_then_summed() -> None:
    network = small(fcn.fcn8s)
    x = torch.randn(1, 3, 50, 70)
    with torch.inference_mode():
        maps = [stage.pooled for stage in network.trunk(x)]
        score = F.conv_transpose2d(network.score(network.head(maps[4])), network.upscore_2["pool4"].weight, stride=2)
        height, width = score.shape[2:]
        score = score + network.skip_scores["pool4"](maps[3])[..., 5 : 5 + height, 5 : 5 + width]
        score = F.conv_transpose2d(score, network.upscore_2["pool3"].weight, stride=2)
        height, width = score.shape[2:]
        score = score + network.skip_scores["pool3"](maps[2])[..., 9 : 9 + height, 9 : 9 + width]
        expected = F.conv_transpose2d(score, network.upscore.weight, stride=8)[..., 31:81, 31:101]
        torch.testing.assert_close(network(x), expected)


def test_at_once_scales_the_maps_of_its_skips() -> None:
    once, staged = small(fcn.fcn8s_atonce), small(fcn.fcn8s)
    once.load_state_dict(staged.state_dict())
    with torch.no_grad():
        once.skip_scores["pool4"].weight *= 100
        once.skip_scores["pool3"].weight *= 10_000
        x = torch.randn(1, 3, 40, 40)
        torch.testing.assert_close(once(x), staged(x), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("factory", FACTORIES)
def test_score_layers_start_at_zero(factory: Factory) -> None:
    network = factory(toy(3), width=1 / 32).network.eval()
    assert not network(torch.randn(1, 3, 20, 20)).any()


@pytest.mark.parametrize("factory", FACTORIES)
def test_score_layers_learn_first_and_then_the_trunk_does(factory: Factory) -> None:
    torch.manual_seed(0)
    network: Any = factory(toy(3), width=1 / 32, head_channels=8).network.eval()
    x, target = torch.randn(1, 3, 32, 32), torch.randint(0, 3, (1, 32, 32))
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    F.cross_entropy(network(x), target).backward()
    reached = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.any()}
    assert reached == {name for name, _ in network.named_parameters() if name.startswith(("score.", "skip_scores."))}
    optimizer.step()
    F.cross_entropy(network(x), target).backward()
    assert network.trunk.features[0].weight.grad.any()
    assert network.head[0].weight.grad.any()


def test_upsampling_is_frozen_and_bilinear() -> None:
    network = fcn.fcn8s(toy(3), width=1 / 32).network
    deconvs = [m for m in network.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [(d.kernel_size[0], d.stride[0], d.bias) for d in deconvs] == [(4, 2, None), (4, 2, None), (16, 8, None)]
    assert not any(d.weight.requires_grad for d in deconvs)


def test_dropout_is_element_wise() -> None:
    dropouts = [type(m) for m in fcn.fcn8s(toy(3), width=1 / 32).network.modules() if "Dropout" in type(m).__name__]
    assert dropouts == [nn.Dropout, nn.Dropout]


@pytest.mark.parametrize("factory", FACTORIES)
def test_arguments_rebuild_the_network(factory: Factory) -> None:
    first = factory(toy(3), width=1 / 32, head_channels=5, learn_upsampling=True)
    again = factory(toy(3), **first.arguments)
    again.network.load_state_dict(first.network.state_dict())
    assert again.arguments == first.arguments
    assert again.name == factory.__name__
    assert all(p.requires_grad for p in again.network.parameters())
