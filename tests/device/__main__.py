"""The command line: runs the steps of a plan one after the other, and keeps to the time."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.device.results import pack, write_summary
from tests.device.step import Step, run_step

# Of each plan its steps, by value: the seconds that a step needs at least, and those that it gets at most.
PLANS = {
    "prove": {"machine": (10, 40), "kernel": (15, 60), "tests": (25, 90), "waits": (15, 45), "parity": (15, 45), "pipeline": (30, 75)},
    "board": {"speed": (60, 600)},
}
STARTED = time.monotonic()
Row = tuple[str, str, str]


def main() -> int:
    """Run a plan, or the one step that the parent process asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.device")
    parser.add_argument("plan", choices=PLANS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5.0, help="for everything together")
    parser.add_argument("--steps", help="only these, separated by commas")
    parser.add_argument("--tiny", action="store_true", help="the logic alone, in a minute or two, on any machine")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--limit", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.step:
        run_step(Step(options.step, options.out, options.tiny, STARTED + options.limit))
        return 0
    return run_plan(options)


def run_plan(options: argparse.Namespace) -> int:
    """Run the steps, each in a process of its own, and print the summary. 0 if all of them came to their end."""
    end, rows = STARTED + 60 * options.minutes, list[Row]()
    steps = PLANS[options.plan]
    for name in options.steps.split(",") if options.steps else steps:
        least, most = steps[name]
        left = end - time.monotonic() - 3
        if left < least and not options.tiny:
            rows.append((name, "skipped", f"{left:.0f} s left, needs {least}"))
        else:
            rows.append(run_in_process(options, name, 600 if options.tiny else min(most, left)))
        write_summary(options.out, rows)
    pack(options.out)
    print((options.out / "summary.txt").read_text()[-11000:])
    return int(any(state != "ok" for _, state, _ in rows))


def run_in_process(options: argparse.Namespace, name: str, limit: float) -> Row:
    """Run one step; whatever it does to its process, or leaves running, ends with its limit."""
    start = time.monotonic()
    command = [sys.executable, "-m", "tests.device", options.plan, "--out", str(options.out), "--step", name, "--limit", f"{limit:.0f}"]
    with (options.out / "log.txt").open("ab") as log:
        log.write(f"\n==== {name}, at most {limit:.0f} s\n".encode())
        log.flush()
        tiny = ["--tiny"] * options.tiny
        child = subprocess.Popen([*command, *tiny], stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = child.wait(limit + 5)
            state = "ok" if code == 0 else f"failed ({code})"
        except subprocess.TimeoutExpired:
            state = "cut off"
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    return name, state, f"{time.monotonic() - start:.0f} s"


if __name__ == "__main__":
    raise SystemExit(main())
