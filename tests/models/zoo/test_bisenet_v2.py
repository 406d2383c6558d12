"""BiSeNet v2: CoinCheung's counts, gather-and-expand blocks, guided aggregation, boosters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from segbench.models.zoo.bisenet_v2 import GatherExpand, GuidedAggregation, SemanticBranch, bisenet_v2
from tests.models.checks import counts, covered, gmacs, small, toy


def test_parameter_counts_with_and_without_the_boosters() -> None:
    assert counts(bisenet_v2, 19) == (5_231_487, 3_358_627)


@pytest.mark.parametrize(("size", "published"), [((512, 1024), 24.60), ((1024, 2048), 98.41)])
def test_multiply_accumulates_are_the_published(size: tuple[int, int], published: float) -> None:
    with torch.device("meta"):
        network = bisenet_v2(toy(19)).network.eval()
    assert gmacs(network, (1, 3, *size)) == pytest.approx(published, rel=1e-3)


def test_semantic_maps_are_at_strides_4_to_32() -> None:
    maps = SemanticBranch(1.0).eval()(torch.zeros(1, 3, 64, 64))
    assert [tuple(m.shape[1:]) for m in maps] == [(16, 16, 16), (32, 8, 8), (64, 4, 4), (128, 2, 2), (128, 2, 2)]


def test_expansion_is_depthwise_six_times_and_twice_when_the_size_halves() -> None:
    for stride, depthwise in ((1, [(4, 24, 1)]), (2, [(4, 24, 2), (24, 24, 1)])):
        block: Any = GatherExpand(4, 4 * stride, stride)
        convs = [layers[0] for layers in block.main]
        assert [(c.in_channels, c.out_channels, c.stride[0]) for c in convs if c.groups > 1] == depthwise
    assert sum(isinstance(m, nn.ReLU) for m in block.main.modules()) == 2  # none after the first depthwise of the pair


@pytest.mark.parametrize(("gate", "silenced", "heard"), [("semantic_up", "detail", "detail_down"), ("semantic", "detail_down", "detail")])
def test_a_closed_semantic_gate_silences_the_detail_of_its_stride(gate: str, silenced: str, heard: str) -> None:
    torch.manual_seed(0)
    aggregation: Any = GuidedAggregation(4).eval()
    getattr(aggregation, gate).register_forward_hook(lambda module, inputs, output: output - 1e3)
    aggregation(torch.randn(1, 4, 16, 16), torch.randn(1, 4, 4, 4)).square().sum().backward()
    assert not any(p.grad.any() for p in getattr(aggregation, silenced).parameters())
    assert all(p.grad.any() for p in getattr(aggregation, heard).parameters())


@pytest.mark.parametrize("size", [(1, 1), (37, 51), (100, 40)], ids=str)
def test_padded_images_have_one_logit_for_eight_pixels(size: tuple[int, int]) -> None:
    assert covered(bisenet_v2(toy(3), width=1 / 16), size) == (8, 8)


def test_sizes_that_are_no_multiple_run_too() -> None:
    assert small(bisenet_v2, 1 / 16)(torch.randn(1, 3, 37, 75)).shape == (1, 3, 5, 10)


def test_training_gets_the_logits_of_four_boosters() -> None:
    output = small(bisenet_v2, 1 / 16).train()(torch.randn(2, 3, 64, 96))
    assert output.logits.shape == (2, 3, 8, 12)
    assert [tuple(aux.logits.shape[2:]) for aux in output.aux] == [(32, 48), (16, 24), (8, 12), (4, 6)]
    assert {(aux.weight, aux.resize) for aux in output.aux} == {(1.0, "logits")}
