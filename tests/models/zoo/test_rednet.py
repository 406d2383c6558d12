"""RedNet: the authors' counts, two streams of which one is never altered, depth on demand, five supervised sizes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from segbench.models.zoo.rednet import DecoderBlock, rednet
from tests.models.checks import counts, covered, gmacs, small, toy

WIDTH = 1 / 16
COUNTS = {13: (81_951_681, 81_944_973), 19: (81_956_319, 81_946_515), 37: (81_970_233, 81_951_141), 40: (81_972_552, 81_951_912)}


@pytest.mark.parametrize("classes", COUNTS)
def test_parameter_counts_with_and_without_the_heads_of_training(classes: int) -> None:
    assert counts(rednet, classes) == COUNTS[classes]


@pytest.mark.parametrize(("classes", "published"), [(19, 90.87), (37, 91.23)])
def test_multiply_accumulates_are_the_published(classes: int, published: float) -> None:
    with torch.device("meta"):
        network = rednet(toy(classes)).network.eval()
    assert gmacs(network, (1, 3, 480, 640), (1, 1, 480, 640)) == pytest.approx(published, rel=1e-3)


def inputs(images: int = 2, side: int = 64) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(images, 3, side, side), torch.randn(images, 1, side, side)


def test_it_says_that_it_takes_colour_and_depth() -> None:
    assert rednet(toy(3), width=WIDTH).inputs == ("rgb", "depth")


def test_colour_alone_is_refused() -> None:
    with pytest.raises(ValueError, match=r"RedNet needs depth float\[N, 1, H, W\] as its second input.*use a dataset with depth"):
        small(rednet, WIDTH)(inputs()[0])


def test_depth_of_another_shape_is_refused() -> None:
    rgb, depth = inputs()
    with pytest.raises(ValueError, match=r"depth of shape \[2, 1, 64, 64\] beside colour of \[2, 3, 64, 64\], not \[2, 1, 32, 64\]"):
        small(rednet, WIDTH)(rgb, depth[:, :, :32])


def test_a_size_whose_maps_would_not_meet_is_refused() -> None:
    with pytest.raises(ValueError, match="RedNet cannot take 48x48: both sides must be multiples of 32; pad to 64x64"):
        small(rednet, WIDTH)(*inputs(side=48))


def stages(network: Any, rgb: Tensor, depth: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Maps of the depth encoder during a pass, and what the network fuses."""
    seen: list[Tensor] = []
    names = ("layer1", "layer2", "layer3", "layer4")
    handles = [getattr(network.depth, n).register_forward_hook(lambda module, inputs, output: seen.append(output)) for n in names]
    with torch.inference_mode():
        fused = network.encode(rgb, depth)
    for handle in handles:
        handle.remove()
    return seen, fused


def test_the_depth_stream_never_sees_colour() -> None:
    network: Any = small(rednet, WIDTH)
    rgb, depth = inputs()
    (here, fused), (there, others) = stages(network, rgb, depth), stages(network, torch.randn_like(rgb), depth)
    with torch.inference_mode():
        alone = network.depth(depth)
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(here, there, alone, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(fused, others, strict=True))


def test_depth_is_added_to_colour_after_the_stem_and_each_stage() -> None:
    network: Any = small(rednet, WIDTH)
    rgb, depth = inputs()
    depths, fused = stages(network, rgb, depth)
    with torch.inference_mode():
        torch.testing.assert_close(fused[0], network.colour.stem(rgb) + network.depth.stem(depth))
        before = network.colour.maxpool(fused[0])
        for number, (map_, expected) in enumerate(zip(depths, fused[1:], strict=True), start=1):
            torch.testing.assert_close(getattr(network.colour, f"layer{number}")(before) + map_, expected)
            before = expected


def test_depth_changes_the_logits() -> None:
    network = small(rednet, WIDTH)
    rgb, depth = inputs()
    with torch.inference_mode():
        assert not torch.allclose(network(rgb, depth), network(rgb, -depth))


def test_the_last_block_of_each_decoder_stage_enlarges() -> None:
    network: Any = small(rednet, WIDTH)
    kinds = [[type(block.second[0]).__name__ for block in stage] for stage in network.decoder]
    assert kinds == [["Conv2d"] * (n - 1) + ["ConvTranspose2d"] for n in (6, 4, 3, 3)]
    block: Any = DecoderBlock(4, 2, upsample=True)
    assert [m[0].kernel_size for m in (block.second, block.shortcut)] == [(3, 3), (2, 2)]
    assert block.eval()(torch.randn(1, 4, 3, 5)).shape == (1, 2, 6, 10)


def test_training_gets_five_sizes_of_equal_weight() -> None:
    output = small(rednet, WIDTH).train()(*inputs())
    assert output.logits.shape == (2, 3, 64, 64)
    assert [(a.logits.shape[2], a.weight, a.resize) for a in output.aux] == [(s, 1.0, "target") for s in (4, 8, 16, 32)]


@pytest.mark.parametrize("size", [(1, 1), (37, 51), (64, 40)], ids=str)
def test_any_image_is_padded_to_logits_of_its_size(size: tuple[int, int]) -> None:
    assert covered(rednet(toy(3), width=WIDTH), size, extra_channels=(1,)) == (1, 1)
