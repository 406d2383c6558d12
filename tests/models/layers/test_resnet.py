"""The ResNet trunk: torchvision's names, shapes and counts, strides, dilations, stems."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import nn

from segbench.models.layers.resnet import Dilation, ResNetTrunk

Shapes = dict[str, tuple[int, ...]]
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
KEYS = ("weight", "bias", "running_mean", "running_var")


def norm(name: str, channels: int) -> Shapes:
    return {f"{name}.{key}": (channels,) for key in KEYS} | {f"{name}.num_batches_tracked": ()}


def torchvision_shapes(depth: int) -> Shapes:
    """Keys and shapes of torchvision's state dict without ``fc``."""
    shapes: Shapes = {"conv1.weight": (64, 3, 7, 7)} | norm("bn1", 64)
    before, expansion = 64, 1 if depth < 50 else 4
    for stage, blocks in enumerate(BLOCKS[depth], start=1):
        inside = 64 << stage >> 1
        out = inside * expansion
        for i in range(blocks):
            name = f"layer{stage}.{i}"
            kernels = (3, 3) if depth < 50 else (1, 3, 1)
            widths = (before, *[inside] * (len(kernels) - 1), out)
            for j, kernel in enumerate(kernels):
                shapes[f"{name}.conv{j + 1}.weight"] = (widths[j + 1], widths[j], kernel, kernel)
                shapes |= norm(f"{name}.bn{j + 1}", widths[j + 1])
            if before != out:
                shapes[f"{name}.downsample.0.weight"] = (out, before, 1, 1)
                shapes |= norm(f"{name}.downsample.1", out)
            before = out
    return shapes


def trunk_on_meta(depth: int, **options: object) -> ResNetTrunk:
    with torch.device("meta"):
        return ResNetTrunk(depth, **options)  # type: ignore[arg-type]


def rates(trunk: ResNetTrunk, stage: int) -> list[int]:
    """Dilation of each block's 3x3 convolution."""
    return [block.conv2.dilation[0] for block in getattr(trunk, f"layer{stage}")]


@pytest.mark.parametrize("depth", BLOCKS)
def test_names_and_shapes_are_torchvisions(depth: int) -> None:
    state = trunk_on_meta(depth).state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == torchvision_shapes(depth)


