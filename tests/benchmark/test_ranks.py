"""Any number of ranks gives the records of one process, whichever rank is killed and however many go on."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from segbench.benchmark.journals import Journals
from segbench.benchmark.ranks import ALONE, LaunchError, Ranks
from segbench.cli.main import main
from segbench.cli.options import launched
from segbench.errors import DataError, UsageError
from tests.benchmark.rank_driver import IMAGES, tiny_work, work_of_rank

ROOT = Path(__file__).parents[2]


def records(folder: Path) -> dict[str, Any]:
    """The records of a folder without what belongs to a machine, and the bytes of what was counted in every image."""
    found: dict[str, Any] = {}
    for path in sorted((folder / "out" / "records").iterdir()):
        found[path.name] = {**json.loads(path.read_text()), "environment": {}} if path.suffix == ".json" else path.read_bytes()
    return found


@dataclass
class Table:
    """Where ranks that are threads meet."""

    size: int
    values: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.meeting = threading.Barrier(self.size, timeout=60)


@dataclass(frozen=True)
class Thread(Ranks):
    """A rank that is a thread of the test."""

    table: Table = field(default_factory=lambda: Table(1))

    def gather(self, value: Any) -> list[Any]:
        self.table.values[self.rank] = value
        try:
            self.table.meeting.wait()
            values = [self.table.values[rank] for rank in range(self.size)]
            self.table.meeting.wait()
        except threading.BrokenBarrierError as error:
            raise LaunchError from error
        return values

    def sum(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.sum(self.gather(counts), axis=0, dtype=np.int64)


def launch_threads(folder: Path, size: int) -> None:
    """Every rank builds its own models and reads the data, as processes do."""
    works = [tiny_work(folder) for _ in range(size)]
    table, errors = Table(size), list[BaseException]()

    def rank(number: int) -> None:
        try:
            work_of_rank(works[number], Thread(number, size, table=table))
        except BaseException as error:
            errors.append(error)
            table.meeting.abort()

    threads = [threading.Thread(target=rank, args=(number,)) for number in range(size)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for error in errors:
        raise error


def launch(folder: Path, size: int, killed_at: int = -1) -> list[tuple[int, str]]:
    """Start processes as torchrun does; exit status and standard error of each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {**os.environ, "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.benchmark.rank_driver", str(folder), str(killed_at)]
    started = [
        subprocess.Popen(command, env={**shared, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True, cwd=ROOT) for rank in range(size)
    ]
    said = [each.communicate(timeout=120)[1] for each in started]
    return [(each.returncode, text) for each, text in zip(started, said, strict=True)]


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, Any]:
    work = tiny_work(tmp_path)
    assert work_of_rank(work, ALONE)
    found = records(tmp_path)
    assert sorted(found) == ["tiny-4.json", "tiny-4.npz", "tiny-8.json", "tiny-8.npz"]
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, IMAGES + 2])
def test_any_number_of_ranks_gives_the_records_of_one_process(tmp_path: Path, expected: dict[str, Any], size: int) -> None:
    for path in (tmp_path / "out" / "records").iterdir():
        path.unlink()
    launch_threads(tmp_path, size)
    assert records(tmp_path) == expected
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["records"]


def test_a_rank_that_is_killed_fails_the_launch_and_another_number_of_ranks_goes_on(tmp_path: Path, expected: dict[str, Any]) -> None:
    for path in (tmp_path / "out" / "records").iterdir():
        path.unlink()
    first, killed = launch(tmp_path, 2, killed_at=1)
    assert killed[0] == -9
    assert first[0] == 2, first[1]
    assert "another rank has stopped, and 3 of 9 images are not counted:\n  s3\n  s5\n  s7\n" in first[1]
    assert "repeat the command, with any number of ranks" in first[1]
    assert not list((tmp_path / "out" / "records").iterdir())
    there = {path.name: path.stat().st_size for path in (tmp_path / "out").glob("unfinished-*")}
    assert len(there) == 2
    launch_threads(tmp_path, 3)
    assert records(tmp_path) == expected
    assert not list((tmp_path / "out").glob("unfinished-*"))


