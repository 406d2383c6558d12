"""Models on corrupted images: records of their own, that go on where they were, and tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from segbench.benchmark.corrupting import evaluate_corrupted
from segbench.benchmark.suite import severities
from segbench.cli.main import main
from segbench.datasets.base import read_photograph
from segbench.errors import RecordError
from segbench.evaluation.inference import evaluate
from segbench.evaluation.run import Evaluation, Outcome, run
from segbench.images.corruptions.corrupting import corrupt
from segbench.models.segmenter import predict
from segbench.records.corruption_record import CorruptionRecord, read_corruptions
from tests.tiny import LABELS, tiny, tiny_dataset


def segbench(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def finished(evaluation: Evaluation, outcomes: list[Outcome], conditions: list[tuple[str, int]], out: Path) -> list[CorruptionRecord]:
    events = evaluate_corrupted(evaluation, outcomes, conditions, out)
    while True:
        try:
            next(events)
        except StopIteration as end:
            return list(end.value)


def test_networks_see_the_corrupted_image_and_targets_stay(tmp_path: Path) -> None:
    dataset = replace(tiny_dataset(tmp_path, images=2), corruption=("shot_noise", 4))
    torch.manual_seed(0)
    segmenter = tiny(LABELS)
    for result in evaluate([segmenter], dataset, keep_class_maps=True):
        image = corrupt(read_photograph(result.sample), "shot_noise", 4, result.sample.id)
        np.testing.assert_array_equal(result.class_maps[0], predict(segmenter, image[None])[0])


def test_conditions_are_recorded_one_by_one_and_not_counted_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = tiny_dataset(tmp_path, images=2)
    torch.manual_seed(0)
    segmenter = replace(tiny(LABELS), weights_sha256="ab" * 32)
    evaluation, outcomes = Evaluation([segmenter], dataset), run([segmenter], dataset)
    (first,) = finished(evaluation, outcomes, [("fog", 1), ("contrast", 2)], tmp_path)
    file = next((tmp_path / "records").glob("*.corruptions.json"))
    assert read_corruptions(file).to_json() == file.read_text() == first.to_json()
    (more,) = finished(evaluation, outcomes, [("fog", 1), ("fog", 2)], tmp_path)
    assert list(more.corrupted) == [("fog", 1), ("contrast", 2), ("fog", 2)]
    monkeypatch.setattr("segbench.benchmark.corrupting.Counted", None)  # nothing is counted again
    (again,) = finished(evaluation, outcomes, [("contrast", 2)], tmp_path)
    assert again.to_json() == more.to_json()
    assert more.retention("fog") == pytest.approx(more.miou("fog") / more.clean_miou)
    assert more.mce(more) == pytest.approx(1)
    assert more.signature.endswith("|corrupted:hd2019/1|corruptions:fog@1+2,contrast@2")
    with pytest.raises(RecordError, match="not comparable"):
        more.mce(first)


def test_a_run_with_corruptions_writes_a_record_beside_the_clean_one_and_prints_both(tmp_path: Path) -> None:
    words = ("--models", "fanet18,bisenet_r18", "--dataset", "minicity", "--limit", "2", "--repeats", "0", "--out", tmp_path)
    result = segbench("run", *words, "--corruptions", "contrast,gaussian_noise", "--severity", "1,5")
    assert result.exit_code == 0, result.output
    assert "retention" in result.stdout
    found = read_corruptions(tmp_path / "records" / "fanet18.corruptions.json")
    assert found.signature.endswith("|corruptions:gaussian_noise,contrast|severity:1+5")
    assert list(found.corrupted) == [("gaussian_noise", 1), ("gaussian_noise", 5), ("contrast", 1), ("contrast", 5)]
    assert found.miou("gaussian_noise") < found.clean_miou
    assert segbench("leaderboard", tmp_path, "--check").exit_code == 0  # the board knows nothing of it
    facts = json.loads(segbench("corruptions", tmp_path, "--reference", "fanet18", "--json").stdout)
    assert {each["model"]: each["mce"] for each in facts}["fanet18"] == pytest.approx(1)
    shown = segbench("corruptions", tmp_path, "--reference", "fanet18", "--per-class")
    assert shown.exit_code == 0, shown.output
    assert "mCE by fanet18" in shown.stdout
    refused = segbench("corruptions", tmp_path, "--reference", "fanet19")
    assert refused.exit_code != 0
    assert "fanet18" in refused.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--corruptions", "fogg"), "did you mean 'fog'"),
        (("--corruptions", "fog", "--severity", "6"), "from 1 to 5"),
        (("--corruptions", "fog", "--shard", "1/2"), "--corruptions NAME"),
    ],
)
def test_what_cannot_be_run_is_refused_with_a_way_out(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    result = segbench("run", "--models", "fanet18", "--dataset", "minicity", "--limit", "2", "--out", tmp_path, *words)
    assert result.exit_code != 0
    assert said in " ".join(result.output.split())


def test_severities_are_numbers_ranges_and_lists() -> None:
    assert severities("1-5") == (1, 2, 3, 4, 5)
    assert severities("1,3-4") == severities([1, 3, 4]) == (1, 3, 4)
    for wrong in ("0", "6", "5-1", "", "fog", "1-"):
        with pytest.raises(ValueError, match="severity"):
            severities(wrong)
