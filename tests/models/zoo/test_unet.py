"""U-Net: counts, sizes, centre crops, dropout."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.zoo.unet import INPUT_RULE, UNet, unet
from tests.models.checks import toy


@pytest.mark.parametrize(
    ("classes", "in_channels", "count"), [(2, 1, 31_030_658), (19, 3, 31_032_915), (21, 3, 31_033_045), (11, 3, 31_032_395)]
)
def test_parameter_count(classes: int, in_channels: int, count: int) -> None:
    with torch.device("meta"):
        network = unet(toy(classes), in_channels=in_channels).network
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == count


def test_the_papers_tile_goes_from_572_to_388_in_150_gmacs() -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as flops:
        logits = UNet(2, in_channels=1)(torch.empty(1, 1, 572, 572))
    assert logits.shape == (1, 2, 388, 388)
    assert flops.get_total_flops() / 2e9 == pytest.approx(150.43, abs=0.01)


def test_it_has_23_convolutions_with_bias_and_no_normalisation() -> None:
    modules = list(UNet(2, width=1 / 16).modules())
    convs = [m for m in modules if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(convs) == 23
    assert all(conv.bias is not None and conv.padding == (0, 0) for conv in convs)
    assert not any("Norm" in type(m).__name__ for m in modules)


@pytest.mark.parametrize("side", [188, 204, 572])
def test_output_is_184_smaller(side: int) -> None:
    with torch.device("meta"):
        assert UNet(3, width=1 / 32)(torch.empty(1, 3, side, 188)).shape == (1, 3, side - 184, 4)


@pytest.mark.parametrize(("height", "width"), [(192, 188), (188, 190), (172, 188), (100, 100)])
def test_sizes_that_would_shift_the_output_are_refused(height: int, width: int) -> None:
    with pytest.raises(ValueError, match=f"cannot take {height}x{width}.*pad to "):
        UNet(2, width=1 / 64)(torch.zeros(1, 3, height, width))


def test_logits_of_the_smallest_image_see_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """With positive weights and mean pools every pixel that can matter has a positive gradient."""
    monkeypatch.setattr(F, "max_pool2d", F.avg_pool2d)
    network = UNet(2, width=1 / 64).eval()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.1)
    x = torch.ones(1, 3, 188, 188, requires_grad=True)
    network(x).sum().backward()
    assert x.grad is not None
    assert (x.grad > 0).all()


def test_skips_are_centred_on_what_they_join() -> None:
    """With mirrored kernels the network commutes with mirroring, so every crop is central and both streams are aligned."""
    torch.manual_seed(0)
    network = UNet(3, width=1 / 32).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.weight.copy_((module.weight + module.weight.flip(3)) / 2)
        x = torch.randn(1, 3, 188, 220)
        torch.testing.assert_close(network(x.flip(3)).flip(3), network(x), rtol=1e-4, atol=1e-5)


def test_a_shift_by_16_shifts_the_logits() -> None:
    torch.manual_seed(0)
    network = UNet(3, width=1 / 32).eval()
    wide = torch.randn(1, 3, 188, 236)
    with torch.inference_mode():
        torch.testing.assert_close(network(wide[..., 16:220]), network(wide)[..., 16:36], rtol=1e-4, atol=1e-5)


def test_dropout_ends_the_contracting_path_before_pool_and_skip() -> None:
    network = UNet(2, width=1 / 32).train()
    seen: list[int] = []
    network.dropout.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape[1]))
    with torch.inference_mode():
        network(torch.randn(1, 3, 188, 188))
    assert seen == [512 // 32, 1024 // 32]
    assert type(network.dropout) is nn.Dropout
    assert network.dropout.p == 0.5


def test_first_loss_is_near_that_of_a_guess() -> None:
    torch.manual_seed(0)
    logits = UNet(19, width=9 / 64).eval()(torch.randn(1, 3, 188, 188))
    assert 0.05 < logits.std().item() < 3


def test_tiles_agree_with_the_whole_image() -> None:
    """Valid convolutions make logits independent of where a tile is cut, on the grid of the pools."""
    torch.manual_seed(0)
    segmenter = unet(toy(3), width=1 / 64)
    network = segmenter.network.eval()
    padded = INPUT_RULE.pad(torch.randn(1, 3, 36, 20))
    with torch.inference_mode():
        tiles = [network(padded[:, :, top : top + 204]) for top in (0, 16)]
        torch.testing.assert_close(torch.cat([tiles[0][:, :, :16], tiles[1]], 2), network(padded), rtol=1e-4, atol=1e-5)


def test_arguments_rebuild_the_network() -> None:
    first = unet(toy(3), width=1 / 32, in_channels=1)
    assert first.arguments == {"width": 1 / 32, "in_channels": 1}
    unet(toy(3), **first.arguments).network.load_state_dict(first.network.state_dict())
