"""The steps for a CUDA device, rehearsed on small data without one: their logic, not what they are there to show."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from tests.device import equal_budget, kernel, machine, pipeline, speed, train_camvid, waits
from tests.device.results import pack, write_summary
from tests.device.step import Step


@pytest.mark.parametrize("module", [machine, kernel, waits, pipeline, speed], ids=lambda module: module.__name__.split(".")[-1])
def test_a_step_finds_what_it_looks_for(module: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "out"
    out.mkdir()
    module.run(Step(module.__name__, out, True, math.inf))  # type: ignore[attr-defined]
    rows = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert rows
    assert not [row for row in rows if "failed" in row and "import" not in row["what"]]
    for row in rows:
        assert row.get("map_equals_cpu", True)
        assert row.get("counts_equal_cpu", True)
    write_summary(out, [("step", "ok", "1 s")])
    assert (out / "summary.txt").read_text().count("\n") >= len(rows)
    pack(out)
    assert not [each for each in out.iterdir() if each.is_dir()]


def test_what_cannot_be_started_is_a_finding_and_not_the_end(tmp_path: Path) -> None:
    step = Step("x", tmp_path, False, 0.0)
    assert not step.has_time("late")
    with step.part("broken"):
        raise RuntimeError("no such kernel")
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert rows[0]["what"] == "late"
    assert rows[1]["failed"] == "RuntimeError: no such kernel"


@pytest.mark.skipif(torch.cuda.is_available(), reason="its commands name the device")
def test_camvid_is_trained_and_evaluated_by_the_commands_that_people_type() -> None:
    session = train_camvid.Session(Path("CAMVID"), Path("OUT"), tiny=False)
    assert " ".join(session.train_command("enet", 96)) == (
        "segbench train enet --dataset camvid --data CAMVID --recipe fair-camvid --validate-every 500 --device cpu --time-budget 1.60 "
        "--out OUT/weights/camvid-enet.safetensors"
    )
    assert " ".join(session.run_command("enet")) == (
        "segbench run --models enet --dataset camvid --split test --data CAMVID --weights enet=OUT/weights/camvid-enet.safetensors "
        "--repeats 0 --out OUT/runs/enet"
    )


def test_the_campaign_of_equal_budgets_takes_the_best_rate_and_does_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("search", "weights", "runs", "logs"):
        (tmp_path / folder).mkdir()
    done: list[list[str]] = []

    def do(_: equal_budget.Campaign, command: list[str], log: Path) -> None:
        done.append(command)
        out = Path(command[-1])
        if command[1] == "train":
            out.touch()
            rate = command[command.index("--learning-rate") + 1]
            Path(f"{out}.log.csv").write_text(f"step,loss,learning_rate,miou\n100,1.0,{rate},{0.2 if rate == '1e-3' else 0.1}\n")
        else:
            out.mkdir()
            (out / "enet.json").touch()

    monkeypatch.setattr(equal_budget.Campaign, "do", do)
    campaign = equal_budget.Campaign(Path("CAMVID"), tmp_path)
    assert campaign.row("enet", 0) == "enet"
    assert [command[command.index("--learning-rate") + 1] for command in done[:-1]] == ["3e-4", "1e-3", "3e-3", "1e-3"]
    assert campaign.row("enet", 0) == "enet"
    assert len(done) == 5
    assert campaign.row("enet", 1) == "enet-seed1"
    assert len(done) == 7, "another seed takes the rate that was found"
    assert "--seed 1" in " ".join(done[-2])
