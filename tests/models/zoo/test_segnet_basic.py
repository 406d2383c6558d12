"""SegNet-Basic: counts, sizes, a linear decoder, LRN of bytes, indices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.zoo import segnet_basic as module
from segbench.models.zoo.segnet_basic import SegNetBasic, segnet_basic
from tests.models.checks import toy


# The prototxt at 11 and 19 classes; a class more is 65 parameters.
@pytest.mark.parametrize(("classes", "count"), [(11, 1_416_587), (19, 1_417_107), (21, 1_417_107 + 2 * 65)])
def test_parameter_count(classes: int, count: int) -> None:
    with torch.device("meta"):
        network = segnet_basic(toy(classes)).network
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == count


@pytest.mark.parametrize(("classes", "size", "gmacs"), [(11, (360, 480), 59.19), (19, (512, 1024), 179.85)])
def test_multiply_accumulates_are_the_published(classes: int, size: tuple[int, int], gmacs: float) -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as flops:
        SegNetBasic(classes)(torch.empty(1, 3, *size))
    assert flops.get_total_flops() / 2e9 == pytest.approx(gmacs, abs=0.01)


def test_the_decoder_has_no_relu() -> None:
    """From unpooled maps to logits, it is affine: the mean of two images' is the mean image's."""
    network = SegNetBasic(3, width=1 / 8).eval()
    assert not any(isinstance(m, nn.ReLU) for m in network.modules())
    first, second = torch.randn(2, 1, 8, 9, 9)
    with torch.inference_mode():
        for conv in network.decoder:
            torch.testing.assert_close(conv((first + second) / 2), (conv(first) + conv(second)) / 2, rtol=1e-3, atol=1e-4)
            assert (conv(first) < 0).any()


def test_decoder_maps_are_unpooled_with_their_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    unpooled: list[Tensor] = []
    unpool = module.max_unpool
    monkeypatch.setattr(module, "max_unpool", lambda values, indices, size: unpooled.append(values) or unpool(values, indices, size))
    with torch.inference_mode():
        SegNetBasic(3, width=1 / 8).eval()(255 * torch.rand(1, 3, 40, 40))
    assert [bool((values < 0).any()) for values in unpooled] == [False, True, True, True]


def test_the_network_sees_bgr_bytes_and_damps_bright_ones() -> None:
    segmenter = segnet_basic(toy(3), width=1 / 8)
    x = segmenter.normalize(torch.tensor([[[[250, 20, 30]]]], dtype=torch.uint8))
    assert x.flatten().tolist() == [30, 20, 250]
    normalised = segmenter.network.normalise(x)  # type: ignore[operator]
    torch.testing.assert_close(normalised, x / (1 + 1e-4 / 5 * x.square().sum()) ** 0.75)
    assert normalised.max() < 150


def test_convolutions_are_7x7_and_64_wide() -> None:
    with torch.device("meta"):
        convs = [m for m in SegNetBasic(11).modules() if isinstance(m, nn.Conv2d)]
    assert [(m.kernel_size[0], m.out_channels) for m in convs] == [(7, 64)] * 8 + [(1, 11)]
    assert all(m.bias is not None for m in convs)


@pytest.mark.parametrize("size", [(360, 480), (1, 64), (101, 77), (32, 33)], ids=str)
def test_logits_have_the_size_of_the_image(size: tuple[int, int]) -> None:
    with torch.device("meta"):
        assert SegNetBasic(11, width=1 / 32).eval()(torch.empty(2, 3, *size)).shape == (2, 11, *size)


def test_training_step_is_deterministic_and_reaches_every_parameter() -> None:
    """A bias in front of batch normalisation gets a gradient too, of rounding errors."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        first, second = gradients_of_a_step(), gradients_of_a_step()
    finally:
        torch.use_deterministic_algorithms(before)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(gradient.any() for gradient in first if gradient.ndim > 1)


def gradients_of_a_step() -> list[Tensor]:
    torch.manual_seed(0)
    network = SegNetBasic(3, width=1 / 8).train()
    network(255 * torch.rand(2, 3, 45, 60)).square().mean().backward()
    return [p.grad.clone() for p in network.parameters() if p.grad is not None or pytest.fail("no gradient")]