@pytest.mark.parametrize(
    ("depth", "stem", "count"),
    [
        (18, None, 11_176_512),
        (34, None, 21_284_672),
        (50, None, 23_508_032),
        (101, None, 42_500_160),
        (152, None, 58_143_808),
        (50, (32, 32, 64), 23_527_264),
        (101, (32, 32, 64), 42_519_392),
        (101, (64, 64, 128), 42_623_936),
    ],
)
def test_parameter_count(depth: int, stem: tuple[int, int, int] | None, count: int) -> None:
    assert sum(p.numel() for p in trunk_on_meta(depth, deep_stem=stem).parameters()) == count


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("size", [(1, 1), (33, 64), (97, 101), (224, 224)], ids=str)
def test_stages_are_at_strides_4_to_32_rounded_up(depth: int, size: tuple[int, int]) -> None:
    stages = trunk_on_meta(depth).eval()(torch.empty(1, 3, *size, device="meta"))
    assert [stage.shape[2:] for stage in stages] == [tuple(-(-side // stride) for side in size) for stride in (4, 8, 16, 32)]
    assert [stage.shape[1] for stage in stages] == [w * (1 if depth == 18 else 4) for w in (64, 128, 256, 512)]


@pytest.mark.parametrize(("stride", "expected"), [(32, (8, 4, 2)), (16, (8, 4, 4)), (8, (8, 8, 8))])
def test_dilation_keeps_the_output_stride(stride: int, expected: Sequence[int]) -> None:
    stages = trunk_on_meta(50, dilation=Dilation(stride))(torch.empty(1, 3, 64, 64, device="meta"))
    assert tuple(stage.shape[2] for stage in stages[1:]) == tuple(expected)


def test_the_first_dilated_block_keeps_the_rate_before_as_torchvision_or_not_as_caffe() -> None:
    torchvision, caffe = (trunk_on_meta(50, dilation=Dilation(8, contract=contract)) for contract in (True, False))
    assert [rates(torchvision, stage) for stage in (2, 3, 4)] == [[1] * 4, [1, 2, 2, 2, 2, 2], [2, 4, 4]]
    assert [rates(caffe, stage) for stage in (2, 3, 4)] == [[1] * 4, [2] * 6, [4] * 3]


def test_multi_grid_multiplies_the_dilation_of_the_last_stage() -> None:
    assert rates(trunk_on_meta(50, dilation=Dilation(16, multi_grid=(1, 2, 4))), 4) == [2, 4, 8]
    assert rates(trunk_on_meta(50, dilation=Dilation(8, multi_grid=(1, 2, 4))), 4) == [4, 8, 16]


@pytest.mark.parametrize("depth", [18, 50])
def test_a_dilated_trunk_agrees_with_the_strided_one_on_its_grid(depth: int) -> None:
    """Dilation is the same network evaluated more densely: every second position is the strided map, away from the padding."""
    torch.manual_seed(0)
    strided = ResNetTrunk(depth, width=1 / 16).eval()
    dense = ResNetTrunk(depth, width=1 / 16, dilation=Dilation(16)).eval()
    dense.load_state_dict(strided.state_dict())
    x = torch.randn(1, 3, 96, 128)
    with torch.inference_mode():
        torch.testing.assert_close(dense(x)[3][..., ::2, ::2], strided(x)[3], rtol=1e-3, atol=1e-3 * strided(x)[3].abs().max().item())


@pytest.mark.parametrize(("in_first", "strides"), [(False, [(1, 2)] * 3), (True, [(2, 1)] * 3)])
def test_the_stride_of_a_bottleneck_sits_on_its_3x3_or_on_its_first_1x1(in_first: bool, strides: list[tuple[int, int]]) -> None:
    trunk = trunk_on_meta(50, caffe=in_first)
    assert [(layer[0].conv1.stride[0], layer[0].conv2.stride[0]) for layer in (trunk.layer2, trunk.layer3, trunk.layer4)] == strides


def test_a_strided_first_stage_doubles_every_stride() -> None:
    stages = trunk_on_meta(18, stage_strides=(2, 2, 2, 2))(torch.empty(1, 3, 128, 128, device="meta"))
    assert [stage.shape[2] for stage in stages] == [16, 8, 4, 2]


def test_one_input_channel_and_the_map_before_the_pool() -> None:
    trunk = trunk_on_meta(50, in_channels=1)
    assert trunk.stem(torch.empty(1, 1, 33, 64, device="meta")).shape == (1, trunk.stem_channels, 17, 32)


def test_a_deep_stem_has_three_convolutions_and_the_stride_of_one() -> None:
    trunk = trunk_on_meta(50, deep_stem=(64, 64, 128))
    convs = [m for m in trunk.conv1.modules() if isinstance(m, nn.Conv2d)]
    assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in convs] == [(64, 3, 2), (64, 3, 1), (128, 3, 1)]
    assert trunk.stem(torch.empty(1, 3, 33, 64, device="meta")).shape == (1, 128, 17, 32)


def test_a_ceil_mode_pool_keeps_the_incomplete_column() -> None:
    assert trunk_on_meta(18, caffe=True)(torch.empty(1, 3, 64, 66, device="meta"))[0].shape[2:] == (17, 17)


def test_width_scales_every_stage_down_to_what_can_still_learn() -> None:
    assert ResNetTrunk(50, width=1 / 4).channels == (64, 128, 256, 512)
    assert ResNetTrunk(50, width=1 / 8).channels == (4 * 12, 64, 128, 256)
    assert ResNetTrunk(18, width=1 / 8).channels == (12, 16, 32, 64)


def test_impossible_depths_and_strides_are_refused() -> None:
    with pytest.raises(ValueError, match="no ResNet-42"):
        ResNetTrunk(42)
    with pytest.raises(ValueError, match="cannot end at stride 64, but at 32"):
        trunk_on_meta(18, dilation=Dilation(64))


@pytest.mark.parametrize("depth", [18, 50])
def test_gradients_reach_every_parameter(depth: int) -> None:
    torch.manual_seed(0)
    trunk = ResNetTrunk(depth, width=1 / 16).train()
    sum(stage.square().mean() for stage in trunk(torch.randn(2, 3, 65, 65))).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None and p.grad.any() for p in trunk.parameters())
