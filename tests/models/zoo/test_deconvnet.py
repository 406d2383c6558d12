"""DeconvNet: counts, fully connected layers, unpooling by indices, stride-1 deconvolutions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.zoo import deconvnet as module
from segbench.models.zoo.deconvnet import DeconvNet, deconvnet
from tests.models.checks import toy

KINDS = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)


def small() -> DeconvNet:
    torch.manual_seed(0)
    return DeconvNet(3, width=1 / 16, head_channels=16)


# The prototxts at 19 and 21 classes; a class more or less is 65 parameters.
@pytest.mark.parametrize(("classes", "count"), [(19, 251_805_523), (21, 251_805_653), (11, 251_805_523 - 8 * 65)])
def test_parameter_count(classes: int, count: int) -> None:
    with torch.device("meta"):
        network = deconvnet(toy(classes)).network
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == count


def test_parameters_by_kind_are_the_prototxts() -> None:
    with torch.device("meta"):
        modules = list(DeconvNet(19).modules())
    by_kind = {kind: sum(p.numel() for m in modules if isinstance(m, kind) for p in m.parameters()) for kind in KINDS}
    assert by_kind == {nn.Conv2d: 134_261_779, nn.ConvTranspose2d: 117_510_336, nn.BatchNorm2d: 33_408}


def test_multiply_accumulates_are_the_published() -> None:
    with torch.device("meta"), FlopCounterMode(display=False) as flops:
        DeconvNet(21)(torch.empty(2, 3, 224, 224))
    assert flops.get_total_flops() / 4e9 == pytest.approx(32.75, abs=0.01)


def test_fully_connected_layers_see_the_whole_of_224() -> None:
    """A version without fc6 and fc7 is SegNet."""
    network = small().eval()
    shapes: list[tuple[int, ...]] = []
    for layer in network.head:
        if not isinstance(layer, nn.BatchNorm2d | nn.ReLU):
            layer.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
    with torch.inference_mode():
        network(torch.randn(1, 3, 224, 224))
    assert shapes == [(16, 1, 1), (16, 1, 1), (32, 7, 7)]


def test_every_deconvolution_has_stride_1_and_all_layers_bias_normalisation_and_relu() -> None:
    network = DeconvNet(3, width=1 / 32, head_channels=4)
    deconvs = [m for m in network.modules() if isinstance(m, nn.ConvTranspose2d)]
    assert [d.kernel_size[0] for d in deconvs] == [7] + [3] * 13
    assert all(d.stride == (1, 1) for d in deconvs)
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert all(layer.bias is not None for layer in layers)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == len(layers) - 1
    assert sum(isinstance(m, nn.ReLU) for m in network.modules()) == len(layers) - 1


def test_logits_depend_on_the_pooling_indices(monkeypatch: pytest.MonkeyPatch) -> None:
    network = small().eval()
    x = torch.randn(1, 3, 224, 224)
    unpool = module.max_unpool

    def top_left(values: Tensor, indices: Tensor, size: tuple[int, int]) -> Tensor:
        rows, columns = (2 * torch.arange(side) for side in values.shape[2:])
        return unpool(values, (rows[:, None] * size[1] + columns).expand_as(indices), size)

    with torch.inference_mode():
        logits = network(x)
        monkeypatch.setattr(module, "max_unpool", top_left)
        assert (network(x) - logits).abs().mean() > 0.1 * logits.std()


@pytest.mark.parametrize("size", [(224, 224), (256, 320)], ids=str)
def test_logits_have_the_size_of_the_image(size: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert small().eval()(torch.zeros(1, 3, *size)).shape == (1, 3, *size)


def test_arguments_rebuild_the_network() -> None:
    first = deconvnet(toy(3), width=1 / 32, head_channels=5)
    assert first.arguments == {"width": 1 / 32, "head_channels": 5}
    deconvnet(toy(3), **first.arguments).network.load_state_dict(first.network.state_dict())
