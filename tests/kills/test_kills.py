"""Commands that are killed at random points: repeated, they give what they would have given, and nothing is left over.

A few points of each command by default; ``tox -e kills`` tries twenty.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from segbench.files.json_text import write_text
from segbench.models.weights import build, save
from segbench.records.per_image import write_per_image
from tests.golden.generated_set import write_set
from tests.leaderboards.test_submission import MATRICES, RULES, good
from tests.report.fakes import FAIR, GOOD, run_record
from tests.tiny import LABELS, tiny_dataset

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and signals")

POINTS = int(os.environ.get("SEGBENCH_KILLS", "0"))  # of each command
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")


def tiny_yaml(folder: Path, images: int = 3) -> None:
    tiny_dataset(folder / "data", images=images)
    split = "{images: data/images/*.png, targets: data/targets/*.png}"
    classes = json.dumps([{"name": each.name, "ids": list(each.ids)} for each in LABELS.classes])
    write_text(folder / "tiny.yaml", f"splits: {{train: {split}, val: {split}}}\nclasses: {classes}\nignore: [0]\n")


def for_run(folder: Path) -> None:
    from segbench.datasets.opening import open_dataset

    tiny_yaml(folder)
    save(folder / "enet.safetensors", build("enet", open_dataset(str(folder / "tiny.yaml")).labels, width=0.125), trained_on={}, recipe={})


def for_submit(folder: Path) -> None:
    write_text(folder / "board" / "board.yaml", RULES)
    write_text(folder / "net.json", good().to_json())
    from segbench.metrics.per_image import PerImage

    write_per_image(folder / "net.npz", list("abcd"), PerImage(MATRICES))


def for_leaderboard(folder: Path) -> None:
    for board, name, matrix in (("first", "a", GOOD), ("first", "b", FAIR), ("second", "a", GOOD)):
        write_text(folder / "boards" / board / "records" / f"{name}.json", run_record(name, matrix).to_json())


def for_score(folder: Path) -> None:
    write_set(folder, seed=1, images=8, size=(256, 512))


@dataclass(frozen=True)
class Case:
    """A command, what it needs, and what its output is read as where the bytes of two runs differ by themselves."""

    command: str
    prepare: Callable[[Path], None]
    points: int = 3  # by default: those that take seconds have one
    repeated: Callable[[Path, list[str]], list[str]] = lambda folder, arguments: arguments
    read: Callable[[Path], Any] = Path.read_bytes


def resumed(folder: Path, arguments: list[str]) -> list[str]:
    """Training goes on where there is a checkpoint."""
    return [*arguments, "--resume"] if list(folder.glob("w.safetensors.ckpt*")) else arguments


def weights(file: Path) -> Any:
    """Of weights the numbers, without the seconds that they took; of the log the bytes."""
    if file.suffix == ".safetensors" and file.name == "w.safetensors":
        return {name: value.tobytes() for name, value in load_file(file).items()}
    return None if ".ckpt" in file.name else file.read_bytes()


def unlike_times(file: Path) -> Any:
    """That it is whole; times differ."""
    return sorted(json.loads(file.read_text())) if file.suffix == ".json" else file.stat().st_size > 0


TRAIN = "train enet --dataset tiny.yaml --set width=0.0625 --out w.safetensors --steps 6 --crop 16x16 --batch-size 2 --validate-every 2"
CASES = {
    "score": Case("score results gtFine/val --dataset cityscapes --json out/r.json --workers 2", for_score, 1),
    "run": Case(
        "run --models enet --weights enet=enet.safetensors --dataset tiny.yaml --out out --device cpu "
        "--repeats 0 --gallery --save-predictions",
        for_run,
        1,
    ),
    "train": Case(f"{TRAIN} --device cpu", tiny_yaml, 1, resumed, weights),
    "submit": Case("submit net.json --board board", for_submit, 3),
    "leaderboard": Case("leaderboard boards", for_leaderboard, 1),
    "profile": Case(
        "profile enet --size 64x64 --repeats 3 --seconds 0.1 --out out --device cpu", lambda folder: None, 1, read=unlike_times
    ),
}


class Forks:
    """The process that forks, see :mod:`tests.kills.forks`."""

    def __init__(self) -> None:
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": os.environ | {"OMP_NUM_THREADS": "1"}}
        self.process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("forks.py"))], **pipes)

    def __call__(self, folder: Path, arguments: list[str], sent: int = 0, after: float = 0.0) -> dict[str, Any]:
        request = {"folder": str(folder), "arguments": arguments, "signal": sent, "after": after}
        self.process.stdin.write(json.dumps(request) + "\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())  # type: ignore[union-attr]
        return answer


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    forks = Forks()
    yield forks
    forks.process.stdin.close()  # type: ignore[union-attr]
    forks.process.stdout.close()  # type: ignore[union-attr]
    forks.process.wait(60)


def contents(folder: Path, case: Case) -> dict[str, Any]:
    return {str(path.relative_to(folder)): case.read(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def found_apart(folder: Path, case: Case, whole: dict[str, Any]) -> list[str]:
    found = contents(folder, case)
    return sorted(name for name in found.keys() | whole.keys() if found.get(name, "absent") != whole.get(name, "absent"))


@pytest.mark.parametrize("name", CASES)
def test_a_killed_command_that_is_repeated_gives_the_same_and_leaves_nothing(tmp_path: Path, forks: Forks, name: str) -> None:
    case, random_points = CASES[name], random.Random(name)
    (tmp_path / "prepared").mkdir()
    case.prepare(tmp_path / "prepared")
    shutil.copytree(tmp_path / "prepared", tmp_path / "whole")
    reference = forks(tmp_path / "whole", case.command.split())
    assert reference["code"] == 0, reference["said"]
    whole = contents(tmp_path / "whole", case)
    for point in range(POINTS or case.points):
        sent, after = SIGNALS[(point + len(name)) % 3], random_points.uniform(0, reference["seconds"])
        folder = tmp_path / str(point)
        shutil.copytree(tmp_path / "prepared", folder)
        killed = forks(folder, case.command.split(), getattr(signal, sent), after)
        where = f"{sent} after {after:.3f} of {reference['seconds']:.3f} s (code {killed['code']})"
        early = killed["code"] == 1 and "Aborted!" in killed["said"]  # while the arguments were read
        assert early or killed["code"] in (0, 130, -signal.SIGKILL, -signal.SIGTERM), f"{where}\n{killed['said']}"
        again = forks(folder, case.repeated(folder, case.command.split()))
        done = name == "submit" and "are there already" in again["said"]
        assert again["code"] == 0 or done, f"{where}\n{again['said']}"
        assert found_apart(folder, case, whole) == [], where
        shutil.rmtree(folder)
