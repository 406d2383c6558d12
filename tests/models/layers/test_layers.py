"""Shared layers: bilinear and general transposed convolution, crops, unpooling, initialisation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.models.layers.layers import bilinear_deconv, crop, he_initialise, max_unpool, scaled

SIZES = ((8, 8), (7, 9), (1, 1), (1, 6), (45, 60))
POOLS = [(size, True) for size in SIZES] + [(size, False) for size in SIZES if min(size) > 1]


@pytest.fixture
def deterministic() -> Iterator[None]:
    """Ask torch for deterministic algorithms only, as long as the test runs."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(before)


def pooled(size: tuple[int, int], ceil_mode: bool = True) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return F.max_pool2d(torch.randn(2, 3, *size), 2, ceil_mode=ceil_mode, return_indices=True)  # type: ignore[return-value]


def zero_insertion(x: Tensor, deconv: nn.ConvTranspose2d) -> Tensor:
    """The transposed convolution as the textbook has it: stride by zeros between pixels, then an ordinary convolution."""
    kernel, stride, padding = deconv.kernel_size[0], deconv.stride[0], deconv.padding[0]
    output_padding = deconv.output_padding[0]
    spread = x.new_zeros(*x.shape[:2], (x.shape[2] - 1) * stride + 1, (x.shape[3] - 1) * stride + 1)
    spread[:, :, ::stride, ::stride] = x
    around = kernel - 1 - padding
    spread = F.pad(spread, (around, around + output_padding, around, around + output_padding))
    return F.conv2d(spread, deconv.weight.flip(2, 3).transpose(0, 1), deconv.bias)


DECONVS = (
    bilinear_deconv(3, 4, 2, trainable=False),
    bilinear_deconv(3, 16, 8, trainable=False),
    bilinear_deconv(3, 64, 32, trainable=False),
    nn.ConvTranspose2d(3, 5, 2, stride=2),
    nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1),
)


@pytest.mark.parametrize("deconv", DECONVS, ids=lambda d: f"k{d.kernel_size[0]}s{d.stride[0]}p{d.padding[0]}")
def test_transposed_convolution_is_zero_insertion_then_convolution_with_the_flipped_kernel(deconv: nn.ConvTranspose2d) -> None:
    x = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(deconv(x), zero_insertion(x, deconv), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("deconv", DECONVS, ids=lambda d: f"k{d.kernel_size[0]}s{d.stride[0]}p{d.padding[0]}")
def test_transposed_convolution_has_the_size_of_its_rule(deconv: nn.ConvTranspose2d) -> None:
    kernel, stride, padding, extra = deconv.kernel_size[0], deconv.stride[0], deconv.padding[0], deconv.output_padding[0]
    out = deconv(torch.randn(1, 3, 4, 5))
    assert tuple(out.shape[2:]) == tuple((side - 1) * stride - 2 * padding + kernel + extra for side in (4, 5))


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (16, 8), (32, 16), (64, 32)])
def test_bilinear_deconv_upsamples_as_interpolate_does_away_from_the_edge(kernel: int, stride: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 2, 5, 6)
    up = bilinear_deconv(2, kernel, stride, trainable=False)(x)
    expected = F.interpolate(x, scale_factor=stride, mode="bilinear", align_corners=False)
    inside = slice(stride, -stride)
    torch.testing.assert_close(crop(up, expected)[..., inside, inside], expected[..., inside, inside])


def test_bilinear_deconv_is_dense_and_zero_off_the_diagonal() -> None:
    weight = bilinear_deconv(3, 4, 2, trainable=False).weight
    assert weight.shape == (3, 3, 4, 4)
    assert (weight.sum((2, 3)) - 4 * torch.eye(3)).abs().max() == 0
    assert weight[0, 0, 0].tolist() == [0.0625, 0.1875, 0.1875, 0.0625]


def test_bilinear_deconv_is_frozen_unless_asked() -> None:
    assert not bilinear_deconv(2, 4, 2, trainable=False).weight.requires_grad
    assert bilinear_deconv(2, 4, 2, trainable=True).weight.requires_grad


def test_crop_is_central_or_starts_at_the_offset() -> None:
    x = torch.arange(7).expand(1, 1, 7, 7)
    like = torch.empty(1, 5, 3, 4)
    assert crop(x, like)[0, 0, 0].tolist() == [1, 2, 3, 4]
    assert crop(x, like, 3)[0, 0, 0].tolist() == [3, 4, 5, 6]
    assert crop(x, like).shape == (1, 1, 3, 4)


def test_scaled_rounds_and_never_gives_zero_channels() -> None:
    assert [scaled(64, 1.0), scaled(64, 9 / 64), scaled(512, 0.125), scaled(64, 0.001)] == [64, 9, 64, 1]


def test_scaled_keeps_the_least_but_never_more_than_was_published() -> None:
    assert [scaled(64, 0.1, 12), scaled(64, 0.25, 12), scaled(8, 0.1, 12), scaled(8, 1.0, 12)] == [12, 16, 8, 8]


@pytest.mark.parametrize(("size", "ceil_mode"), POOLS, ids=str)
def test_max_unpool_equals_torch(size: tuple[int, int], ceil_mode: bool) -> None:
    x, indices = pooled(size, ceil_mode)
    assert torch.equal(max_unpool(x, indices, size), F.max_unpool2d(x, indices, [2, 2], output_size=list(size)))


def test_max_unpool_undoes_the_pool_and_is_zero_elsewhere() -> None:
    x, indices = pooled((7, 9))
    back = max_unpool(x, indices, (7, 9))
    assert torch.equal(back.flatten(2).gather(2, indices.flatten(2)).view_as(x), x)
    assert (back != 0).sum() == x.numel()


def test_max_unpool_with_the_wrong_size_puts_values_elsewhere() -> None:
    x, indices = pooled((45, 59))
    assert not torch.equal(max_unpool(x, indices, (46, 60))[..., :45, :59], max_unpool(x, indices, (45, 59)))


def test_max_unpool_runs_deterministically_where_torch_refuses(deterministic: None) -> None:
    x, indices = pooled((8, 8))
    x.requires_grad_()
    with pytest.raises(RuntimeError, match="deterministic"):
        F.max_unpool2d(x, indices, [2, 2])
    weights = torch.randn(2, 3, 8, 8)
    first, second = (max_unpool(x, indices, (8, 8)) for _ in range(2))
    assert torch.equal(first, second)
    (first * weights).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, weights.flatten(2).gather(2, indices.flatten(2)).view_as(x))


def test_max_unpool_has_the_right_gradient() -> None:
    x, indices = pooled((5, 4))
    assert torch.autograd.gradcheck(lambda v: max_unpool(v, indices, (5, 4)), x.double().requires_grad_())


@pytest.mark.parametrize("layer", [nn.Conv2d(64, 128, 3), nn.ConvTranspose2d(128, 64, 2, stride=2)], ids=["conv", "deconv"])
@pytest.mark.parametrize("gain", [1.0, 2.0])
def test_he_initialisation_multiplies_the_second_moment_by_the_gain(layer: nn.Module, gain: float) -> None:
    torch.manual_seed(0)
    he_initialise(layer, gain=gain)
    x = torch.randn(4, 64 if isinstance(layer, nn.Conv2d) else 128, 16, 16)
    assert layer(x).square().mean().item() == pytest.approx(gain, rel=0.1)
    assert not layer.bias.any()
