"""SegNet: counts, sizes, and that the pooling indices carry the detail."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.zoo import segnet as module
from segbench.models.zoo.segnet import SegNet, segnet
from tests.models.checks import toy


@pytest.mark.parametrize(("classes", "count"), [(11, 29_449_355), (19, 29_453_971), (21, 29_455_125)])
def test_parameter_count(classes: int, count: int) -> None:
    with torch.device("meta"):
        network = segnet(toy(classes)).network
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == count


def gmacs(network: nn.Module, size: tuple[int, int]) -> float:
    with FlopCounterMode(display=False) as flops:
        network(torch.empty(1, 3, *size, device="meta"))
    return flops.get_total_flops() / 2e9


def test_multiply_accumulates_match_the_published_ones() -> None:
    """the reference count has pools that round down; Caffe's round up (the prototxt unpools to 23 rows), which costs 0.4 % at 360x480."""
    with torch.device("meta"):
        network = segnet(toy(11)).network
    assert gmacs(network, (360, 480)) == pytest.approx(106.29, rel=0.01)
    for layer in network.modules():
        if isinstance(layer, nn.MaxPool2d):
            layer.ceil_mode = False
    assert gmacs(network, (360, 480)) == pytest.approx(106.29, abs=0.01)


def test_multiply_accumulates_at_multiples_of_32_do_not_depend_on_rounding() -> None:
    with torch.device("meta"):
        assert gmacs(segnet(toy(19)).network, (512, 1024)) == pytest.approx(325.55, abs=0.01)


@pytest.mark.parametrize("size", [(360, 480), (1, 64), (101, 77), (32, 33)], ids=str)
def test_logits_have_the_size_of_the_image(size: tuple[int, int]) -> None:
    with torch.device("meta"):
        assert SegNet(11, width=1 / 32).eval()(torch.empty(2, 3, *size)).shape == (2, 11, *size)


def test_decoder_widths_mirror_the_encoder() -> None:
    with torch.device("meta"):
        network = SegNet(11)
    widths = [[m.out_channels for m in group if isinstance(m, nn.Conv2d)] for group in network.decoder]
    assert widths == [[512, 512, 512], [512, 512, 256], [256, 256, 128], [128, 64], [64]]
    assert (network.score.kernel_size, network.score.in_channels, network.score.out_channels) == ((3, 3), 64, 11)


def test_every_convolution_but_the_last_has_bias_normalisation_and_relu() -> None:
    network = SegNet(3, width=1 / 32)
    kinds = [type(m) for m in network.modules() if isinstance(m, nn.Conv2d | nn.BatchNorm2d | nn.ReLU)]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * 25 + [nn.Conv2d]
    assert all(m.bias is not None for m in network.modules() if isinstance(m, nn.Conv2d))


def test_logits_depend_on_the_pooling_indices(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = SegNet(3, width=1 / 16).eval()
    x = torch.randn(1, 3, 64, 64)
    unpool = module.max_unpool

    def top_left(values: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        rows, columns = (2 * torch.arange(side) for side in values.shape[2:])
        return unpool(values, (rows[:, None] * size[1] + columns).expand_as(indices), size)

    with torch.inference_mode():
        logits = network(x)
        monkeypatch.setattr(module, "max_unpool", top_left)
        assert (network(x) - logits).abs().mean() > 0.1 * logits.std()


def test_unpooling_gets_the_size_before_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    unpool = module.max_unpool

    def recording(values: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        sizes.append(size)
        return unpool(values, indices, size)

    monkeypatch.setattr(module, "max_unpool", recording)
    with torch.device("meta"):
        SegNet(3, width=1 / 32).eval()(torch.empty(1, 3, 360, 480))
    assert sizes == [(23, 30), (45, 60), (90, 120), (180, 240), (360, 480)]


def test_training_step_is_deterministic() -> None:
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        gradients = [gradient_of_a_step() for _ in range(2)]
    finally:
        torch.use_deterministic_algorithms(before)
    assert gradients[0].any()
    assert torch.equal(*gradients)


def gradient_of_a_step() -> Tensor:
    torch.manual_seed(0)
    network = SegNet(3, width=1 / 32).train()
    network(torch.randn(2, 3, 45, 60)).square().mean().backward()
    return network.encoder.features[0].weight.grad.clone()  # type: ignore[union-attr, operator, no-any-return]
