"""A plugin is a package of its own: pip installs tests/plugin into a folder, and segbench finds its model and its dataset there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.records.run_record import read_run

PLUGIN = Path(__file__).parent / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="building the plugin takes hatchling: pip install 'segbench[dev]'")
    target = tmp_path_factory.mktemp("site")
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet")
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", target, PLUGIN], check=True)
    return target


@pytest.fixture
def plugin(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with the plugin installed."""
    monkeypatch.syspath_prepend(installed)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def segbench(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def test_an_installed_plugin_is_listed_beside_what_is_built_in(plugin: Path) -> None:
    listed = {row["name"]: row for row in json.loads(segbench("models", "--json").output)}
    assert listed["pixelwise"]["params_total"] == 3 * 16 + 16 + 16 * 19 + 19
    assert "fcn8s" in listed
    datasets = segbench("data", "list").output
    assert "squares" in datasets
    assert "cityscapes" in datasets


def test_an_installed_plugin_keeps_to_the_contract(plugin: Path) -> None:
    result = segbench("check", "pixelwise", "squares", "--data", "squares")
    assert result.exit_code == 0, result.output
    assert "pixelwise\n" in result.output
    assert "squares\n" in result.output


def test_an_installed_plugin_is_trained_and_evaluated_by_its_names(plugin: Path) -> None:
    data = ("--dataset", "squares", "--data", "squares", "--device", "cpu")
    recipe = ("--steps", 60, "--batch-size", 4, "--crop", "32x32", "--learning-rate", 0.05)
    trained = segbench("train", "pixelwise", *data, *recipe, "--out", "p.safetensors")
    assert trained.exit_code == 0, trained.output
    run = segbench("run", "--models", "pixelwise", *data, "--weights", "pixelwise=p.safetensors", "--repeats", 0)
    assert run.exit_code == 0, run.output
    record = read_run(plugin / "runs" / "squares-val" / "records" / "pixelwise.json")
    assert record.labels.class_names == ("ground", "red", "blue")
    assert record.scores.miou > 0.9
