from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from segbench.cli.main import main
from segbench.errors import DataError
from segbench.metrics.uncertainty import bootstrap
from segbench.report.tables.every_eval import SCHEMA_VERSION, Evaluator, every_eval
from segbench.report.tables.publication import Benchmark, bibtex, eval_results, model_index, scores_csv, scores_parquet
from tests.records.test_comparison import matrices, record_file
from tests.report.fakes import FAIR, LABELS, run_record

RECORD = replace(run_record("se_gnet 50%", FAIR, weights_sha256="ab" * 32), intervals=bootstrap(LABELS, matrices(3)))


def test_the_hub_reads_the_model_index_back_with_every_digit() -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(f"---\n{model_index(RECORD)}---\n\n# A model\n")
    results = {each.metric_name: each for each in card.data.eval_results}
    miou = results["mIoU"]
    assert card.data.model_name == RECORD.name
    assert miou.metric_value == RECORD.scores.miou
    assert (miou.task_type, miou.metric_type, miou.dataset_name, miou.dataset_split) == ("image-segmentation", "mean_iou", "toy-val", "val")
    assert miou.dataset_args == {"images": 4, "signature": RECORD.signature}
    assert RECORD.intervals is not None
    assert [miou.metric_args["low"], miou.metric_args["high"]] == RECORD.intervals.bounds["miou"].tolist()
    assert "V_rand" not in results


def test_csv_holds_every_score_as_a_fraction() -> None:
    rows = list(csv.DictReader(io.StringIO(scores_csv(RECORD))))
    by_name = {(row["metric"], row["class"]): row for row in rows}
    assert float(by_name["mIoU", ""]["value"]) == RECORD.scores.miou
    assert float(by_name["IoU", "road"]["value"]) == RECORD.scores.class_iou[0]
    assert by_name["IoU", "rare | bird"]["value"] == ""
    assert {row["signature"] for row in rows} == {RECORD.signature}


def test_the_note_can_be_cited_and_names_the_signature() -> None:
    text = bibtex(RECORD)
    assert text.startswith("@misc{segbench-se-gnet-50-toy-val,\n")
    assert text.count("{") == text.count("}")
    assert r"title = {{se\_gnet 50\% on toy-val}}" in text
    assert f"mIoU {100 * RECORD.scores.miou:.1f} \\%" in text
    assert "weights abababababab" in text
    signature = re.sub(r"\\texttt\{(.*)\}\},\n", r"\1", text[text.index(r"\texttt") :])
    assert signature.replace(r"\allowbreak{}", "").replace(r"\_", "_").rstrip("}\n") == RECORD.signature


def test_the_hub_reads_the_results_of_a_benchmark_back() -> None:
    hub = pytest.importorskip("huggingface_hub")
    read = getattr(hub, "parse_eval_result_entries", None) or pytest.skip("this huggingface_hub knows no .eval_results")
    (entry,) = read(yaml.safe_load(eval_results(RECORD, Benchmark.of("owner/toy:val"))))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("owner/toy", "val", RECORD.scores.miou)
    assert RECORD.signature in entry.notes
    written = getattr(hub, "eval_result_entries_to_yaml")([entry])  # noqa: B009
    assert written == yaml.safe_load(eval_results(RECORD, Benchmark.of("owner/toy:val")))


@pytest.mark.parametrize("text", ["toy:val", "owner/toy", "owner/toy:", "a/b/c:d"])
def test_a_benchmark_is_named_with_owner_and_task(text: str, tmp_path: Path) -> None:
    record = record_file(tmp_path, "mine", matrices(3))
    result = CliRunner().invoke(main, ["publish", str(record), "--benchmark", text])
    assert result.exit_code == 2
    assert "is not written as OWNER/DATASET:TASK" in result.output


def test_parquet_holds_the_rows_of_the_csv() -> None:
    pytest.importorskip("pyarrow")
    table = pd.read_parquet(io.BytesIO(scores_parquet(RECORD)))
    rows = list(csv.DictReader(io.StringIO(scores_csv(RECORD))))
    assert list(table.columns) == list(rows[0])
    for name in ("value", "low", "high"):
        np.testing.assert_array_equal(table[name], [float(row[name] or "nan") for row in rows])
    assert table["metric"].tolist() == [row["metric"] for row in rows]
    assert table["class"].fillna("").tolist() == [row["class"] for row in rows]


