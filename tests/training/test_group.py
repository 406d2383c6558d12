"""Several processes that train together give the losses and the weights of one, but for rounding."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from torch import nn

from segbench.cli.main import main
from segbench.errors import UsageError
from segbench.training import trainer
from segbench.training.group import ALONE, Group, synced_norms
from tests.training.train_driver import train

ROOT = Path(__file__).parents[2]


@pytest.fixture
def every_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the processes of the driver."""
    monkeypatch.setattr(trainer, "READ_EVERY", 1)


def launch(size: int, *words: object) -> list[tuple[int, str]]:
    """Start processes as torchrun does; exit status and standard error of each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.training.train_driver", *map(str, words)]
    started = [
        subprocess.Popen(command, env={**shared, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True, cwd=ROOT) for rank in range(size)
    ]
    said = [each.communicate(timeout=180)[1] for each in started]
    return [(each.returncode, text) for each, text in zip(started, said, strict=True)]


def losses(out: Path) -> list[float]:
    found: list[float] = json.loads(out.with_suffix(".json").read_text())
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("every_loss")
@pytest.mark.parametrize(("name", "size"), [("plain", 4), ("norm", 2), ("focal", 2), ("balanced", 2)])
def test_any_number_of_processes_gives_the_losses_of_one(tmp_path: Path, name: str, size: int) -> None:
    one, several = tmp_path / "one.safetensors", tmp_path / "several.safetensors"
    train(tmp_path, one, name, 40, ALONE, [])
    done = launch(size, tmp_path, several, name, 40)
    assert [status for status, _ in done] == [0] * size, done
    assert len(losses(one)) == 40
    np.testing.assert_allclose(losses(several), losses(one), rtol=2e-4)
    assert losses(one)[-1] < 0.8 * losses(one)[0]
    weights = [load_file(path) for path in (one, several)]
    assert weights[0].keys() == weights[1].keys()
    for key, value in weights[0].items():
        torch.testing.assert_close(weights[1][key].float(), value.float(), rtol=0.02, atol=2e-3)


@pytest.mark.slow
@pytest.mark.usefixtures("every_loss")
def test_a_training_goes_on_with_another_number_of_processes(tmp_path: Path) -> None:
    one, several = tmp_path / "one.safetensors", tmp_path / "several.safetensors"
    train(tmp_path, one, "norm", 40, ALONE, [])
    killed = launch(2, tmp_path, several, "norm", 40, "killed")
    assert killed[1][0] == -9
    assert killed[0][0] == 2
    assert "another rank has stopped" in killed[0][1]
    train(tmp_path, several, "norm", 12, ALONE, ["resume"])
    assert losses(several)[1:] == pytest.approx(losses(one)[5:12], rel=2e-4)
    done = launch(2, tmp_path, several, "norm", 40, "resume")
    assert [status for status, _ in done] == [0] * 2, done
    assert losses(several)[1:] == pytest.approx(losses(one)[10:], rel=5e-4)


def test_a_batch_that_does_not_divide_is_refused_with_those_that_do() -> None:
    assert [list(Group(rank, 3).share_of(6)) for rank in range(3)] == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(UsageError, match="a batch of 8 images does not divide among 3 processes: train with --batch-size 6 or 9"):
        Group(0, 3).share_of(8)
    with pytest.raises(UsageError, match=r"--batch-size 4$"):
        Group(0, 4).share_of(2)


def test_norms_are_themselves_again_and_alone_nothing_is_touched() -> None:
    network = nn.Sequential(nn.BatchNorm2d(2))
    with synced_norms(network, ALONE):
        assert "forward" not in vars(network[0])
    with synced_norms(network, Group(0, 2)):
        assert "forward" in vars(network[0])
        network.eval()
        assert network(torch.ones(1, 2, 3, 3)).shape == (1, 2, 3, 3)
    assert "forward" not in vars(network[0])


def test_a_process_alone_starts_no_process_group(tmp_path: Path) -> None:
    train(tmp_path, tmp_path / "x.safetensors", "norm", 2, ALONE, [])
    assert not torch.distributed.is_initialized()


@pytest.mark.slow
def test_torchrun_trains_as_one_process_does(small_minicity: Path, tmp_path: Path) -> None:
    words = ["train", "enet", "--dataset", "cityscapes", "--data", str(small_minicity), "--split", "val", "--set", "width=0.125"]
    words += ["--steps", "20", "--batch-size", "2", "--crop", "64x64", "--validate-every", "20", "--sync-norm", "--device", "cpu", "--out"]
    alone = CliRunner().invoke(main, [*words, str(tmp_path / "one.safetensors")])
    assert alone.exit_code == 0, alone.output
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "segbench"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*torchrun, *words, str(tmp_path / "two.safetensors")], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("step 20/20") == 1
    logs = [(tmp_path / f"{name}.safetensors.log.csv").read_text().splitlines() for name in ("one", "two")]
    assert len(logs[0]) == len(logs[1]) == 2
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("two")) == [
        f"two.safetensors{ending}" for ending in ("", ".ckpt", ".log.csv", ".log.svg")
    ]
