from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from segbench.cli.main import main
from segbench.metrics.uncertainty import bootstrap
from segbench.report.tables.publication import bibtex, model_index, scores_csv
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


def test_the_command_writes_three_files_and_sends_nothing(tmp_path: Path) -> None:
    record = record_file(tmp_path, "mine", matrices(3))
    result = CliRunner().invoke(main, ["publish", str(record), "--out", str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["mine.bib", "mine.csv", "mine.model-index.yaml"]
    (entry,) = yaml.safe_load((tmp_path / "out" / "mine.model-index.yaml").read_text())["model-index"]
    assert entry["results"][0]["metrics"][0]["args"]["level"] == 0.95, "intervals are those of the matrices beside the record"
