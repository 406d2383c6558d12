"""Xception-65: timm's names, counts, strides, where its ReLUs stand, and the map for the decoder."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segbench.models.layers.xception import SeparableConv, Xception65

WIDTHS = [(128,) * 3, (256,) * 3, *[(728,) * 3] * 17, (728, 1024, 1024), (1536, 1536, 2048)]


def timm_shapes() -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the parameters of timm's ``xception65`` without ``head``."""
    shapes: dict[str, tuple[int, ...]] = {"stem.0.conv.weight": (32, 3, 3, 3), "stem.1.conv.weight": (64, 32, 3, 3)}
    norms = {"stem.0.bn": 32, "stem.1.bn": 64}
    channels = 64
    for i, widths in enumerate(WIDTHS):
        if i in (0, 1, 2, 19):
            shapes[f"blocks.{i}.shortcut.conv.weight"] = (widths[-1], channels, 1, 1)
            norms[f"blocks.{i}.shortcut.bn"] = widths[-1]
        for j, out in enumerate(widths, start=1):
            name = f"blocks.{i}.stack.conv{j}"
            shapes |= {f"{name}.conv_dw.weight": (channels, 1, 3, 3), f"{name}.conv_pw.weight": (out, channels, 1, 1)}
            norms |= {f"{name}.bn_dw": channels, f"{name}.bn_pw": out}
            channels = out
    return shapes | {f"{name}.{key}": (count,) for name, count in norms.items() for key in ("weight", "bias")}


def test_names_shapes_and_count_are_timms() -> None:
    with torch.device("meta"):
        trunk = Xception65()
    assert {name: tuple(p.shape) for name, p in trunk.named_parameters()} == timm_shapes()
    assert sum(p.numel() for p in trunk.parameters()) == 37_867_312


@pytest.mark.parametrize(("stride", "rows"), [(32, 3), (16, 5), (8, 9)])
@pytest.mark.parametrize("width", [1.0, 1 / 16])
def test_maps_are_at_stride_4_and_at_the_output_stride(stride: int, rows: int, width: float) -> None:
    with torch.device("meta"):
        trunk = Xception65(output_stride=stride, width=width)
        low, high = trunk(torch.empty(1, 3, 65, 65))
    assert low.shape == (1, round(256 * width), 17, 17)
    assert high.shape == (1, round(2048 * width), rows, rows)
    assert trunk.channels == (low.shape[1], high.shape[1])


@pytest.mark.parametrize(
    ("stride", "expected"), [(32, [1] * 21), (16, [1] * 20 + [2]), (8, [1] * 3 + [2] * 17 + [4])], ids=["32", "16", "8"]
)
def test_a_block_is_dilated_by_the_strides_taken_from_those_before_it(stride: int, expected: list[int]) -> None:
    with torch.device("meta"):
        blocks = Xception65(output_stride=stride).blocks
    assert [block.stack[-1].conv_dw.dilation[0] for block in blocks] == expected


def test_only_the_last_block_rectifies_behind_its_convolutions_and_has_no_shortcut() -> None:
    *others, last = Xception65(width=1 / 32).blocks
    for block in others:
        assert [type(m) for m in block.stack] == [nn.ReLU, SeparableConv] * 3
        assert isinstance(block.stack[1].act_dw, nn.Identity)
    assert [type(m) for m in last.stack] == [SeparableConv] * 3
    assert isinstance(last.stack[1].act_dw, nn.ReLU)
    assert last.shortcut is None


def test_the_low_level_map_is_normalised_but_not_rectified() -> None:
    torch.manual_seed(0)
    trunk = Xception65(width=1 / 32).train()
    seen: list[torch.Tensor] = []
    trunk.blocks[1].stack.conv2.register_forward_hook(lambda module, inputs, output: seen.append(output))
    low, high = trunk(torch.randn(2, 3, 33, 33))
    assert torch.equal(low, seen[0])
    assert (low < 0).any()
    assert (high >= 0).all()


def test_batch_normalisation_has_the_epsilon_of_the_reference() -> None:
    assert {m.eps for m in Xception65(width=1 / 32).modules() if isinstance(m, nn.BatchNorm2d)} == {1e-3}


def test_an_impossible_stride_is_refused() -> None:
    with pytest.raises(ValueError, match="8, 16 or 32, not 4"):
        Xception65(output_stride=4)
