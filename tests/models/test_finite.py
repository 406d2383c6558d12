from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from segbench.errors import NetworkError, UsageError
from segbench.evaluation.inference import evaluate
from segbench.models.adapters.base import from_unit_range
from segbench.models.finite import infinite, refuse_infinite_weights, refuse_unit_normalisation
from segbench.models.segmenter import Normalize, Segmenter
from tests.tiny import LABELS, tiny, tiny_dataset

UNSOUND = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("value", UNSOUND)
@pytest.mark.parametrize("name", ["0.weight", "0.bias", "1.running_mean", "1.running_var", "4.bias"])
def test_a_network_with_one_tensor_that_is_not_finite_is_not_scored(tmp_path: Path, name: str, value: float) -> None:
    segmenter = tiny(LABELS)
    segmenter.network.eval()
    segmenter.network.state_dict()[name].view(-1)[-1] = value
    with pytest.raises(
        NetworkError, match=rf"model 'tests/tiny.py:tiny' has 1 tensors with NaN or infinite numbers: {name} \((NaN|infinite)\)"
    ):
        list(evaluate([segmenter], tiny_dataset(tmp_path, images=1)))


def test_a_mask_may_rule_out_with_minus_infinity() -> None:
    segmenter = tiny(LABELS)
    segmenter.network.register_buffer("mask", torch.full((4, 4), -math.inf).triu(1))
    refuse_infinite_weights(segmenter)
    segmenter.network.register_buffer("mask", torch.full((4, 4), math.inf))
    with pytest.raises(NetworkError, match=r"mask \(infinite\)"):
        refuse_infinite_weights(segmenter)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.complex64, torch.float8_e5m2])
def test_numbers_of_every_precision_are_looked_at(dtype: torch.dtype) -> None:
    assert infinite([("w", torch.ones(3).to(dtype), False)]) == []
    assert infinite([("w", torch.tensor([1.0, math.nan]).to(dtype), False)]) == ["w (NaN)"]


def test_what_cannot_be_anything_else_than_finite_is_not_looked_at() -> None:
    network = nn.Linear(2, 3, device="meta")
    assert infinite([*((name, each, False) for name, each in network.named_parameters()), ("steps", torch.tensor(3), False)]) == []


@pytest.mark.parametrize("value", UNSOUND)
def test_normalisation_is_finite(value: float) -> None:
    for mean, std in (((0, value, 0), (1, 1, 1)), ((0, 0, 0), (1, 1, value))):
        with pytest.raises(UsageError, match="three finite numbers each"):
            Normalize(mean, std)
        with pytest.raises(Exception, match="three finite numbers of each"):
            from_unit_range(mean, std)


@pytest.mark.parametrize(("mean", "std", "order"), [((0, 0), (1, 1), "RGB"), ((0,) * 3, (1, 0, 1), "RGB"), ((0,) * 3, (1,) * 3, "GBR")])
def test_normalisation_that_makes_no_sense_is_refused(mean: tuple[float, ...], std: tuple[float, ...], order: str) -> None:
    with pytest.raises(UsageError, match="std positive, and order is RGB or BGR"):
        Normalize(mean, std, order)  # type: ignore[arg-type]


@pytest.mark.parametrize("refuse", [refuse_unit_normalisation, lambda segmenter: list(evaluate([segmenter], tiny_dataset(Path())))])
def test_normalisation_of_values_between_0_and_1_is_refused_with_the_right_numbers(
    refuse: Callable[[Segmenter], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torchvision = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    words = r"are of values 0\.\.1.*Normalize\(mean=\(123\.675, 116\.28, 103\.53\), std=\(58\.395, 57\.12, 57\.375\)\)"
    with pytest.raises(NetworkError, match=words):
        refuse(replace(tiny(LABELS), normalize=torchvision))
    refuse(replace(tiny(LABELS), normalize=Normalize((0, 0, 0), (1, 1, 1))))  # bytes as they are
