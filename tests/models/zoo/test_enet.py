"""ENet: the authors' counts, the order of dilations, dropout, zero padding and the pools that are undone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segbench.models.segmenter import TrainingOutput
from segbench.models.zoo import enet as module
from segbench.models.zoo.enet import Down, enet
from tests.models.checks import counts, covered, gmacs, rebuilds, small, toy, without_gradient


@pytest.mark.parametrize(("classes", "count"), [(11, 363_791), (12, 363_856), (19, 364_311), (20, 364_376)])
def test_parameter_count_is_that_of_the_lua_files(classes: int, count: int) -> None:
    assert counts(enet, classes) == (count, count)


def test_the_encoders_head_is_counted_for_training_only() -> None:
    assert counts(enet, 19, encoder_head=True) == (364_311 + 128 * 19 + 19, 364_311)


@pytest.mark.parametrize(("size", "published"), [((360, 640), 1.724), ((512, 512), 1.961), ((512, 1024), 3.922), ((1024, 2048), 15.69)])
def test_multiply_accumulates_are_the_published(size: tuple[int, int], published: float) -> None:
    with torch.device("meta"):
        network = enet(toy(19)).network.eval()
    assert gmacs(network, (1, 3, *size)) == pytest.approx(published, rel=1e-3)


def test_dilations_come_in_the_order_of_the_paper_in_both_sections() -> None:
    network: Any = small(enet, 1 / 4)
    for section in (network.stage_2, network.stage_3):
        kinds = []
        for block in section:
            main = [m for m in block.main if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)]
            kinds.append(main[0].dilation[0] if len(main) == 1 else tuple(m.kernel_size for m in main))
        pair = ((1, 5), (5, 1))
        assert kinds == [1, 2, pair, 4, 1, 8, pair, 16]


def test_only_the_second_half_of_an_asymmetric_pair_has_a_bias() -> None:
    network: Any = small(enet, 1 / 4)
    pairs = [m for m in network.modules() if isinstance(m, nn.Conv2d) and 5 in m.kernel_size]
    assert [m.bias is not None for m in pairs] == [False, True] * 4


def test_dropout_drops_maps_and_grows_after_five_bottlenecks_of_the_encoder() -> None:
    network: Any = small(enet, 1 / 4)
    dropouts = {name: m for name, m in network.named_modules() if "Dropout" in type(m).__name__}
    assert {type(m) for m in dropouts.values()} == {nn.Dropout2d}
    assert [m.p for m in dropouts.values()] == [0.01] * 5 + [0.1] * 17
    assert not any(name.startswith(("up", "stage_4", "stage_5")) for name in dropouts)


def test_encoder_has_a_slope_per_channel_and_the_decoder_none() -> None:
    with torch.device("meta"):
        network: Any = enet(toy(3)).network
    slopes = {name: m.num_parameters for name, m in network.named_modules() if isinstance(m, nn.PReLU)}
    assert slopes["initial.after.1"] == 16
    assert slopes["down_1.act"] == 64
    assert slopes["down_1.main.2"] == 16  # a quarter of its output, not of its input
    assert not any(name.startswith(("up", "stage_4", "stage_5")) for name in slopes)


def test_shortcut_of_the_downsampler_is_the_pool_and_zeros() -> None:
    torch.manual_seed(0)
    block = Down(4, 12, 0.1).eval()
    nn.init.zeros_(block.main[-2].weight)  # type: ignore[arg-type]
    x = torch.rand(1, 4, 6, 8)
    out, indices = block(x)
    assert torch.equal(out[:, :4], nn.functional.max_pool2d(x, 2))
    assert not out[:, 4:].any()
    assert indices.shape == (1, 4, 3, 4)


def test_the_decoder_undoes_the_pools_of_the_two_downsamplers_in_reverse(monkeypatch: pytest.MonkeyPatch) -> None:
    network: Any = small(enet, 1 / 4)
    pools: list[Tensor] = []
    undone: list[tuple[Tensor, tuple[int, int]]] = []
    unpool = module.max_unpool

    def recording(values: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        undone.append((indices, size))
        return unpool(values, indices, size)

    for block in (network.down_1, network.down_2):
        block.register_forward_hook(lambda module, inputs, output: pools.append(output[1]))
    monkeypatch.setattr(module, "max_unpool", recording)
    with torch.inference_mode():
        network(torch.randn(1, 3, 32, 48))
    assert [size for _, size in undone] == [(8, 12), (16, 24)]
    assert all(used is made for (used, _), made in zip(undone, reversed(pools), strict=True))


@pytest.mark.parametrize("size", [(1, 1), (37, 51), (64, 40)], ids=str)
def test_any_image_is_padded_to_logits_of_its_size(size: tuple[int, int]) -> None:
    assert covered(enet(toy(3), width=1 / 8), size) == (1, 1)


def test_a_size_whose_maps_would_not_meet_is_refused() -> None:
    with pytest.raises(ValueError, match="ENet cannot take 36x64: both sides must be multiples of 8; pad to 40x64"):
        small(enet, 1 / 8)(torch.zeros(1, 3, 36, 64))


def test_a_training_step_reaches_the_encoders_head_too() -> None:
    assert without_gradient(small(enet, 1 / 4, encoder_head=True), torch.randn(2, 3, 64, 64)) == []


def test_training_without_the_encoders_head_gives_a_tensor_and_with_it_logits_at_an_eighth() -> None:
    x = torch.randn(2, 3, 32, 64)
    assert isinstance(small(enet, 1 / 8).train()(x), Tensor)
    output = small(enet, 1 / 8, encoder_head=True).train()(x)
    assert isinstance(output, TrainingOutput)
    assert [(aux.logits.shape, aux.weight, aux.resize) for aux in output.aux] == [((2, 3, 4, 8), 1.0, "target")]


def test_arguments_rebuild_the_network() -> None:
    assert rebuilds(enet, width=1 / 4, encoder_head=True)
