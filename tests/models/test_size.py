from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.console.models import read_table
from segbench.labels.space import numbered_labels
from segbench.models.anatomy import on_meta
from segbench.models.segmenter import Runtime, Segmenter
from segbench.models.size import count_macs, count_params, count_pass, size_facts, weight_bytes
from segbench.models.weights import build
from tests.tiny import LABELS


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.act(self.norm(self.conv(x))), scale_factor=2.0, mode="bilinear")


SMALL = Segmenter("small", Small().eval(), LABELS)


def test_what_is_not_a_multiply_accumulate_is_named_with_its_calls() -> None:
    counted = count_pass(SMALL, (8, 16))
    assert counted is not None
    assert counted.macs == 3 * 4 * 8 * 16
    assert counted.uncounted == {"native_batch_norm": 1, "relu": 1, "upsample_bilinear2d": 1} or counted.uncounted == {
        "_native_batch_norm_legit_no_training": 1,
        "relu": 1,
        "upsample_bilinear2d": 1,
    }


def test_activations_are_what_layers_give_out_anew() -> None:
    counted = count_pass(SMALL, (8, 16))
    assert counted is not None
    assert counted.activation_bytes == 2 * 4 * 8 * 16 * 4  # convolution and norm in float32; the ReLU writes over its input


def test_counting_leaves_no_hooks_behind() -> None:
    count_pass(SMALL, (8, 16))
    assert not any(module._forward_hooks for module in SMALL.network.modules())


def test_weights_are_the_tensors_of_a_file() -> None:
    assert weight_bytes(SMALL) == 4 * (3 * 4 + 4 + 4 * 4) + 8  # convolution, norm and its statistics, and the int64 of its batches


def test_frozen_parameters_are_those_that_training_does_not_change() -> None:
    fcn8s = on_meta("fcn8s", 19)
    facts = size_facts(fcn8s, count_pass(fcn8s, (64, 64)))
    frozen = sum(p.numel() for p in fcn8s.network.parameters() if not p.requires_grad)
    assert frozen > 0
    assert (facts["params_frozen"], facts["params"]) == (frozen, count_params(fcn8s).total)


def test_an_opaque_network_hides_its_size() -> None:
    assert set(size_facts(SMALL, None).values()) == {None}
    hidden = replace(SMALL, runtime=Runtime(opaque=True, file_bytes=77))
    assert count_macs(hidden, (8, 16)) is None
    assert weight_bytes(hidden) == 77


@pytest.mark.parametrize("name", ["enet", "segformer_b0"])
def test_macs_are_those_of_the_committed_table(name: str) -> None:
    known = {row["name"]: row for row in read_table()}
    assert count_macs(on_meta(name, 19), (1024, 2048)) == known[name]["macs"]


def test_a_network_on_a_device_is_counted_without_being_run_there() -> None:
    with torch.device("meta"):
        meta = on_meta("enet", 3)
    from segbench.models.weights import build

    assert count_pass(build("enet", meta.labels), (64, 64)) == count_pass(meta, (64, 64))


class Attention(nn.Module):
    """Attention to itself of 24 places of width 16 with 4 heads, in one of torch's ways."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.places = way, nn.Conv2d(3, 16, 4, stride=4)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = self.places(x)
        rows = places.flatten(2).transpose(1, 2)
        if self.way == "sdpa":
            heads = rows.unflatten(2, (4, 4)).transpose(1, 2)
            rows = nn.functional.scaled_dot_product_attention(heads, heads, heads).transpose(1, 2).flatten(2)
        elif self.way == "attention":
            rows = self.attention(rows, rows, rows, need_weights=False)[0]
        else:
            rows = self.layer(rows)
        return rows.transpose(1, 2).reshape(places.shape)[:, :3]


@pytest.mark.parametrize("scripted", [False, True])
@pytest.mark.parametrize("way", ["sdpa", "attention", "layer"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fused_attention_is_counted_as_its_products_are(way: str, scripted: bool, tmp_path: Path) -> None:
    network = Attention(way).eval()
    segmenter = Segmenter("attention", network, numbered_labels(3))
    places = 24
    products = 2 * places * places * 16
    expected = {
        "sdpa": products,
        "attention": products + 4 * places * 16 * 16,
        "layer": products + 4 * places * 16 * 16 + 2 * places * 16 * 32,
    }
    if scripted:
        with torch.no_grad():
            torch.jit.save(torch.jit.trace(network, torch.zeros(1, 3, 16, 24)), tmp_path / "a.pt")
        (tmp_path / "a.pt.yaml").write_text("labels: [a, b, c]\nnormalize: {mean: [0, 0, 0], std: [1, 1, 1], order: RGB}\n")
        segmenter = build(f"torchscript:{tmp_path / 'a.pt'}", LABELS)
    counted = count_pass(segmenter, (16, 24))
    assert counted is not None
    assert counted.macs == places * 3 * 16 * 16 + expected[way]
    assert not [name for name in counted.uncounted if "attention" in name or "encoder" in name]
