"""Context modules: what they concatenate, and that one value per channel is no statistic."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from segbench.models.layers.pooling import ASPP, PooledConv, PyramidPooling


def test_image_pooling_refuses_to_train_on_one_image_and_says_the_way_out() -> None:
    pooling = PooledConv(4, 3, 1).train()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        pooling(torch.randn(1, 4, 5, 5))
    assert pooling(torch.randn(2, 4, 5, 5)).shape == (2, 3, 1, 1)
    assert pooling.eval()(torch.randn(1, 4, 5, 5)).shape == (1, 3, 1, 1)


def test_image_pooling_trains_on_one_image_once_its_normalisation_is_frozen() -> None:
    pooling = PooledConv(4, 3, 1).train()
    pooling[2].eval()
    assert pooling(torch.randn(1, 4, 5, 5)).shape == (1, 3, 1, 1)


def test_a_grid_of_four_cells_trains_on_one_image() -> None:
    assert PooledConv(4, 3, 2).train()(torch.randn(1, 4, 5, 5)).shape == (1, 3, 2, 2)


def test_aspp_projects_a_1x1_its_rates_and_image_pooling() -> None:
    torch.manual_seed(0)
    aspp = ASPP(4, 3, (2, 5), dropout=0.5).eval()
    x = torch.randn(2, 4, 9, 11)
    dilations = [conv[0].dilation[0] for conv in aspp.convs[:-1]]
    assert dilations == [1, 2, 5]
    branches = [conv(x) for conv in aspp.convs]
    branches[-1] = F.interpolate(branches[-1], size=(9, 11), mode="bilinear")
    torch.testing.assert_close(aspp(x), aspp.project(torch.cat(branches, 1)))
    assert aspp.project[-1].p == 0.5


def test_the_image_branch_of_aspp_is_the_same_everywhere_and_sees_everything() -> None:
    torch.manual_seed(0)
    aspp = ASPP(2, 3, (1,), dropout=0.0).eval()
    for conv in aspp.convs[:-1]:
        conv.register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
    x = torch.randn(1, 2, 7, 8, requires_grad=True)
    y = aspp(x)
    assert torch.equal(y, y[..., :1, :1].expand_as(y))
    (y * torch.rand_like(y)).sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).any(1).all()


@pytest.mark.parametrize("align_corners", [True, False])
def test_pyramid_pooling_keeps_the_map_and_appends_its_averages(align_corners: bool) -> None:
    torch.manual_seed(0)
    pooling = PyramidPooling(4, 1, (1, 3), align_corners=align_corners).eval()
    x = torch.randn(2, 4, 7, 9)
    y = pooling(x)
    assert y.shape == (2, 6, 7, 9)
    assert torch.equal(y[:, :4], x)
    expected = F.interpolate(pooling.features[1](x), size=(7, 9), mode="bilinear", align_corners=align_corners)
    torch.testing.assert_close(y[:, 5:], expected)
