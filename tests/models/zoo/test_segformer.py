"""SegFormer: counts, sizes, reduced attention, dropped paths."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from segbench.models.segmenter import Segmenter
from segbench.models.zoo.segformer import B0, Attention, Block, SegFormer, segformer_b0, segformer_b2
from tests.models.checks import toy

FACTORIES = (segformer_b0, segformer_b2)
Factory = Callable[..., Segmenter]


def small() -> SegFormer:
    torch.manual_seed(0)
    return SegFormer(3, B0, width=1 / 4)


# the reference counts have 19 classes; a class more or less is 257 or 769 parameters.
@pytest.mark.parametrize("classes", [11, 19, 21])
@pytest.mark.parametrize(("factory", "count", "per_class"), [(segformer_b0, 3_719_027, 257), (segformer_b2, 27_361_235, 769)])
def test_parameter_count(factory: Factory, count: int, per_class: int, classes: int) -> None:
    with torch.device("meta"):
        network = factory(toy(classes)).network
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == count + (classes - 19) * per_class


def test_multiply_accumulates_with_150_classes_are_the_papers() -> None:
    """Table 1: 8.4 G at 512x512, attention included."""
    with torch.device("meta"), FlopCounterMode(display=False) as flops:
        segformer_b0(toy(150)).network.eval()(torch.empty(1, 3, 512, 512))
    assert flops.get_total_flops() / 2e9 == pytest.approx(8.4, rel=0.01)


@pytest.mark.parametrize("size", [(32, 64), (96, 32), (37, 51), (29, 29)], ids=str)
def test_logits_are_at_stride_4(size: tuple[int, int]) -> None:
    with torch.device("meta"):
        logits = small().eval()(torch.empty(2, 3, *size))
    assert logits.shape == (2, 3, *(-(-side // 4) for side in size))


@pytest.mark.parametrize("width", [1 / 32, 0.1, 0.3, 1.3])
def test_heads_divide_the_channels_at_every_width(width: float) -> None:
    with torch.device("meta"):
        assert SegFormer(3, B0, width=width).eval()(torch.empty(1, 3, 32, 32)).shape == (1, 3, 8, 8)


def test_attention_is_the_textbooks_over_reduced_keys() -> None:
    torch.manual_seed(0)
    attention = Attention(8, 2, 4).eval()
    assert attention.reduce is not None
    assert attention.norm is not None
    x = torch.randn(1, 64, 8)
    with torch.inference_mode():
        source = attention.norm(attention.reduce(x.transpose(1, 2).view(1, 8, 8, 8)).flatten(2).transpose(1, 2))
        assert source.shape == (1, 4, 8)
        q, (k, v) = attention.q(x), attention.kv(source).split(8, -1)
        heads = [slice(0, 4), slice(4, 8)]
        parts = [torch.softmax(q[..., h] @ k[..., h].mT / 4**0.5, -1) @ v[..., h] for h in heads]
        torch.testing.assert_close(attention(x, (8, 8)), attention.proj(torch.cat(parts, -1)))


def test_paths_are_dropped_by_image_in_training_only() -> None:
    torch.manual_seed(0)
    block = Block(8, 1, 1, drop=0.5)
    x = torch.randn(64, 4, 8)
    with torch.inference_mode():
        unchanged = (block.train()(x, (2, 2)) == x).flatten(1)
        assert 0 < unchanged.all(1).sum() < 40, "both paths go in a quarter of the images"
        assert (unchanged.all(1) == unchanged.any(1)).all()
        assert not (block.eval()(x, (2, 2)) == x).any()


def test_stochastic_depth_rises_to_a_tenth() -> None:
    drops = [m.drop for m in small().modules() if isinstance(m, Block)]
    assert drops == pytest.approx(np.linspace(0, 0.1, 8).tolist())


def test_prediction_does_not_depend_on_the_rest_of_the_batch() -> None:
    network = small().eval()
    x = torch.randn(3, 3, 32, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(x)[1:2], network(x[1:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("factory", FACTORIES)
def test_any_size_is_seen_as_it_is_from_the_least_that_the_reference_takes(factory: Factory) -> None:
    with torch.device("meta"):
        segmenter = factory(toy(3), width=1 / 32)
    assert [segmenter.input_rule.padded(side) for side in (1, 28, 29, 33, 360, 481)] == [29, 29, 29, 33, 360, 481]
    with pytest.raises(RuntimeError, match="Kernel size"):
        segmenter.network(torch.empty(1, 3, 28, 40, device="meta"))


def test_epsilon_of_blocks_and_stages_is_an_argument() -> None:
    with torch.device("meta"):
        norms = {name: norm.eps for name, norm in SegFormer(3, B0, width=1 / 32, norm_eps=1e-5).named_modules() if hasattr(norm, "eps")}
    assert set(norms.values()) == {1e-5}


def test_epsilons_are_the_references() -> None:
    """1e-6 for the blocks and stages, torch's default for patches and reduced keys."""
    found = {name: module.eps for name, module in small().named_modules() if isinstance(module, nn.LayerNorm)}
    assert all(eps == (1e-5 if name.endswith(("patch_norm", "attn.norm")) else 1e-6) for name, eps in found.items())
