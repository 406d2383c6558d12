"""Calibration from a run to records, tables, pictures, shards, and journals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from torch.nn import functional as F

from segbench.cli.main import main
from segbench.datasets.base import Dataset, read_photograph
from segbench.errors import LabelError
from segbench.evaluation.inference import evaluate
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.run import Evaluation, mapped
from segbench.labels.mapping import MappingRule
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.calibration import Calibration
from segbench.metrics.image_counts import Beside, Counted
from segbench.models.segmenter import Segmenter
from segbench.records.per_image import read_per_image
from segbench.records.run_record import read_run
from tests.tiny import LABELS, tiny, tiny_dataset

BESIDE = Beside(calibration=True)
CITY = ("--dataset", "minicity", "--limit", "3")


def segbench(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def by_hand(dataset: Dataset, segmenter: Segmenter) -> Mapping[str, float]:
    """NLL and the hit rate of all pixels of a data set, from full-size logits."""
    nll, hits, pixels = 0.0, 0, 0
    for sample in dataset.samples:
        image = torch.from_numpy(read_photograph(sample))[None]
        with torch.inference_mode():
            logits = segmenter.network.eval()(segmenter.normalize(image))
        logits = F.interpolate(logits, size=image.shape[1:3], mode="bilinear", align_corners=False)
        target = torch.from_numpy({0: 3, 5: 0, 7: 1, 9: 2}[0] + np.zeros(image.shape[1:3], np.int64))
        ids = torch.from_numpy(dataset.read_target(sample).astype(np.int64))
        for id, index in ((5, 0), (7, 1), (9, 2)):
            target[ids == id] = index
        nll += float(F.cross_entropy(logits.double(), target[None], ignore_index=3, reduction="sum"))
        hits += int((logits.argmax(1)[0] == target)[target < 3].sum())
        pixels += int((target < 3).sum())
    return {"nll": nll / pixels, "acc": hits / pixels}


def calibration(dataset: Dataset, segmenter: Segmenter, protocol: Protocol | None = None) -> Calibration:
    found = list(evaluate([segmenter], dataset, protocol=protocol, beside=BESIDE))
    evaluation = Evaluation([segmenter], dataset, beside=BESIDE)
    total = Counted.of(evaluation.counting(segmenter), [(each.sample.id, each.counts[0]) for each in found]).total.calibration
    assert total is not None
    return total


def test_the_softmax_of_every_evaluated_pixel_is_counted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset, segmenter = tiny_dataset(tmp_path), tiny(LABELS)
    counted, expected = calibration(dataset, segmenter), by_hand(dataset, segmenter)
    assert float(counted.scores["nll"]) == pytest.approx(expected["nll"], rel=1e-5)
    assert counted.bins[:, 1].sum() / counted.numbers[0] == pytest.approx(expected["acc"], abs=1e-12)


@pytest.mark.parametrize("options", [{"crop": (12, 16), "stride": (12, 16)}, {"flip": True}, {"scales": (0.5, 1.0)}], ids=str)
def test_every_protocol_has_confidence(tmp_path: Path, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    dataset, segmenter = tiny_dataset(tmp_path, images=2), tiny(LABELS)
    counted = calibration(dataset, segmenter, Protocol(**options))
    plain = list(evaluate([segmenter], dataset, protocol=Protocol(**options)))
    confusion = Counted.of(Evaluation([segmenter], dataset).counting(segmenter), [(e.sample.id, e.counts[0]) for e in plain]).confusion
    assert counted.bins[:, 1].sum() == confusion.counts.diagonal().sum()
    assert counted.bins[:, 2].sum() < counted.numbers[0]


def test_windows_of_huge_images_are_counted_band_by_band(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    dataset, segmenter, protocol = tiny_dataset(tmp_path, images=2), tiny(LABELS), Protocol(crop=(8, 16), stride=(6, 12))
    whole = calibration(dataset, segmenter, protocol)
    monkeypatch.setattr("segbench.evaluation.multi_view.LARGE", 1)
    np.testing.assert_allclose(calibration(dataset, segmenter, protocol).numbers, whole.numbers, rtol=1e-6)


def test_models_whose_classes_are_mapped_are_refused_with_a_way_out(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path, images=1)
    known = LabelSpace("tiny-4", (*LABELS.classes, LabelClass("sky", (100,), (0, 0, 0))))
    with pytest.raises(LabelError, match=r"(?s)mapped is not defined.*leave out --calibration"):
        list(evaluate([mapped(tiny(known), MappingRule(), LABELS)], dataset, beside=BESIDE))


def test_a_run_records_prints_and_draws_it_and_shards_give_the_same_bytes(tmp_path: Path) -> None:
    run = ("run", "--models", "fanet18", *CITY, "--calibration", "--repeats", "0")
    result = segbench(*run, "--out", tmp_path / "whole")
    assert result.exit_code == 0, result.output
    assert "class-wise ECE" in result.stdout
    file = tmp_path / "whole" / "records" / "fanet18.json"
    record, data = read_run(file), json.loads(file.read_text())
    assert record.calibration is not None
    assert record.to_json() == file.read_text()
    assert data["scores"]["ece"] == float(record.calibration.scores["ece"])
    assert data["intervals"]["nll"][0] < data["scores"]["nll"] < data["intervals"]["nll"][1]
    assert record.calibration.bins[:, 1].sum() == record.confusion.counts.diagonal().sum()
    _, per_image = read_per_image(file.with_suffix(".npz"))
    np.testing.assert_allclose(per_image.beside["calibration"].sum(axis=0), record.calibration.numbers, rtol=1e-12)

    for shard in ("1/2", "2/2"):
        assert segbench(*run, "--out", tmp_path / "parts", "--shard", shard).exit_code == 0
    merged = segbench("merge", tmp_path / "parts", "--out", tmp_path / "merged")
    assert merged.exit_code == 0, merged.output
    assert read_run(tmp_path / "merged" / "records" / "fanet18.json").calibration is not None
    again = read_run(tmp_path / "merged" / "records" / "fanet18.json")
    assert again.calibration is not None
    assert again.calibration.to_dict() == record.calibration.to_dict()

    shown = segbench("calibration", file, "--per-class", "--plot", tmp_path / "r.svg")
    assert shown.exit_code == 0, shown.output
    assert "ECE" in (tmp_path / "r.svg").read_text()
    facts = json.loads(segbench("calibration", file, "--json").stdout)
    assert facts[0]["ece"] == data["scores"]["ece"]


def test_a_record_without_it_is_refused_by_name(tmp_path: Path) -> None:
    assert segbench("run", "--models", "fanet18", *CITY, "--repeats", "0", "--out", tmp_path).exit_code == 0
    result = CliRunner().invoke(main, ["calibration", str(tmp_path / "records")])
    assert result.exit_code != 0
    assert "fanet18" in result.output
    assert "run --calibration" in result.output
