from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.errors import RecordError
from segbench.records.run_record import read_run
from segbench.records.seeds import compare_seed_records, records_of
from tests.metrics.test_seeds import simulated
from tests.records.test_comparison import IDS, record_file
from tests.report.fakes import GOOD, run_record


def segbench(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three seeds of A, two of B; A is better."""
    sides = simulated(np.random.default_rng(0), (3, 2), len(IDS), (0.02, 0.01, 0.02), better=0.1)
    for side, all_seeds in zip("AB", sides, strict=True):
        for number, counted in enumerate(all_seeds):
            record_file(tmp_path, f"{side}-{number}", counted.confusion)
    (tmp_path / "A-0.profile.json").write_text("{}")
    return tmp_path


def test_a_pattern_means_the_records_that_are_called_so(folder: Path) -> None:
    assert [path.name for path in records_of(str(folder / "A-*.json"))] == ["A-0.json", "A-1.json", "A-2.json"]
    assert records_of(str(folder / "A-1.json")) == [folder / "A-1.json"]
    with pytest.raises(RecordError, match="no record is called so; quote a pattern"):
        records_of(str(folder / "C-*.json"))


def test_seeds_of_two_models_are_compared_with_a_split_of_the_variance(folder: Path) -> None:
    result = segbench(folder / "A-*.json", folder / "B-*.json")
    assert result.exit_code == 0, result.output
    assert "The mIoU of A-0 (A) is higher than that of B-0 (B) by " in result.stdout
    assert "variance of the difference of mIoU: " in result.stdout
    assert "would show a difference of 0.5 points" in result.stdout
    assert "3 and 2 seeds crossed with 12 images" in result.stdout
    facts = json.loads(segbench(folder / "A-*.json", folder / "B-*.json", "--json", "--gate", "miou > -1").stdout)
    mious = [read_run(folder / f"A-{i}.json").scores.miou for i in range(3)]
    assert facts["scores"]["miou"]["a"] == pytest.approx(np.mean(mious))
    assert facts["a"] == {"name": "A-0", "seeds": 3}
    assert sum(facts["variance"].values()) == pytest.approx(1)
    assert set(facts["scores"]["class_iou"]) == {"road", "car", "rare | bird"}


def test_a_gate_holds_for_seeds_too(folder: Path) -> None:
    a, b = folder / "A-*.json", folder / "B-*.json"
    assert segbench(b, a, "--gate", "miou > -0.3 @95").exit_code == 0
    closed = segbench(a, b, "--gate", "miou > -0.3 @95", "--markdown")
    assert closed.exit_code == 1
    assert closed.stdout.startswith("<!-- segbench compare -->")
    assert "| **closed** |" in closed.stdout
    assert r"rare \| bird" in closed.stdout


def test_a_single_seed_other_data_and_a_training_that_counts_twice_are_refused(folder: Path) -> None:
    a, b = records_of(str(folder / "A-*.json")), records_of(str(folder / "B-*.json"))
    with pytest.raises(RecordError, match=r"B-0\.json is a single seed"):
        compare_seed_records(a, b[:1])
    with pytest.raises(RecordError, match=r"one training is no two seeds:\n  .*A-0\.json and .*A-0\.json"):
        compare_seed_records([a[0], a[0]], b)
    confusion = simulated(np.random.default_rng(0), (3, 2), len(IDS), (0.02, 0.01, 0.02), better=0.1)[1][1].confusion
    record_file(folder, "B-1", confusion, run_record("B-1", GOOD, precision="bf16"))
    with pytest.raises(RecordError, match=r"B-1\.json: precision: fp32 and bf16"):
        compare_seed_records(a, b)
