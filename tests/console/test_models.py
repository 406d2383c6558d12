"""The committed table of models: it is what counting gives, the documents are made of it, and listing it builds nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.console import models
from segbench.models import MODELS
from segbench.models.anatomy import facts
from segbench.models.weights import bundled
from segbench.registry import Registry

TABLE = {row["name"]: row for row in models.read_table()}
TINY = "tests/tiny.py:tiny"
STALE = "run `segbench models --refresh`"


def listed(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["models", *arguments], catch_exceptions=False)


def test_the_table_holds_every_builtin_model_in_order() -> None:
    assert list(TABLE) == list(MODELS.table), STALE


@pytest.mark.parametrize("name", MODELS.table)
def test_the_table_is_what_counting_gives(name: str) -> None:
    assert TABLE.get(name) == facts(name, models.TABLE_CLASSES), STALE


def test_the_table_says_for_which_data_there_are_weights() -> None:
    weights = models.bundled_weights()
    assert weights["segnet"] == ["minicity"]
    assert all(bundled(name, dataset) for name, datasets in weights.items() for dataset in datasets)
    assert sum(map(len, weights.values())) == len(list((models.TABLE.parent / "bundled").glob("*.safetensors")))


def test_models_in_markdown_are_linked_to_their_papers() -> None:
    text = models.markdown([TABLE["segnet"], TABLE["pidnet_s"]])
    assert "| `segnet` | [SegNet: A Deep Convolutional Encoder-Decoder Architecture" in text
    assert "| 2017 | 29.5 M | 1.3 T | minicity |" in text
    assert "| 2023 | 7.72 M (7.63 M) | 47.2 G |  |" in text


def test_refreshing_counts_again_and_rewrites_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "table.csv"
    monkeypatch.setattr(models, "TABLE", table)
    monkeypatch.setattr(models, "MODELS", Registry("model", {"enet": "", "segnet": ""}))
    assert listed("--refresh").output == f"wrote {table}\n"
    assert models.read_table() == [TABLE["enet"], TABLE["segnet"]]


def test_a_plugin_and_another_number_of_classes_are_counted_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MODELS", Registry("model", {"segnet": "", TINY: ""}))
    at_19 = json.loads(listed("--json").output)
    assert at_19[0] == TABLE["segnet"]
    assert (at_19[1]["name"], at_19[1]["params_total"]) == (TINY, 3 * 8 * 9 + 8 + 2 * 8 + 19 * 9)
    at_11 = json.loads(listed("--json", "--classes", "11").output)
    assert [row["params_total"] for row in at_11] == [29_449_355, 3 * 8 * 9 + 8 + 2 * 8 + 11 * 9]


def test_listing_shows_sizes_and_what_each_model_takes() -> None:
    lines = {line.split()[1]: line for line in listed().output.splitlines() if line.startswith("│")}
    assert set(MODELS.table) <= set(lines)
    assert "rgb + depth, mirrored to multiples of 32" in lines["rednet"]
    assert "364 k" in lines["enet"]


def test_listing_loads_no_torch() -> None:
    code = (
        "import sys; from segbench.cli.main import main\n"
        "main(['models'], standalone_mode=False)\n"
        "main(['models', '--json'], standalone_mode=False)\n"
        "assert not {'torch', 'pandas', 'matplotlib', 'numba'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
