"""`--shard I/N` and `segbench merge`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from segbench.benchmark import run_suite
from segbench.cli.main import main
from segbench.datasets.cityscapes import LABELS as CITY
from segbench.errors import NetworkError
from segbench.evaluation import run as running
from segbench.models.weights import build, save


def segbench(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def without_environment(path: Path) -> dict[str, Any]:
    return {**json.loads(path.read_text()), "environment": {}}


@pytest.fixture
def scoring(cityscapes_set: Path) -> list[Any]:
    return ["score", cityscapes_set / "results", "--dataset", "cityscapes", "--data", cityscapes_set, "--boundary", "--explain"]


def test_label_maps_in_shards_give_the_record_of_one_process(scoring: list[Any], tmp_path: Path) -> None:
    official = "--official-json"
    whole = segbench(*scoring, "--json", tmp_path / "one.json", official, tmp_path / "one.official.json")
    for shard in (3, 1, 2):
        assert segbench(*scoring, "--out", tmp_path / "parts", "--shard", f"{shard}/3").exit_code == 0
    merged = segbench("merge", tmp_path / "parts", "--json", tmp_path / "all.json", official, tmp_path / "all.official.json")
    assert merged.exit_code == 0, merged.output
    assert merged.stdout == whole.stdout
    for ending in ("json", "npz", "official.json"):
        assert (tmp_path / f"all.{ending}").read_bytes() == (tmp_path / f"one.{ending}").read_bytes()


def test_a_shard_that_is_repeated_goes_on_where_it_was(scoring: list[Any], tmp_path: Path) -> None:
    parts = [*scoring, "--out", tmp_path / "parts", "--shard", "1/2"]
    assert segbench(*parts).exit_code == 0
    (path,) = (tmp_path / "parts").iterdir()
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    again = segbench(*parts)
    assert "continuing after 2 of 2 images" in again.stderr
    assert path.read_bytes() == content
    refused = segbench(*parts, "--name", "another")
    assert refused.exit_code == 2
    assert "shard-1-of-2.jsonl holds counts of something else: its models 1.name differ" in refused.stderr


def test_what_a_shard_cannot_score_is_named_and_counted_again_when_it_was_mended(scoring: list[Any], tmp_path: Path) -> None:
    pred = sorted(scoring[1].glob("*.png"))[0]
    content = pred.read_bytes()
    pred.write_bytes(b"no picture")
    parts = [*scoring, "--out", tmp_path / "parts"]
    refused = segbench(*parts, "--shard", "1/2")
    assert refused.exit_code == 2
    assert "1 of 2 pairs of shard 1/2 cannot be scored:" in refused.stderr
    assert pred.name in refused.stderr
    assert segbench(*parts, "--shard", "2/2").exit_code == 0
    still = segbench("merge", tmp_path / "parts")
    assert still.exit_code == 2
    assert pred.name in still.stderr
    pred.write_bytes(content)
    for shard in ("1/2", "2/2"):
        assert segbench(*parts, "--shard", shard).exit_code in (0, 2)


def test_options_that_do_not_go_together_are_refused(scoring: list[Any], tmp_path: Path) -> None:
    assert "give --json and --official-json to `segbench merge`" in segbench(*scoring, "--shard", "1/2", "--json", tmp_path / "x").stderr
    assert "'3/2' is not I/N with 1 <= I <= N, such as 1/4" in segbench(*scoring, "--shard", "3/2").stderr
    (tmp_path / "empty").mkdir()
    assert "no shard-*.jsonl here" in segbench("merge", tmp_path / "empty").stderr


@pytest.fixture
def models(small_minicity: Path, tmp_path: Path) -> list[Any]:
    words: list[Any] = ["run", "--models", "segnet,enet", "--dataset", "cityscapes", "--data", small_minicity, "--repeats", 0]
    for name, width in (("segnet", 0.03), ("enet", 0.125)):
        save(tmp_path / f"{name}.safetensors", build(name, CITY, width=width), trained_on={"dataset": "none"}, recipe={})
        words += ["--weights", f"{name}={tmp_path / name}.safetensors"]
    return words


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards and pictures are drawn elsewhere."""
    for name in ("write_board", "_draw"):
        monkeypatch.setattr(run_suite, name, lambda *_: iter(()))
    monkeypatch.setattr("segbench.report.pages.board_files.write", lambda _: None)


@pytest.mark.usefixtures("quick")
def test_networks_in_shards_give_the_records_of_one_process(models: list[Any], tmp_path: Path) -> None:
    one, parts = tmp_path / "one", tmp_path / "parts"
    assert segbench(*models, "--out", one).exit_code == 0
    for shard in ("1/2", "2/2"):
        said = segbench(*models, "--out", parts, "--shard", shard)
        assert said.exit_code == 0, said.output
    assert f"shard 2/2: 2 images counted, {parts / 'shard-2-of-2.jsonl'}" in said.stdout
    assert f"when all 2 are there: segbench merge {parts}" in said.stdout
    assert segbench("merge", parts).exit_code == 0
    for name in ("segnet", "enet"):
        record = without_environment(one / "records" / f"{name}.json")
        assert without_environment(parts / "records" / f"{name}.json") == record
        assert (parts / "records" / f"{name}.npz").read_bytes() == (one / "records" / f"{name}.npz").read_bytes()


@pytest.mark.usefixtures("quick")
def test_a_model_that_fails_is_named_and_the_others_have_their_records(
    models: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, facts = tmp_path / "out", running.model_facts

    def failing(segmenter: Any, size: Any) -> dict[str, Any]:
        if segmenter.name == "segnet":
            raise NetworkError("it is out of order")
        return facts(segmenter, size)

    monkeypatch.setattr(running, "model_facts", failing)
    for command in ([], ["--json"]):
        said = segbench(*models, "--out", out, *command)
        assert said.exit_code == 2
        assert "it is out of order" in said.stdout
        assert [path.name for path in sorted((out / "records").iterdir())] == ["enet.json", "enet.npz"]
        assert not list(out.glob("unfinished-*"))
    assert json.loads(said.stdout)[-1] == {"model": "segnet", "error": "it is out of order"}
    for shard in ("1/2", "2/2"):
        assert segbench(*models, "--out", out / "parts", "--shard", shard).exit_code == 2
    merged = segbench("merge", out / "parts")
    assert merged.exit_code == 2
    assert "it is out of order" in merged.stdout
    assert (out / "parts" / "records" / "enet.json").is_file()
