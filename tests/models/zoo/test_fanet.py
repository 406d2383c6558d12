"""FANet: the reference's counts, strides 8 to 64, attention that never builds an n x n matrix, which maps reach the head."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from segbench.models.size import count_params
from segbench.models.zoo.fanet import FastAttention, fanet18, fanet34, fast_attention
from tests.models.checks import Factory, counts, covered, gmacs, rebuilds, small, toy, without_gradient

FACTORIES = (fanet18, fanet34)
INFER = {(fanet18, 19): 13_820_032, (fanet18, 11): 13_817_984, (fanet34, 19): 23_928_192, (fanet34, 11): 23_926_144}
GMACS = [
    (fanet18, (512, 1024), 11.85),
    (fanet18, (1024, 2048), 47.39),
    (fanet18, (720, 960), 15.77),
    (fanet34, (512, 1024), 16.69),
    (fanet34, (1024, 2048), 66.72),
]


@pytest.mark.parametrize(("factory", "classes"), INFER)
def test_parameter_counts_with_and_without_the_auxiliary_heads(factory: Factory, classes: int) -> None:
    heads = 2 * (128 * 64 * 9 + 2 * 64 + 64 * classes)
    assert counts(factory, classes) == (INFER[factory, classes] + heads, INFER[factory, classes])


def test_published_total_of_the_training_graph() -> None:
    assert counts(fanet18, 19)[0] == 13_970_176


@pytest.mark.parametrize("factory", FACTORIES)
def test_unused_layers_of_the_reference_are_counted_and_frozen(factory: Factory) -> None:
    with torch.device("meta"):
        counted = count_params(factory(toy(19)))
    assert counted.total - counted.trainable == 147_712 + 2_112


@pytest.mark.parametrize(("factory", "size", "published"), GMACS)
def test_multiply_accumulates_are_the_published_but_for_a_padded_1x1_and_a_map_for_training(
    factory: Factory, size: tuple[int, int], published: float
) -> None:
    with torch.device("meta"):
        network: Any = factory(toy(19)).network.eval()
    assert gmacs(network, (1, 3, *size)) == pytest.approx(published, rel=1e-2)
    for fuse in network.fuse:
        fuse.up[0].padding = (1, 1)
    smooth = gmacs(network.fuse[3].smooth, (1, 512, -(-size[0] // 64), -(-size[1] // 64)))
    assert gmacs(network, (1, 3, *size)) + smooth == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize("factory", FACTORIES)
def test_trunks_maps_are_at_strides_8_to_64(factory: Factory) -> None:
    trunk = small(factory, 1 / 16).trunk
    assert [m.shape[2] for m in trunk(torch.zeros(1, 3, 128, 128))] == [16, 8, 4, 2]


def test_attention_equals_the_quadratic_product_of_cosines() -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 4, 5, 6), torch.randn(2, 4, 5, 6), torch.randn(2, 7, 5, 6)
    cosines = F.normalize(query.flatten(2), dim=1).transpose(1, 2) @ F.normalize(key.flatten(2), dim=1)
    expected = (value.flatten(2) @ cosines.transpose(1, 2)).view_as(value)
    torch.testing.assert_close(fast_attention(query, key, value), expected)


class Largest(TorchDispatchMode):
    """Number of elements of the largest tensor that any operation makes, and of all together."""

    def __init__(self) -> None:
        super().__init__()
        self.elements = self.sum = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.elements = max(self.elements, result.numel())
            self.sum += result.numel()
        return result


def test_memory_of_attention_grows_with_the_positions_and_not_with_their_square() -> None:
    made = []
    for side in (64, 128):
        with torch.device("meta"), torch.inference_mode(), Largest() as largest:
            fast_attention(torch.empty(1, 32, side, side), torch.empty(1, 32, side, side), torch.empty(1, 64, side, side))
        assert largest.elements == 64 * side * side
        made.append(largest.sum)
    assert made[1] < 4.01 * made[0]


def test_multiply_accumulates_of_attention_grow_with_the_positions() -> None:
    with torch.device("meta"):
        attention = FastAttention(64, 32, average=False).eval()
    assert gmacs(attention, (1, 64, 64, 64)) == pytest.approx(4 * gmacs(attention, (1, 64, 32, 32)))


def test_attention_adds_to_its_input_and_averages_on_demand() -> None:
    torch.manual_seed(0)
    total: Any = FastAttention(4, 2, average=False).eval()
    mean: Any = FastAttention(4, 2, average=True).eval()
    mean.load_state_dict(total.state_dict())
    x = torch.randn(1, 4, 3, 5)
    with torch.inference_mode():
        attended = fast_attention(total.query(x), total.key(x), total.value(x))
        torch.testing.assert_close(total(x), x + total.out(attended))
        torch.testing.assert_close(mean(x), x + mean.out(attended / 15))


def test_queries_and_keys_have_32_channels_and_no_activation_and_scores_no_bias() -> None:
    with torch.device("meta"):
        network: Any = fanet18(toy(19)).network
    for fuse in network.fuse:
        assert [layer[0].out_channels for layer in (fuse.attention.query, fuse.attention.key)] == [32, 32]
        assert [len(layer) for layer in (fuse.attention.query, fuse.attention.key)] == [2, 2]
    assert [head[-1].bias for head in (network.head, *network.aux_heads)] == [None] * 3


def test_the_head_sees_the_smoothed_maps_at_an_eighth_and_at_a_thirty_second() -> None:
    network: Any = small(fanet18, 1 / 16)
    called = []
    for index, fuse in enumerate(network.fuse):
        for part in ("up", "smooth"):
            getattr(fuse, part).register_forward_hook(lambda module, inputs, output, at=(part, 8 << index): called.append(at))
    with torch.inference_mode():
        network(torch.zeros(1, 3, 128, 128))
    assert called == [("up", 64), ("up", 32), ("up", 16), ("smooth", 32), ("smooth", 8)]


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("size", [(1, 1), (37, 51), (100, 40)], ids=str)
def test_padded_images_have_one_logit_for_eight_pixels(factory: Factory, size: tuple[int, int]) -> None:
    assert covered(factory(toy(3), width=1 / 16), size) == (8, 8)


@pytest.mark.parametrize("factory", FACTORIES)
def test_sizes_that_are_no_multiple_run_too(factory: Factory) -> None:
    assert small(factory, 1 / 16)(torch.randn(1, 3, 37, 75)).shape == (1, 3, 5, 10)


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_training_step_reaches_every_trainable_parameter(factory: Factory) -> None:
    network = small(factory, 1 / 8)
    assert without_gradient(network, torch.randn(3, 3, 128, 128)) == []
    unused = [name for name, p in network.named_parameters() if p.grad is None]
    assert all(name.startswith(("fuse.0.up.", "fuse.1.smooth.")) for name in unused)
    assert len(unused) == 6


def test_training_gets_two_auxiliary_logits_of_half_weight() -> None:
    output = small(fanet18, 1 / 16).train()(torch.randn(2, 3, 128, 128))
    assert output.logits.shape == (2, 3, 16, 16)
    assert [(tuple(a.logits.shape[2:]), a.weight, a.resize) for a in output.aux] == [((2, 2), 0.5, "logits"), ((4, 4), 0.5, "logits")]


def test_corners_are_aligned_by_default_and_it_matters() -> None:
    x = torch.randn(2, 3, 128, 128)
    network, other = small(fanet18, 1 / 8), small(fanet18, 1 / 8, align_corners=False)
    with torch.inference_mode():
        assert (network(x) - other(x)).abs().max() > 1e-4


@pytest.mark.parametrize("factory", FACTORIES)
def test_arguments_rebuild_the_network(factory: Factory) -> None:
    assert rebuilds(factory, width=1 / 16, align_corners=False, average=True)


def test_activations_of_the_fusion_leak() -> None:
    network: Any = small(fanet18, 1 / 16)
    assert {m.negative_slope for m in network.fuse.modules() if isinstance(m, nn.LeakyReLU)} == {0.01}