@pytest.mark.slow
def test_a_rank_that_is_killed_at_any_image_costs_nothing(tmp_path: Path, expected: dict[str, Any]) -> None:
    rng = random.Random(os.urandom(8))
    for path in (tmp_path / "out" / "records").iterdir():
        path.unlink()
    size, again = rng.choice([2, 3]), rng.choice([1, 2, 5])
    at = rng.randrange(IMAGES // size + 1)
    said = launch(tmp_path, size, killed_at=at)
    assert said[1][0] == -9, (size, again, at, said)
    assert all(status != 0 for status, _ in said), (size, again, at, said)
    launch_threads(tmp_path, again)
    assert records(tmp_path) == expected, (size, again, at)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["records"]


def test_ranks_that_do_not_see_the_same_are_refused(tmp_path: Path) -> None:
    work = tiny_work(tmp_path)
    other = replace(work, evaluation=replace(work.evaluation, dataset=work.dataset.first(4)))
    table, said = Table(2), dict[int, BaseException]()

    def rank(number: int, task: Any) -> None:
        try:
            Journals.agreed(tmp_path, task, Thread(number, 2, table=table))
        except (DataError, LaunchError) as error:
            said[number] = error

    threads = [threading.Thread(target=rank, args=(n, each.evaluation.task)) for n, each in enumerate((work, other))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert isinstance(said[0], LaunchError)
    assert "rank 1 does not see what rank 0 sees" in str(said[1])
    assert "4 images here, 9 on rank 0" in str(said[1])


def test_a_journal_that_is_not_where_the_others_are_is_noticed(tmp_path: Path) -> None:
    works = [tiny_work(tmp_path), replace(tiny_work(tmp_path), out=tmp_path / "elsewhere")]
    table, said = Table(2), dict[int, BaseException]()

    def rank(number: int) -> None:
        try:
            work_of_rank(works[number], Thread(number, 2, table=table))
        except DataError as error:
            said[number] = error

    threads = [threading.Thread(target=rank, args=(number,)) for number in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert "4 of 9 images are in no rank's journal" in str(said[0])
    assert "must be a folder that all ranks see" in str(said[0])


def test_what_torchrun_sets_is_read_and_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert launched() is ALONE
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    assert launched() is ALONE
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")
    assert (launched().rank, launched().size, launched().local) == (3, 4, 3)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert launched().local == 1
    for rank, message in (("4", "RANK 4 is not below WORLD_SIZE 4"), ("x", "whole numbers, as torchrun sets them")):
        monkeypatch.setenv("RANK", rank)
        with pytest.raises(UsageError, match=message):
            launched()


def test_nothing_of_torch_distributed_is_called_by_a_process_alone() -> None:
    code = (
        "import sys; from segbench.benchmark.ranks import ALONE\n"
        "with ALONE.joined(), ALONE.one_first():\n    assert ALONE.gather(1) == [1]\n"
        "assert not [name for name in sys.modules if name.startswith('torch')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_torchrun_scores_label_maps_as_one_process_does(cityscapes_set: Path, tmp_path: Path) -> None:
    arguments = [str(cityscapes_set / "results"), str(cityscapes_set / "gtFine" / "val"), "--dataset", "cityscapes", "--json"]
    alone = CliRunner().invoke(main, ["score", *arguments, str(tmp_path / "alone.json")])
    assert alone.exit_code == 0, alone.output
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "segbench", "score"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*torchrun, *arguments, str(tmp_path / "ranks.json")], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == alone.stdout
    assert (tmp_path / "ranks.json").read_bytes() == (tmp_path / "alone.json").read_bytes()
    assert (tmp_path / "ranks.npz").read_bytes() == (tmp_path / "alone.npz").read_bytes()
    assert list((tmp_path / "partials").iterdir()) == []
