"""Processes that are measured in turn: whatever else the machine does meets all of them alike."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]


class Broken(Exception):  # noqa: N818 (a reason, not a failure)
    """A process ended; the message is the last line of its standard error."""


class Worker:
    """A process that answers each line on its standard input with a line of JSON; see ``peer.py``."""

    def __init__(self, command: list[object]) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors}
        self.process = subprocess.Popen(
            list(map(str, command)),
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))},
            **pipes,
        )
        self.build = self._answer()["build"]

    def run(self) -> dict[str, Any]:
        """Once over all pairs: ``seconds`` and ``counts``."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write("run\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        if not (line := self.process.stdout.readline()):
            self.process.wait()
            self.errors.seek(0)
            raise Broken((self.errors.read().strip().splitlines() or ["it ended"])[-1])
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()
        self.errors.close()


@dataclass
class Measured:
    """Of one tool: seconds of every pass, those of the processor (all threads together), and what it counted."""

    build: str
    counts: Any
    seconds: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def interleaved(commands: Mapping[str, list[object]], rounds: int, again: Mapping[str, int]) -> tuple[dict[str, Measured], dict[str, str]]:
    """Every tool once unmeasured and then ``rounds`` times, in turn; ``again``: how many passes a quick one makes in each of its turns.

    Returns what was measured, and why not by tool.
    """
    measured: dict[str, Measured] = {}
    failed: dict[str, str] = {}
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for name, command in commands.items():
            try:
                workers[name] = Worker(command)
                stack.callback(workers[name].close)
                measured[name] = Measured(workers[name].build, np.array(workers[name].run()["counts"]))
            except (Broken, OSError) as error:
                failed[name] = str(error)
        for name in _turns(list(measured), rounds):
            if name in failed:
                continue
            try:
                answers = [workers[name].run() for _ in range(again.get(name, 1))]
                measured[name].seconds += [float(answer["seconds"]) for answer in answers]
                measured[name].busy += [float(answer["busy"]) for answer in answers]
            except Broken as error:
                failed[name] = str(error)
    return {name: each for name, each in measured.items() if name not in failed}, failed


def _turns(names: list[str], rounds: int) -> Iterator[str]:
    for index in range(rounds):
        yield from names if index % 2 == 0 else reversed(names)
