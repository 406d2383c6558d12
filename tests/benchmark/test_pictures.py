from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from segbench.benchmark.class_map_keeping import KeptMaps, overlay_samples
from segbench.benchmark.events import Progress
from segbench.benchmark.pictures import Pictures
from segbench.benchmark.run_suite import run_suite
from segbench.benchmark.suite import Suite
from segbench.evaluation.inference import Evaluated
from segbench.evaluation.run import Evaluation
from segbench.metrics.image_scores import worst_images
from segbench.models.weights import build, save
from tests.tiny import LABELS, TINY, tiny_dataset

IMAGES = 9


@pytest.fixture
def suite(tmp_path: Path, own_path: None) -> Suite:
    torch.manual_seed(0)
    save(tmp_path / "w.safetensors", build(TINY, LABELS), trained_on={"dataset": "tiny"}, recipe={})
    weights = {TINY: tmp_path / "w.safetensors"}
    return Suite(models=(TINY,), weights=weights, repeats=0, gallery=True, out=tmp_path / "out")


def pictures(folder: Path) -> dict[str, np.ndarray]:
    found = [*folder.glob("plots/sample-*.png"), *folder.glob("plots/gallery-*.png"), *folder.glob("gallery/*/*")]
    return {str(path.relative_to(folder)): np.asarray(Image.open(path)) for path in sorted(found)}


@pytest.fixture
def images_run(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each evaluation ran on."""
    asked: list[int] = []
    evaluate = Evaluation.evaluate

    def counting(self: Evaluation, dataset: Any, **options: Any) -> Any:
        asked.append(len(dataset))
        return evaluate(self, dataset, **options)

    monkeypatch.setattr(Evaluation, "evaluate", counting)
    return asked


def test_pictures_are_drawn_from_the_pass_that_counts_and_are_those_of_a_network_that_runs_again(
    suite: Suite, tmp_path: Path, images_run: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = tiny_dataset(tmp_path / "data", IMAGES)
    events = list(run_suite(suite, dataset, torch.device("cpu")))
    assert images_run == [IMAGES]
    drawn = [event.done for event in events if isinstance(event, Progress) and event.work == "drawing"]
    assert drawn == [0, 1, 2, 3, 4]
    monkeypatch.setattr(KeptMaps, "take", lambda *_: None)
    again = replace(suite, out=tmp_path / "again")
    list(run_suite(again, dataset, torch.device("cpu")))
    assert len(images_run) > 2, "nothing was kept, so it ran again"
    first, second = pictures(tmp_path / "out"), pictures(tmp_path / "again")
    assert first.keys() == second.keys()
    assert len(first) >= 5
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_what_is_kept_is_what_is_drawn_and_little_more(suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[KeptMaps] = []
    monkeypatch.setattr(Pictures, "gallery", lambda self, *_: kept.append(self.kept))
    dataset = tiny_dataset(tmp_path / "data", IMAGES)
    outcomes: list[Any] = []
    monkeypatch.setattr("segbench.benchmark.run_suite.save_outcomes", lambda _, written, *__: outcomes.extend(written))
    monkeypatch.setattr("segbench.benchmark.run_suite.write_board", lambda *_: None)
    list(run_suite(suite, dataset, torch.device("cpu")))
    title = outcomes[0].record.name
    for worst in worst_images(outcomes[0].counted.confusions):
        assert worst is not None
        sample = dataset.samples[worst[0]]
        found = kept[0].take(title, sample.id)
        assert found is not None
        assert found.shape == dataset.read_target(sample).shape
    drawn = [sample.id for sample in dataset.samples if kept[0].take(title, sample.id) is not None]
    assert len(drawn) <= len(overlay_samples(dataset)) + 2 * len(LABELS.classes)


def test_without_a_gallery_class_maps_of_the_overlays_alone_are_asked_for(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered: list[str] = []

    def offer(_: KeptMaps, position: int, result: Evaluated, class_map: Any) -> None:
        offered.append(result.sample.id)

    monkeypatch.setattr(KeptMaps, "offer", offer)
    dataset = tiny_dataset(tmp_path / "data", IMAGES)
    list(run_suite(replace(suite, gallery=False), dataset, torch.device("cpu")))
    assert offered == [sample.id for sample in overlay_samples(dataset)]
