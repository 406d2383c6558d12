"""Fast-SCNN: Tramac's counts, its unpadded first convolution, shortcuts and auxiliary head."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from segbench.models.zoo.fast_scnn import InvertedResidual, fast_scnn
from tests.models.checks import counts, covered, gmacs, rebuilds, small, toy


def test_parameter_counts_with_and_without_the_auxiliary_head() -> None:
    assert counts(fast_scnn, 19) == (1_157_174, 1_138_051)


def test_multiply_accumulates_are_the_published() -> None:
    with torch.device("meta"):
        network = fast_scnn(toy(19)).network.eval()
    assert gmacs(network, (1, 3, 1024, 2048)) == pytest.approx(6.708, rel=1e-3)


def test_only_the_first_convolution_is_not_padded() -> None:
    network: Any = small(fast_scnn, 1 / 4)
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert [m.padding for m in convs] == [(0, 0)] + [(1, 1)] * (len(convs) - 1)


def test_only_blocks_that_keep_their_shape_have_a_shortcut() -> None:
    network: Any = small(fast_scnn, 1 / 4)
    blocks = [m for m in network.modules() if isinstance(m, InvertedResidual)]
    assert [b.shortcut for b in blocks] == [False, True, True] * 3


def test_a_block_ends_without_an_activation() -> None:
    block: Any = InvertedResidual(4, 4, 1).eval()
    nn.init.zeros_(block.main[-1][1].weight)
    x = torch.randn(1, 4, 5, 5)
    assert torch.equal(block(x), x)
    assert (InvertedResidual(4, 8, 1).eval()(torch.randn(1, 4, 5, 5)) < 0).any()


def test_aligned_corners_are_an_argument() -> None:
    aligned, not_aligned = small(fast_scnn, 1 / 4), small(fast_scnn, 1 / 4, align_corners=False)
    x = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        assert (aligned(x) - not_aligned(x)).abs().max() > 1e-4


@pytest.mark.parametrize("size", [(1, 1), (37, 51), (100, 40)], ids=str)
def test_padded_images_have_one_logit_for_eight_pixels(size: tuple[int, int]) -> None:
    assert covered(fast_scnn(toy(3), width=1 / 8), size) == (8, 8)


def test_sizes_that_are_no_multiple_run_too() -> None:
    assert small(fast_scnn, 1 / 8)(torch.randn(1, 3, 37, 75)).shape == (1, 3, 5, 10)


def test_training_gets_the_auxiliary_logits_at_an_eighth() -> None:
    output = small(fast_scnn, 1 / 8).train()(torch.randn(2, 3, 64, 96))
    assert output.logits.shape == (2, 3, 8, 12)
    assert [(aux.logits.shape, aux.weight, aux.resize) for aux in output.aux] == [((2, 3, 8, 12), 0.4, "logits")]


def test_arguments_rebuild_the_network() -> None:
    assert rebuilds(fast_scnn, width=1 / 4, align_corners=False)
