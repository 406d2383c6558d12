"""DDRNet-23-slim: counts, sizes, the auxiliary head, the exchange, what is rectified."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.segmenter import TrainingOutput
from segbench.models.zoo.ddrnet import DAPPM, BasicBlock, Bottleneck, DDRNet, basic_layer, ddrnet23_slim
from tests.models.checks import toy


def small() -> DDRNet:
    torch.manual_seed(0)
    return DDRNet(3, channels=8, pyramid_channels=16, head_channels=16)


# the reference counts have 19 classes; a class more or less is 65 parameters in each head.
@pytest.mark.parametrize("classes", [11, 19, 21])
def test_parameter_counts_with_and_without_the_auxiliary_head(classes: int) -> None:
    with torch.device("meta"):
        network = ddrnet23_slim(toy(classes)).network
    heads = [network.get_submodule(name) for name in network.training_only]  # type: ignore[union-attr]
    total = sum(p.numel() for p in network.parameters())
    assert total == 5_734_342 + (classes - 19) * 2 * 65
    assert total - sum(p.numel() for head in heads for p in head.parameters()) == 5_695_987 + (classes - 19) * 65


def test_multiply_accumulates_are_the_published() -> None:
    with torch.device("meta"):
        network = ddrnet23_slim(toy(19)).network.eval()
    with FlopCounterMode(display=False) as flops, torch.inference_mode():
        network(torch.empty(1, 3, 1024, 2048, device="meta"))
    assert flops.get_total_flops() / 2e9 == pytest.approx(36.28, abs=0.01)


@pytest.mark.parametrize("size", [(64, 128), (8, 8), (37, 51), (90, 120)], ids=str)
def test_logits_are_at_stride_8_of_any_image(size: tuple[int, int]) -> None:
    with torch.inference_mode():
        logits = small().eval()(torch.zeros(2, 3, *size))
    assert logits.shape == (2, 3, *(-(-side // 8) for side in size))


def test_training_adds_an_auxiliary_head_at_weight_0_4() -> None:
    network = small().train()
    output = network(torch.randn(2, 3, 128, 128))
    assert isinstance(output, TrainingOutput)
    assert [(tuple(head.logits.shape), head.weight) for head in output.aux] == [((2, 3, 16, 16), 0.4)]


def test_evaluation_does_not_run_the_auxiliary_head() -> None:
    network = small().eval()
    network.seghead_extra.register_forward_hook(lambda *_: pytest.fail("the auxiliary head ran"))
    with torch.inference_mode():
        assert isinstance(network(torch.randn(1, 3, 64, 64)), torch.Tensor)


def test_the_last_block_of_a_layer_is_not_rectified() -> None:
    assert [block.relu for block in basic_layer(8, 8, 3)] == [True, True, False]
    torch.manual_seed(0)
    x = torch.randn(1, 8, 6, 6)
    with torch.inference_mode():
        assert (basic_layer(8, 8, 2).eval()(x) < 0).any()
        assert (Bottleneck(8, 8).eval()(x) < 0).any()
        assert not (BasicBlock(8, 8, relu=True).eval()(x) < 0).any()


def test_both_branches_see_the_other_as_it_was_before_the_exchange() -> None:
    network = small().eval()
    seen: dict[str, torch.Tensor] = {}
    for name in ("layer3", "layer3_"):
        network.get_submodule(name).register_forward_hook(lambda m, inputs, output, name=name: seen.update({name: output}))
    for name in ("compression3", "down3"):
        network.get_submodule(name).register_forward_pre_hook(lambda m, inputs, name=name: seen.update({name: inputs[0]}))
    with torch.inference_mode():
        network(torch.randn(1, 3, 64, 64))
    assert torch.equal(seen["compression3"], F.relu(seen["layer3"]))
    assert torch.equal(seen["down3"], F.relu(seen["layer3_"]))


def test_the_pyramid_reaches_the_whole_map() -> None:
    torch.manual_seed(0)
    pyramid = DAPPM(8, 8, 8).eval()
    x = torch.randn(1, 8, 40, 40, requires_grad=True)
    pyramid(x)[0, :, 0, 0].sum().backward()
    assert x.grad is not None
    assert x.grad[0, :, -1, -1].any()
    assert sum(isinstance(m, nn.AvgPool2d | nn.AdaptiveAvgPool2d) for m in pyramid.modules()) == 4
