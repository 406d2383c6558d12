from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from segbench.checks.label_noise import Ceiling, ceilings, read_ceiling, redrawn
from segbench.cli.main import main
from segbench.datasets.base import Dataset
from segbench.errors import RecordError
from segbench.images.files import write_labels
from tests.tiny import tiny_dataset


def last(dataset: Dataset, jitter: float, drawings: int = 2, seed: int = 0) -> Ceiling:
    *_, found = ceilings(dataset, jitter, drawings, seed=seed)
    assert isinstance(found, Ceiling)
    return found


def half(size: int = 400) -> np.ndarray:
    target = np.full((size, size), 5, np.uint8)
    target[:, size // 2 :] = 7
    return target


@pytest.mark.parametrize("jitter", [1.0, 2.0, 5.0])
def test_an_edge_lands_so_many_pixels_away(jitter: float) -> None:
    target, everywhere = half(), np.ones((400, 400), bool)
    moved = [(redrawn(target, everywhere, jitter, np.random.default_rng(seed)) == 5).sum(axis=1) - 200 for seed in range(40)]
    assert np.std(moved) == pytest.approx(jitter, rel=0.15)
    assert abs(np.mean(moved)) < 0.3 * jitter
    assert np.abs(np.diff(np.array(moved), axis=1)).mean() < 0.5, "neighbours move nearly alike"


def test_without_jitter_a_target_is_itself_and_with_more_it_is_less_so(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    found = [last(dataset, jitter) for jitter in (0.0, 1.0, 3.0)]
    assert found[0].miou == 1.0
    assert found[0].miou > found[1].miou > found[2].miou
    assert found[0].miou_sd == 0 < found[1].miou_sd


def test_the_command_prints_and_writes_what_was_found(tmp_path: Path) -> None:
    tiny_dataset(tmp_path / "data")
    (tmp_path / "data.yaml").write_text(
        "name: tiny\nclasses: [{name: left, ids: [5]}, {name: right, ids: [7]}, {name: spot, ids: [9]}]\nignore: [0]\n"
        "splits:\n  val: {images: images/*.png, targets: targets/*.png}\n"
    )
    words = ["ceiling", str(tmp_path / "data.yaml"), "--data", str(tmp_path / "data"), "--drawings", "1", "--out", str(tmp_path / "c.json")]
    said = CliRunner().invoke(main, words)
    assert said.exit_code == 0, said.output
    assert "redrawn by 2 px" in said.stdout
    assert json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout) == read_ceiling(tmp_path / "c.json").to_dict()


def test_void_stays_where_it_is(tmp_path: Path) -> None:
    target = half(60)
    target[:, 25:35] = 0
    drawn = redrawn(target, target != 0, 3.0, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn == 0, target == 0)


def test_the_same_seed_draws_the_same_whatever_is_done_beside_it(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    assert last(dataset, 1.0) == last(dataset, 1.0)
    assert last(dataset, 1.0).miou != last(dataset, 1.0, seed=1).miou
    part = replace(dataset, samples=dataset.samples[:1])
    assert last(part, 1.0).miou != last(dataset, 1.0).miou


def test_a_difference_is_told_beside_the_noise_of_labels(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path / "data")
    for name, shift in (("good", 0), ("bad", 1), ("awful", 9)):
        for sample in dataset.samples:
            write_labels(tmp_path / name / f"{sample.id}.png", np.roll(dataset.read_target(sample), shift, axis=1))
    (tmp_path / "tiny.yaml").write_text(
        "name: tiny-3\nclasses: [{name: left, ids: [5]}, {name: right, ids: [7]}, {name: spot, ids: [9]}]\nvoid: [{name: void, ids: [0]}]\n"
    )
    run = CliRunner()
    common = ["--labels", str(tmp_path / "tiny.yaml")]
    for name in ("good", "bad", "awful"):
        made = run.invoke(
            main, ["score", str(tmp_path / name), str(tmp_path / "data" / "targets"), *common, "--json", str(tmp_path / f"{name}.json")]
        )
        assert made.exit_code == 0, made.output
    sha256 = json.loads((tmp_path / "good.json").read_text())["dataset"]["targets_sha256"]
    noise = replace(last(dataset, 2.0), targets_sha256=sha256)
    (tmp_path / "ceiling.json").write_text(json.dumps(noise.to_dict()))
    assert read_ceiling(tmp_path / "ceiling.json") == noise

    def compared(other: str) -> str:
        said = run.invoke(
            main, ["compare", str(tmp_path / "good.json"), str(tmp_path / other), "--ceiling", str(tmp_path / "ceiling.json")]
        )
        return said.output + said.stderr

    assert "The difference is below the label noise at 2 px" in compared("bad.json")
    assert "The difference is above the label noise at 2 px" in compared("awful.json")
    (tmp_path / "ceiling.json").write_text(json.dumps(replace(noise, targets_sha256="0" * 64).to_dict()))
    assert "the ceiling is of other targets" in compared("bad.json")


@pytest.mark.parametrize("text", ["[]", "{}", "3", '{"schema": "segbench-ceiling/1", "miou": "much"}', "not json"])
def test_what_is_no_ceiling_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(RecordError, match=r"x\.json"):
        read_ceiling(tmp_path / "x.json")