def test_every_eval_ever_validates_what_is_written() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((Path(__file__).parents[2] / "golden" / "every_eval_ever" / "eval.schema.json").read_text())
    assert schema["version"] == SCHEMA_VERSION
    for record in (RECORD, replace(RECORD, intervals=None), run_record("bare", FAIR)):
        data = json.loads(every_eval(record, Evaluator("A lab", "third_party", "owner/model"), 1.7e9))
        jsonschema.Draft7Validator(schema).validate(data)
    data = json.loads(every_eval(RECORD, Evaluator("A lab"), 1.7e9))
    miou = next(each for each in data["evaluation_results"] if each["metric_config"]["metric_name"] == "mIoU")
    assert miou["score_details"]["score"] == RECORD.scores.miou
    interval = miou["score_details"]["uncertainty"]["confidence_interval"]
    assert RECORD.intervals is not None
    assert [interval["lower"], interval["upper"]] == RECORD.intervals.bounds["miou"].tolist()
    assert data["evaluation_id"] == "toy-val/se_gnet 50%/1700000000"
    assert data["eval_library"]["additional_details"]["signature"] == RECORD.signature


class FakeHfApi:
    """Keeps the commits that huggingface_hub's HfApi would send."""

    commits: ClassVar[list[dict[str, Any]]] = []
    refusal: ClassVar[Exception | None] = None

    def create_commit(self, **commit: Any) -> Any:
        if FakeHfApi.refusal:
            raise FakeHfApi.refusal
        FakeHfApi.commits.append(commit)
        return SimpleNamespace(commit_url=f"https://hub/{commit['repo_id']}/commit/1")


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch) -> type[FakeHfApi]:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "HfApi", FakeHfApi)
    monkeypatch.setattr(FakeHfApi, "commits", [])
    return FakeHfApi


def test_what_is_written_is_sent_in_one_commit_if_a_repository_is_named(tmp_path: Path, fake_hub: type[FakeHfApi]) -> None:
    pytest.importorskip("pyarrow")
    record = record_file(tmp_path, "mine", matrices(3))
    also = ["--parquet", "--benchmark", "owner/toy:val", "--every-eval", "A lab"]
    for hub in ([], ["--hub", "owner/model"]):
        result = CliRunner().invoke(main, ["publish", str(record), "--out", str(tmp_path / "out"), *also, *hub], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        assert len(fake_hub.commits) == len(hub) // 2, "nothing is sent without --hub"
    assert "sent to https://hub/owner/model/commit/1" in result.output
    (commit,) = fake_hub.commits
    sent = {operation.path_in_repo: Path(operation.path_or_fileobj).read_bytes() for operation in commit["operations"]}
    endings = ("json", "model-index.yaml", "csv", "bib", "every-eval.json", "parquet")
    assert set(sent) == {*(f"segbench/mine.{ending}" for ending in endings), ".eval_results/mine.yaml"}
    assert sent["segbench/mine.json"] == record.read_bytes()
    assert json.loads(sent["segbench/mine.every-eval.json"])["model_info"]["id"] == "owner/model"


def test_a_hub_that_refuses_is_one_clear_error(tmp_path: Path, fake_hub: type[FakeHfApi], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_hub, "refusal", OSError("401 Unauthorized"))
    result = CliRunner().invoke(main, ["publish", str(record_file(tmp_path, "mine", matrices(3))), "--hub", "owner/model"])
    assert isinstance(result.exception, DataError | SystemExit)
    assert "401 Unauthorized" in str(result.exception) + result.output


def test_the_command_writes_three_files_and_sends_nothing(tmp_path: Path) -> None:
    record = record_file(tmp_path, "mine", matrices(3))
    result = CliRunner().invoke(main, ["publish", str(record), "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mine.bib", "mine.csv", "mine.model-index.yaml"]
    (entry,) = yaml.safe_load((tmp_path / "out" / "mine.model-index.yaml").read_text())["model-index"]
    assert entry["results"][0]["metrics"][0]["args"]["level"] == 0.95, "intervals are those of the matrices beside the record"
