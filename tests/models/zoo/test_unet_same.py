"""The padded U-Net: counts, sizes, and that it is not the U-Net of 2015."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.zoo.unet import unet
from segbench.models.zoo.unet_same import UNetSame, unet_same
from tests.models.checks import toy


# the reference counts have 19 classes; a class more or less is 65 parameters.
@pytest.mark.parametrize(("classes", "count"), [(19, 31_038_803), (11, 31_038_803 - 8 * 65), (21, 31_038_803 + 2 * 65)])
def test_parameter_count(classes: int, count: int) -> None:
    with torch.device("meta"):
        network = unet_same(toy(classes)).network
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == count


def test_multiply_accumulates_are_the_published() -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as flops:
        UNetSame(19)(torch.empty(1, 3, 512, 1024))
    assert flops.get_total_flops() / 2e9 == pytest.approx(385.94, abs=0.01)


def test_it_is_never_taken_for_the_unet_of_2015() -> None:
    same, valid = unet_same(toy(3), width=1 / 32), unet(toy(3), width=1 / 32)
    assert (same.name, valid.name) == ("unet_same", "unet")
    with pytest.raises(RuntimeError, match="Missing key"):
        valid.network.load_state_dict(same.network.state_dict())


def test_biases_are_on_the_up_convolutions_and_the_last_layer_only() -> None:
    convs = [m for m in UNetSame(3, width=1 / 32).modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(convs) == 23
    assert all((conv.bias is None) == (conv.kernel_size == (3, 3)) for conv in convs)


@pytest.mark.parametrize("size", [(16, 16), (32, 80)])
def test_logits_have_the_size_of_the_image(size: tuple[int, int]) -> None:
    with torch.device("meta"):
        assert UNetSame(3, width=1 / 32).eval()(torch.empty(2, 3, *size)).shape == (2, 3, *size)


def test_both_streams_are_aligned() -> None:
    """With mirrored kernels the network commutes with mirroring."""
    torch.manual_seed(0)
    network = UNetSame(3, width=1 / 16).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.weight.copy_((module.weight + module.weight.flip(3)) / 2)
        x = torch.randn(1, 3, 32, 48)
        torch.testing.assert_close(network(x.flip(3)).flip(3), network(x), rtol=1e-3, atol=1e-4)
