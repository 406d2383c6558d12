"""The VGG16 trunk: torchvision's names, shapes and counts, and what unpooling needs."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segbench.models.layers.vgg import VGG16

# torchvision.models.vgg16 and vgg16_bn: positions of the convolutions in ``features``.
CONV_AT = {
    False: (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    True: (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40),
}
WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)


def torchvision_shapes(bn: bool) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of torchvision's state dict without the classifier."""
    shapes: dict[str, tuple[int, ...]] = {}
    for at, (before, out) in zip(CONV_AT[bn], zip((3, *WIDTHS), WIDTHS, strict=False), strict=True):
        shapes[f"features.{at}.weight"], shapes[f"features.{at}.bias"] = (out, before, 3, 3), (out,)
        if bn:
            shapes |= {f"features.{at + 1}.{key}": (out,) for key in ("weight", "bias", "running_mean", "running_var")}
            shapes[f"features.{at + 1}.num_batches_tracked"] = ()
    return shapes


@pytest.mark.parametrize("bn", [False, True])
def test_names_and_shapes_are_torchvisions(bn: bool) -> None:
    with torch.device("meta"):
        state = VGG16(bn=bn).state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == torchvision_shapes(bn)


@pytest.mark.parametrize(("bn", "count"), [(False, 14_714_688), (True, 14_723_136)])
def test_parameter_count(bn: bool, count: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in VGG16(bn=bn).parameters()) == count


@pytest.mark.parametrize(("ceil_mode", "rows"), [(True, [180, 90, 45, 23, 12]), (False, [180, 90, 45, 22, 11])])
def test_stages_tell_the_sizes_before_their_pools(ceil_mode: bool, rows: list[int]) -> None:
    with torch.device("meta"):
        stages = VGG16(ceil_mode=ceil_mode, width=1 / 64)(torch.empty(1, 3, 360, 480))
    assert [stage.pooled.shape[2] for stage in stages] == rows
    assert [stage.size[0] for stage in stages] == [360, *rows[:-1]]
    assert all(stage.indices.shape == stage.pooled.shape for stage in stages)


def test_indices_point_at_the_pooled_values() -> None:
    trunk = VGG16(ceil_mode=True, width=1 / 16)
    x = torch.randn(1, 3, 21, 33)
    before = trunk.features[:4](x)
    stage = trunk(x)[0]
    assert torch.equal(before.flatten(2).gather(2, stage.indices.flatten(2)).view_as(stage.pooled), stage.pooled)


def test_only_the_first_convolution_takes_the_padding() -> None:
    convs = [layer for layer in VGG16(padding=100, width=1 / 64).features if isinstance(layer, nn.Conv2d)]
    assert [conv.padding[0] for conv in convs] == [100] + [1] * 12


def test_width_scales_every_stage() -> None:
    assert VGG16(width=1 / 8).channels == (8, 16, 32, 64, 64)


def test_signal_survives_thirteen_layers_without_batch_normalisation() -> None:
    torch.manual_seed(0)
    deepest = VGG16(width=0.25)(torch.randn(2, 3, 128, 128))[-1].pooled
    assert 0.2 < deepest.square().mean().sqrt().item() < 10
