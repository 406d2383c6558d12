"""Temperatures: found on a split, kept in a file, and used where confidence is measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from segbench.benchmark.suite import read_suite
from segbench.cli.main import main
from segbench.errors import DataError, ProtocolError, RecordError
from segbench.evaluation.inference import evaluate
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.tempering import fit_temperatures
from segbench.metrics.tempering import Fitted
from segbench.models.segmenter import Segmenter
from segbench.models.temperature import Temperature
from segbench.records.run_record import RunRecord, read_run
from segbench.records.temperature import read_temperatures
from tests.tiny import LABELS, tiny, tiny_dataset

MODEL = ("--models", "fanet18", "--dataset", "minicity")
QUICK = (*MODEL, "--split", "val", "--limit", "3", "--repeats", "0", "--calibration")


def segbench(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def ran(out: Path, *words: Any) -> RunRecord:
    result = segbench("run", *QUICK, "--out", out, *words)
    assert result.exit_code == 0, result.output
    return read_run(out / "records" / "fanet18.json")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fitted") / "t.json"
    result = segbench("temperature", *MODEL, "--split", "train", "--limit", "4", "--out", path)
    assert result.exit_code == 0, result.output
    assert "NLL at 1" in result.stdout
    return path


def test_a_file_says_where_its_temperatures_are_from(file: Path) -> None:
    found = read_temperatures(file)
    own = found.models["fanet18"]
    assert own["low"] <= own["temperature"] <= own["high"]
    assert own["nll"] <= own["nll_before"]
    assert len(own["weights_sha256"]) == 64
    assert (found.dataset["name"], found.dataset["split"], found.dataset["images"]) == ("minicity", "train", 4)
    assert len(found.dataset["targets_sha256"]) == 64
    assert found.command == "segbench temperature --models fanet18 --dataset minicity --split train --limit 4"
    assert found.to_json() == file.read_text()


def test_a_run_with_it_has_the_same_class_maps_another_confidence_and_a_signature_that_says_so(file: Path, tmp_path: Path) -> None:
    plain, fitted = ran(tmp_path / "plain"), ran(tmp_path / "fitted", "--temperature", file)
    assert np.array_equal(plain.confusion.counts, fitted.confusion.counts)
    assert plain.calibration is not None
    assert fitted.calibration is not None
    assert fitted.calibration.scores["nll"] != plain.calibration.scores["nll"]
    data = read_temperatures(file)
    assert fitted.protocol["temperature"] == f"fitted on minicity-train {data.dataset['targets_sha256'][:8]}"
    assert "temperature:fitted on minicity-train" in fitted.signature
    assert "temperature" not in plain.signature
    assert fitted.model["temperature"]["value"] == data.models["fanet18"]["temperature"]
    assert fitted.model["temperature"]["fitted"]["dataset"]["split"] == "train"
    both = segbench("calibration", tmp_path / "plain" / "records", tmp_path / "fitted" / "records")
    assert both.stdout.count("class-wise ECE") >= 2  # a table for each signature
    again = ran(tmp_path / "number", "--temperature", str(data.models["fanet18"]["temperature"]))
    assert again.calibration is not None
    assert again.calibration.to_dict() == fitted.calibration.to_dict()
    verified = segbench("verify", tmp_path / "fitted" / "records" / "fanet18.json")
    assert "exact: every integer" in verified.output, verified.output
    refused = segbench("run", *QUICK, "--out", tmp_path / "plain", "--temperature", file)
    assert "another protocol" in refused.output


def test_on_the_split_on_which_it_was_fitted_it_is_refused_unless_told_otherwise(file: Path, tmp_path: Path) -> None:
    words = ("run", *MODEL, "--split", "train", "--limit", "4", "--repeats", "0", "--calibration", "--temperature", file, "--out", tmp_path)
    refused = segbench(*words)
    assert refused.exit_code == 2
    assert "were fitted on minicity-train" in refused.output
    assert "--allow-fitted-split" in refused.output
    allowed = segbench(*words, "--allow-fitted-split")
    assert allowed.exit_code == 0, allowed.output
    assert "fitted on these very images" in allowed.output
    record = read_run(tmp_path / "records" / "fanet18.json")
    assert record.calibration is not None
    assert record.calibration.scores["nll"] == pytest.approx(read_temperatures(file).models["fanet18"]["nll"], rel=1e-5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--temperature", "0"), "above 0 and finite"),
        (("--temperature", "nowhere.json"), "missing"),
        (("--temperature", "2", "--flip"), "average probabilities"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_way_out(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    result = segbench("run", *QUICK, "--out", tmp_path, *words)
    assert result.exit_code == 2
    assert said in result.output


def test_without_confidence_it_is_refused_and_so_is_a_file_of_other_weights(file: Path, tmp_path: Path) -> None:
    alone = segbench("run", *QUICK[:-1], "--out", tmp_path, "--temperature", "2")
    assert "add --calibration or --ood" in alone.output
    data = json.loads(file.read_text())
    data["models"]["fanet18"]["weights_sha256"] = "0" * 64
    (tmp_path / "other.json").write_text(json.dumps(data))
    other = segbench("run", *QUICK, "--out", tmp_path, "--temperature", tmp_path / "other.json")
    assert "no temperature of fanet18 with these weights" in other.output
    data["models"]["fanet18"]["temperature"] = -1
    (tmp_path / "other.json").write_text(json.dumps(data))
    with pytest.raises(RecordError, match="the temperature of fanet18 is -1"):
        read_temperatures(tmp_path / "other.json")
    (tmp_path / "other.json").write_text('{"schema": "segbench.run/1"}')
    with pytest.raises(RecordError, match="takes a number, or what `segbench temperature` wrote"):
        read_temperatures(tmp_path / "other.json")


def test_shards_with_a_temperature_merge_to_the_same_record(file: Path, tmp_path: Path) -> None:
    whole = ran(tmp_path / "whole", "--temperature", file)
    for shard in ("1/2", "2/2"):
        result = segbench("run", *QUICK, "--temperature", file, "--out", tmp_path / "parts", "--shard", shard)
        assert result.exit_code == 0, result.output
    assert segbench("merge", tmp_path / "parts", "--out", tmp_path / "merged").exit_code == 0
    merged = read_run(tmp_path / "merged" / "records" / "fanet18.json")
    assert merged.calibration is not None
    assert whole.calibration is not None
    assert merged.calibration.to_dict() == whole.calibration.to_dict()
    assert (merged.signature, merged.model["temperature"]) == (whole.signature, whole.model["temperature"])


def fitted(segmenter: Segmenter, root: Path, protocol: Protocol | None = None) -> Fitted:
    steps = fit_temperatures([segmenter], tiny_dataset(root), protocol or Protocol())
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value[0][0]  # type: ignore[no-any-return]


def test_windows_have_a_temperature_too_and_bands_of_them_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = _better_than_chance()
    protocol = Protocol(crop=(8, 16), stride=(6, 12))
    whole = fitted(segmenter, tmp_path, protocol)
    monkeypatch.setattr("segbench.evaluation.multi_view.LARGE", 1)
    assert fitted(segmenter, tmp_path, protocol).temperature == pytest.approx(whole.temperature, rel=1e-5)


def _better_than_chance() -> Segmenter:
    """A network whose scores are the colours of the neighbourhood: the brightest channel is the class, but for edges."""
    segmenter = tiny(LABELS)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 7, padding=3, bias=False))
    with torch.no_grad():
        network[0].weight.copy_((torch.eye(3)[:, :, None, None] / 49).expand(-1, -1, 7, 7))  # type: ignore[operator]
    return Segmenter("tests/tiny.py:tiny", network, segmenter.labels, segmenter.paper)


def test_probabilities_and_random_networks_have_none(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="gives probabilities"):
        fitted(replace(tiny(LABELS), probabilities=True), tmp_path)
    network = tiny(LABELS)
    for each in network.network[-1].parameters():  # type: ignore[index]
        torch.nn.init.zeros_(each)
    with pytest.raises(DataError, match=r"tests/tiny.py:tiny: the NLL is lowest"):
        fitted(network, tmp_path)
    with pytest.raises(ProtocolError, match="average probabilities"):
        list(evaluate([replace(tiny(LABELS), temperature=Temperature(2.0))], tiny_dataset(tmp_path), protocol=Protocol(flip=True)))


def test_a_suite_names_a_number_or_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text("models: [enet]\ncalibration: true\ntemperature: 1.5\n")
    assert read_suite(str(tmp_path / "suite.yaml")).temperature == "1.5"
    (tmp_path / "suite.yaml").write_text("models: [enet]\ncalibration: true\ntemperature: t.json\n")
    assert read_suite(str(tmp_path / "suite.yaml")).temperature == str(tmp_path / "t.json")
    (tmp_path / "suite.yaml").write_text("models: [enet]\ntemperature: -1\n")
    with pytest.raises(DataError, match="above 0 and finite"):
        read_suite(str(tmp_path / "suite.yaml"))
