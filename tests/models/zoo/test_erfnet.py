"""ERFNet: the authors' counts, factorised and dilated blocks, dropout, the encoder's head."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from segbench.models.zoo.erfnet import Down, NonBottleneck1d, erfnet, stage_widths
from tests.models.checks import counts, covered, gmacs, small, toy


@pytest.mark.parametrize(("classes", "total", "infer"), [(19, 2_066_642, 2_064_191), (20, 2_066_836, 2_064_256)])
def test_parameter_counts_with_and_without_the_encoders_head(classes: int, total: int, infer: int) -> None:
    assert counts(erfnet, classes) == (total, infer)


@pytest.mark.parametrize(("size", "published"), [((512, 1024), 26.60), ((1024, 2048), 106.4)])
def test_multiply_accumulates_are_the_published(size: tuple[int, int], published: float) -> None:
    with torch.device("meta"):
        network = erfnet(toy(19)).network.eval()
    assert gmacs(network, (1, 3, *size)) == pytest.approx(published, rel=1e-3)


def blocks(network: Any) -> list[NonBottleneck1d]:
    return [m for m in network.modules() if isinstance(m, NonBottleneck1d)]


def test_only_the_second_pair_of_a_block_is_dilated() -> None:
    network = small(erfnet, 1 / 8)
    dilations = [[max(m.dilation) for m in block.main if isinstance(m, nn.Conv2d)] for block in blocks(network)]
    assert dilations == [[1, 1, 1, 1]] * 5 + [[1, 1, d, d] for d in (2, 4, 8, 16)] * 2 + [[1, 1, 1, 1]] * 4
    assert all(m.bias is not None for block in blocks(network) for m in block.main if isinstance(m, nn.Conv2d))


def test_dropout_drops_maps_in_the_encoder() -> None:
    dropouts = [m for block in blocks(small(erfnet, 1 / 8)) for m in block.main if isinstance(m, nn.Dropout2d)]
    assert [m.p for m in dropouts] == [0.03] * 5 + [0.3] * 8 + [0.0] * 4


def test_downsampler_passes_its_input_through_a_pool() -> None:
    block = Down(3, 8).eval()
    x = torch.rand(1, 3, 6, 8)
    expected = nn.functional.max_pool2d(x, 2) / (1 + 1e-3) ** 0.5
    torch.testing.assert_close(block(x)[:, 5:], expected)


def test_thin_networks_keep_room_for_the_convolution_beside_the_pool() -> None:
    assert stage_widths(1.0) == [16, 64, 128]
    assert stage_widths(1 / 128) == [4, 5, 6]


@pytest.mark.parametrize("size", [(1, 1), (37, 51), (64, 40)], ids=str)
def test_any_image_is_padded_to_logits_of_its_size(size: tuple[int, int]) -> None:
    assert covered(erfnet(toy(3), width=1 / 8), size) == (1, 1)


def test_a_size_whose_maps_would_not_meet_is_refused() -> None:
    with pytest.raises(ValueError, match="ERFNet cannot take 32x33: both sides must be multiples of 8; pad to 32x40"):
        small(erfnet, 1 / 8)(torch.zeros(1, 3, 32, 33))


def test_training_gets_the_encoders_logits_for_labels_at_an_eighth() -> None:
    output = small(erfnet, 1 / 8).train()(torch.randn(2, 3, 32, 64))
    assert output.logits.shape == (2, 3, 32, 64)
    assert [(aux.logits.shape, aux.weight, aux.resize) for aux in output.aux] == [((2, 3, 4, 8), 1.0, "target")]
