"""Of several models one that fails costs itself alone; memory that does not suffice is said with what would fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from segbench.datasets.base import Dataset
from segbench.errors import NetworkError
from segbench.evaluation.inference import evaluate
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.run import Evaluation
from segbench.evaluation.surviving import Survivors
from segbench.models.segmenter import Segmenter
from tests.tiny import LABELS, tiny, tiny_dataset


class Failing(nn.Module):
    """A network that does something bad where an image is of a height, or of more pixels."""

    def __init__(self, network: nn.Module, bad: Callable[[Tensor], Tensor | None]) -> None:
        super().__init__()
        self.network, self.bad = network, bad

    def forward(self, images: Tensor) -> Any:
        instead = self.bad(images)
        return self.network(images) if instead is None else instead


def failing(bad: Callable[[Tensor], Tensor | None], name: str = "bad") -> Segmenter:
    segmenter = tiny(LABELS, channels=4)
    return replace(segmenter, network=Failing(segmenter.network, bad), called=name)


def raises(error: Exception, height: int) -> Callable[[Tensor], Tensor | None]:
    def bad(images: Tensor) -> None:
        if images.shape[2] == height:
            raise error

    return bad


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return tiny_dataset(tmp_path / "data")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (raises(ValueError("no such size\nand more"), 22), "ValueError: no such size"),
        (lambda images: images.new_full((1, 3, 4, 4), float("nan")) if images.shape[2] == 22 else None, "gives scores that are NaN for s2"),
        (lambda images: images[:, :2] if images.shape[2] == 22 else None, "are these 3 classes, in their order, its own?"),
    ],
    ids=["raises", "NaN", "shape"],
)
def test_a_model_that_fails_costs_itself_alone(dataset: Dataset, bad: Callable[[Tensor], Tensor | None], why: str) -> None:
    good = replace(tiny(LABELS), called="good")
    survivors = Survivors(Evaluation([failing(bad), good], dataset))
    results = list(survivors.evaluate(dataset, keep_class_maps=True))
    assert list(survivors.failed) == ["bad"]
    assert why in survivors.failed["bad"]
    assert [result.sample.id for result in results] == [sample.id for sample in dataset.samples]
    assert [result.counts[0] is None for result in results] == [False, False, True, True, True, True]
    assert [len(result.class_maps) for result in results] == [2, 2, 1, 1, 1, 1]
    for result, alone in zip(results, evaluate([good], dataset), strict=True):
        assert result.counts[1].pairs.equals(alone.counts[0].pairs)


def test_what_no_model_is_to_blame_for_stops_them_all(dataset: Dataset) -> None:
    target = dataset.samples[3].target
    assert isinstance(target, Path)
    target.write_bytes(b"no picture")
    survivors = Survivors(Evaluation([tiny(LABELS), replace(tiny(LABELS), called="other")], dataset))
    with pytest.raises(Exception, match=r"s3.png: .*segbench data check|s3.png") as refused:
        list(survivors.evaluate(dataset))
    assert not hasattr(refused.value, "of_model")
    assert not survivors.failed


def test_the_error_of_a_single_model_is_raised_as_it_is(dataset: Dataset) -> None:
    with pytest.raises(ValueError, match="no such size"):
        list(Survivors(Evaluation([failing(raises(ValueError("no such size"), 22))], dataset)).evaluate(dataset))


def test_when_every_model_has_failed_all_reasons_are_said(dataset: Dataset) -> None:
    models = [failing(raises(ValueError("first"), 21), "one"), failing(raises(ValueError("second"), 23), "two")]
    with pytest.raises(NetworkError, match="every model has failed:\n  one: ValueError: first\n  two: ValueError: second"):
        list(Survivors(Evaluation(models, dataset)).evaluate(dataset))


def hungry(most: int) -> Callable[[Tensor], Tensor | None]:
    def bad(images: Tensor) -> None:
        if images.shape[2] * images.shape[3] > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    return bad


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """Images of at least 20x26, of which windows down to 4 pixels are tried."""
    monkeypatch.setattr("segbench.evaluation.memory.SMALLEST", 4)
    return tiny_dataset(tmp_path / "data")


@pytest.mark.parametrize(("most", "fits"), [(200, "10x16"), (50, "5x8")])
def test_memory_that_does_not_suffice_is_said_with_windows_that_were_tried(large: Dataset, most: int, fits: str) -> None:
    model = failing(hungry(most))
    with pytest.raises(NetworkError) as refused:
        list(evaluate([model], large))
    assert str(refused.value) == (
        "bad: the memory of this machine does not suffice for s0, 31x20 pixels; "
        f"windows fit: --crop {fits} --stride {fits} (another protocol, and the record says so)"
    )
    size = tuple(int(side) for side in fits.split("x"))
    assert len(list(evaluate([model], large.first(1), protocol=Protocol(crop=size, stride=size)))) == 1  # type: ignore[arg-type]


def test_memory_that_suffices_for_no_window_is_said(large: Dataset) -> None:
    with pytest.raises(NetworkError, match="does not suffice for s0, 31x20 pixels, nor for windows of it: choose fewer --scales"):
        list(evaluate([failing(hungry(3))], large))
    survivors = Survivors(Evaluation([failing(hungry(3)), tiny(LABELS)], large))
    assert len(list(survivors.evaluate(large))) == len(large)
    assert "does not suffice" in survivors.failed["bad"]
