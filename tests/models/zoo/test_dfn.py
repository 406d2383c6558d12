"""DFN: TorchSeg's counts, what the channel attention multiplies, four heads, the border network."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from segbench.models.size import count_params
from segbench.models.zoo.dfn import ChannelAttention, RefinementResidual, dfn
from tests.models.checks import counts, covered, gmacs, rebuilds, small, toy, without_gradient

WIDTH = 1 / 16


@pytest.mark.parametrize(("classes", "total", "infer"), [(19, 90_217_888, 88_212_444), (21, 90_724_344, 88_339_058)])
def test_parameter_counts_with_all_heads_and_with_the_last(classes: int, total: int, infer: int) -> None:
    assert counts(dfn, classes) == (total, infer)


def test_parameters_of_its_three_parts() -> None:
    with torch.device("meta"):
        network: Any = dfn(toy(19)).network
    trunk, border = (sum(p.numel() for p in part.parameters()) for part in (network.trunk, network.border))
    assert (trunk, border) == (42_623_936, 152_944)
    assert sum(p.numel() for p in network.parameters()) - trunk - border == 47_441_008


def test_the_unused_block_of_the_border_network_is_counted_and_frozen() -> None:
    with torch.device("meta"):
        counted = count_params(dfn(toy(19)))
    assert counted.total - counted.trainable == 8_421


@pytest.mark.parametrize(("size", "published"), [((512, 512), 277.2), ((800, 800), 676.8), ((1024, 2048), 2217.6)])
def test_multiply_accumulates_of_the_whole_are_the_published(size: tuple[int, int], published: float) -> None:
    with torch.device("meta"):
        network = dfn(toy(19)).network.train()
    assert gmacs(network, (2, 3, *size)) == pytest.approx(published, rel=1e-3)


def test_channel_attention_multiplies_the_low_map_and_adds_the_high_one() -> None:
    torch.manual_seed(0)
    attention: Any = ChannelAttention(4)
    low, high = torch.randn(2, 2, 4, 5, 7)
    with torch.no_grad():
        gate = attention.gate(torch.cat([low, high], 1))
        torch.testing.assert_close(attention(low, high), low * gate + high)
        for bias, expected in ((-1e3, high), (1e3, low + high)):
            attention.gate[-2].bias.fill_(bias)
            torch.testing.assert_close(attention(low, high), expected)


def test_channel_attention_looks_at_both_maps() -> None:
    torch.manual_seed(0)
    gate = ChannelAttention(16).gate
    low, high = torch.randn(2, 1, 16, 5, 7)
    with torch.inference_mode():
        first = gate(torch.cat([low, high], 1))
        assert not torch.equal(first, gate(torch.cat([low + 1, high], 1)))
        assert not torch.equal(first, gate(torch.cat([low, high + 1], 1)))


def test_heads_do_not_rectify_their_refinement() -> None:
    network: Any = small(dfn, WIDTH)
    silent = {name for name, m in network.named_modules() if isinstance(m, RefinementResidual) and not m.activate}
    heads = {"head.0"} | {f"aux_heads.{i}.0" for i in range(3)} | {f"border.heads.{i}.0" for i in range(4)}
    assert silent == heads


def test_heads_and_borders_are_as_wide_as_published() -> None:
    with torch.device("meta"):
        network: Any = dfn(toy(19)).network
    assert [h[-1].in_channels for h in (network.head, *network.aux_heads)] == [9 * 19] * 4
    assert [h[-1].in_channels for h in network.border.heads] == [9] * 4
    assert [b.unify.out_channels for b in network.border.before] == [21] * 4


def test_training_gets_three_more_logits_and_four_borders() -> None:
    output = small(dfn, WIDTH).train()(torch.randn(2, 3, 64, 96))
    assert output.logits.shape == (2, 3, 16, 24)
    assert [tuple(aux.logits.shape[1:]) for aux in output.aux] == [(3, 2, 3), (3, 4, 6), (3, 8, 12)]
    assert {(aux.weight, aux.resize) for aux in output.aux} == {(1.0, "logits")}
    assert [tuple(border.shape) for border in output.borders] == [(2, 1, 16, 24)] * 4


def test_the_first_border_sees_the_finest_map_alone() -> None:
    network: Any = small(dfn, WIDTH)
    maps = [m.detach().requires_grad_() for m in network.trunk(torch.randn(1, 3, 64, 64))]
    seen = []
    for border in network.border(maps):
        gradients = torch.autograd.grad(border.sum(), maps, retain_graph=True, allow_unused=True)
        seen.append([g is not None for g in gradients])
    assert seen == [[True] * n + [False] * (4 - n) for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("size", [(1, 1), (37, 51), (100, 40)], ids=str)
def test_padded_images_have_one_logit_for_four_pixels(size: tuple[int, int]) -> None:
    assert covered(dfn(toy(3), width=WIDTH), size) == (4, 4)


def test_sizes_that_are_no_multiple_run_too() -> None:
    assert small(dfn, WIDTH).train()(torch.randn(3, 3, 37, 75)).logits.shape == (3, 3, 10, 19)


def test_a_training_step_reaches_every_trainable_parameter() -> None:
    network = small(dfn, WIDTH)
    assert without_gradient(network, torch.randn(3, 3, 64, 64)) == []
    assert all(p.grad is None for p in network.border.after[0].parameters())


def test_corners_are_aligned_by_default_and_it_matters() -> None:
    x = torch.randn(2, 3, 64, 64)
    network, other = small(dfn, WIDTH), small(dfn, WIDTH, align_corners=False)
    with torch.inference_mode():
        assert (network(x) - other(x)).abs().max() > 1e-4


def test_stem_is_three_3x3_convolutions() -> None:
    network: Any = small(dfn, 1 / 4)
    assert [(m.kernel_size[0], m.out_channels) for m in network.trunk.conv1 if isinstance(m, nn.Conv2d)] == [(3, 16), (3, 16), (3, 32)]


def test_arguments_rebuild_the_network() -> None:
    assert rebuilds(dfn, width=WIDTH, align_corners=False)
