"""PIDNet-S: counts, sizes, heads that only train, fusions."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.segmenter import TrainingOutput
from segbench.models.zoo.ddrnet import resize
from segbench.models.zoo.pidnet import PAPPM, LightBag, PagFM, PIDNet, pidnet_s
from tests.models.checks import toy


def small() -> PIDNet:
    torch.manual_seed(0)
    return PIDNet(3, channels=8, pyramid_channels=16, head_channels=16)


# the reference counts have 19 classes; a class more or less is 129 parameters in each of two heads.
@pytest.mark.parametrize("classes", [11, 19, 21])
def test_parameter_counts_with_and_without_the_training_heads(classes: int) -> None:
    with torch.device("meta"):
        network = pidnet_s(toy(classes)).network
    heads = [network.get_submodule(name) for name in network.training_only]  # type: ignore[union-attr]
    total = sum(p.numel() for p in network.parameters())
    assert total == 7_720_935 + (classes - 19) * 2 * 129
    assert total - sum(p.numel() for head in heads for p in head.parameters()) == 7_625_715 + (classes - 19) * 129


def test_multiply_accumulates_are_the_published() -> None:
    with torch.device("meta"):
        network = pidnet_s(toy(19)).network.eval()
    with FlopCounterMode(display=False) as flops, torch.inference_mode():
        network(torch.empty(1, 3, 1024, 2048, device="meta"))
    assert flops.get_total_flops() / 2e9 == pytest.approx(47.19, abs=0.01)


@pytest.mark.parametrize("size", [(64, 128), (8, 8), (37, 51), (90, 120)], ids=str)
def test_logits_are_at_stride_8_of_any_image(size: tuple[int, int]) -> None:
    with torch.inference_mode():
        logits = small().eval()(torch.zeros(2, 3, *size))
    assert logits.shape == (2, 3, *(-(-side // 8) for side in size))


def test_training_adds_a_head_and_boundaries() -> None:
    network = small().train()
    output = network(torch.randn(2, 3, 128, 128))
    assert isinstance(output, TrainingOutput)
    assert [(tuple(head.logits.shape), head.weight) for head in output.aux] == [((2, 3, 16, 16), 0.4)]
    assert [tuple(borders.shape) for borders in output.borders] == [(2, 1, 16, 16)]


def test_evaluation_runs_no_training_head() -> None:
    network = small().eval()
    for name in network.training_only:
        network.get_submodule(name).register_forward_hook(lambda *_: pytest.fail("a training head ran"))
    with torch.inference_mode():
        assert isinstance(network(torch.randn(1, 3, 64, 64)), torch.Tensor)


def test_training_heads_see_rectified_maps() -> None:
    network = small().train()
    seen: list[torch.Tensor] = []
    for name in network.training_only:
        network.get_submodule(name).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network(torch.randn(2, 3, 64, 64))
    assert len(seen) == 2
    assert all((maps >= 0).all() for maps in seen)


def test_pixel_attention_moves_between_its_two_inputs() -> None:
    torch.manual_seed(0)
    fine, deep = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 2, 2)
    with torch.inference_mode():
        fused, coarse = PagFM(4, 2).eval()(fine, deep), resize(deep, fine)
        share = (fused - fine) / (coarse - fine)
    torch.testing.assert_close(share, share[:, :1].expand_as(share), rtol=1e-2, atol=1e-3)
    assert ((share > 0) & (share < 1)).all()


def test_detail_prevails_at_boundaries_and_context_elsewhere() -> None:
    torch.manual_seed(0)
    fusion = LightBag(4).eval()
    p, i, boundary = *torch.randn(2, 4, 3, 3).split(1), torch.full((1, 4, 3, 3), 50.0)
    with torch.inference_mode():
        torch.testing.assert_close(fusion(p, i, boundary), fusion.conv_p(p) + fusion.conv_i(i + p))
        torch.testing.assert_close(fusion(p, i, -boundary), fusion.conv_p(i + p) + fusion.conv_i(i))


def test_the_pyramid_is_parallel_its_scales_do_not_mix() -> None:
    torch.manual_seed(0)
    pyramid = PAPPM(8, 4, 8).eval()
    assert pyramid.scale_process[-1].groups == 4
    x = torch.randn(1, 16, 5, 5)
    other = x.clone()
    other[:, :4] += 1
    with torch.inference_mode():
        assert torch.equal(pyramid.scale_process(x)[:, 4:], pyramid.scale_process(other)[:, 4:])
