from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segbench.console.models import read_table
from segbench.models.anatomy import on_meta
from segbench.models.segmenter import Runtime, Segmenter
from segbench.models.size import count_macs, count_params, count_pass, size_facts, weight_bytes
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
