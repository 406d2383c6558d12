"""Runs commands in forks of a process that has imported everything, so that what is killed is at work and not importing.

Each line of standard input is a JSON object: ``folder`` to run in, ``arguments``, ``signal`` (0: none) and ``after``, the seconds until
it is sent. A line of standard output answers: ``code`` as the system has it, ``seconds``, and what the command ``said``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

MODULES = """
torch segbench.cli.evaluation segbench.cli.networks segbench.cli.speed segbench.cli.results segbench.console.run segbench.console.score
segbench.console.train segbench.console.profile segbench.benchmark.run_suite segbench.scoring.record segbench.datasets.yaml_dataset
segbench.datasets.target_folder segbench.models.zoo.enet segbench.report.pages.board_files segbench.leaderboards.submission
segbench.metrics.conventions segbench.profiling.profiler
"""


def serve() -> None:
    """Answer until standard input ends."""
    for module in MODULES.split():
        import_module(module)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    said = Path(request["folder"]).with_suffix(".said")
    started = time.monotonic()
    process = os.fork()
    if not process:
        _run(request, said)
    if request["signal"]:
        time.sleep(request["after"])
        os.kill(process, request["signal"])
    _, status = os.waitpid(process, 0)
    return {"code": os.waitstatus_to_exitcode(status), "seconds": time.monotonic() - started, "said": said.read_text()}


def _run(request: dict[str, Any], said: Path) -> None:
    code = 1
    try:
        os.chdir(request["folder"])
        with said.open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        main = import_module("segbench.cli.main").main
        main(request["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
