"""Dashboards are told what a record says. TensorBoard is the real one; Weights & Biases and MLflow are stand-ins where they are missing."""

from __future__ import annotations

import doctest
import inspect
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segbench.errors import MissingPackageError, UsageError
from segbench.integrations import log_to_mlflow, log_to_tensorboard, log_to_wandb
from segbench.integrations.loggers import numbers_of
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.uncertainty import bootstrap
from segbench.records.run_record import RunRecord
from tests.records.test_comparison import matrices
from tests.report.fakes import FAIR, LABELS, run_record

pytestmark = pytest.mark.filterwarnings("default")  # those of other packages are theirs


@pytest.fixture(scope="module")
def record() -> RunRecord:
    counts = matrices(3)
    whole = ConfusionMatrix(LABELS, counts.sum(axis=0))
    return replace(run_record("r (50 %)/v2", FAIR), confusion=whole, intervals=bootstrap(LABELS, counts))


def test_numbers_are_fractions_with_the_interval_and_nothing_that_is_undefined(record: RunRecord) -> None:
    numbers = numbers_of(record)
    assert numbers["val/miou/low"] <= numbers["val/miou"] == record.scores.miou <= numbers["val/miou/high"]
    assert set(numbers_of(replace(record, intervals=None), "")) >= {"miou", "acc", "acc_cls", "fwiou"}
    absent = run_record("r", FAIR)
    assert len([name for name in numbers_of(absent) if "/iou/" in name]) == 2, "the third class is nowhere"


def test_tensorboard_reads_what_was_written(record: RunRecord, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for step in (1, 2):
        log_to_tensorboard(record, tmp_path / "logs", step)
    read = EventAccumulator(str(tmp_path / "logs")).Reload()
    (scalar, _) = read.Scalars("val/miou")
    assert scalar.step == 1
    assert scalar.value == pytest.approx(record.scores.miou, abs=1e-7), "TensorBoard keeps single precision"
    assert {name.replace("_", " ") for name in read.Tags()["scalars"]} == {name.replace("_", " ") for name in numbers_of(record)}
    assert record.signature in read.Tensors("val/signature/text_summary")[0].tensor_proto.string_val[0].decode()


class StandInRun:
    """A run of Weights & Biases: what is logged by step, and a summary."""

    def __init__(self) -> None:
        self.logged: list[tuple[dict[str, float], int | None]] = []
        self.summary: dict[str, Any] = {}

    def log(self, numbers: dict[str, float], step: int | None = None) -> None:
        self.logged.append((numbers, step))


def test_weights_and_biases_is_told_numbers_and_the_signature(record: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    run = StandInRun()
    log_to_wandb(record, run, step=7)
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=run))  # type: ignore[arg-type]
    log_to_wandb(record, prefix="")
    assert [(numbers, step) for numbers, step in run.logged] == [(numbers_of(record), 7), (numbers_of(record, ""), None)]
    assert run.summary == {"val/signature": record.signature, "signature": record.signature}
    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(run=None))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"call wandb.init\(\) first"):
        log_to_wandb(record)


def test_the_real_weights_and_biases_takes_it_offline(record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with wandb.init(mode="offline", dir=str(tmp_path), project="p") as run:
        log_to_wandb(record)
        assert run.summary["val/miou"] == record.scores.miou


class StandInMlflow:
    """MLflow's functions of the active run; names are checked as it checks them."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self.tags: dict[str, str] = {}
        self.texts: dict[str, str] = {}

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        assert all(all(each.isalnum() or each in "_-. /" for each in name) for name in metrics)
        self.metrics |= metrics

    def set_tag(self, name: str, value: str) -> None:
        self.tags[name] = value

    def log_text(self, text: str, artifact_file: str) -> None:
        self.texts[artifact_file] = text


def test_mlflow_is_told_numbers_the_signature_and_the_record(record: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = StandInMlflow()
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)  # type: ignore[arg-type]
    log_to_mlflow(record, step=3)
    assert mlflow.metrics["val/miou"] == record.scores.miou
    assert mlflow.tags == {"segbench.signature": record.signature}
    ((name, text),) = mlflow.texts.items()
    assert name == "val/r _50 ___v2.json"
    assert json.loads(text) == json.loads(record.to_json())


@pytest.mark.parametrize(
    ("package", "log"),
    [
        ("tensorboard", lambda record, root: log_to_tensorboard(record, root / "logs")),
        ("wandb", lambda record, root: log_to_wandb(record)),
        ("mlflow", lambda record, root: log_to_mlflow(record)),
    ],
)
def test_a_package_that_is_missing_is_named_with_the_way_to_get_it(
    package: str, log: Any, record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=rf"{package}(.|\n)*pip install .*{package}"):
        log(record, tmp_path)


def test_the_example_runs_as_it_is_printed(record: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "ours.json").write_text(record.to_json())
    monkeypatch.chdir(tmp_path)
    parsed = doctest.DocTestParser().get_doctest(inspect.getdoc(log_to_tensorboard) or "", {}, "example", None, 0)
    told: list[str] = []
    assert not doctest.DocTestRunner().run(parsed, out=told.append).failed, "".join(told)
    assert list((tmp_path / "logs").iterdir())
