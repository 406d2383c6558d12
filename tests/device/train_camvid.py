"""Full-width networks on CamVid, from scratch by the recipe that is the same for all: weights, logs and records of the test split.

    python -m tests.device.train_camvid --data CAMVID --out DIR --minutes 8 [--tiny]

The networks are trained in groups, each group at once and each network in a process of its own: on a fast device a small network waits for
its host, and several share the device well. Everything is done by `segbench train` and `segbench run`, whose commands stand in
DIR/commands.txt.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

# By value. Small ones first: they gain most from each other's company.
GROUPS: tuple[tuple[str, ...], ...] = (("enet", "bisenet_r18", "fanet18"), ("segnet", "unet", "fcn8s"))
STARTING_SECONDS = 25.0  # at least, of a group's time, for starting and validating
TRAINING_SHARE = 0.85  # of a group's time at most
EVALUATION_SECONDS = 35.0  # at the end, for the last group's test split
LARGEST = 15 << 20  # bytes of weights that are handed on


Processes = dict[str, "subprocess.Popen[bytes]"]


@dataclass(frozen=True)
class Session:
    """Where data and results are, and how long a group may take."""

    data: Path
    out: Path
    tiny: bool

    def weights(self, name: str) -> Path:
        """Where a network's weights are written."""
        return self.out / "weights" / f"camvid-{name}.safetensors"

    def train_command(self, name: str, seconds: float) -> list[str]:
        """As it would be typed, for a training of so many seconds."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        budget = ["--time-budget", f"{seconds / 60:.2f}"]
        small = ["--steps", "2", "--batch-size", "1", "--crop", "64x64", "--set", "width=0.125"] if self.tiny else budget
        fixed = ["--dataset", "camvid", "--data", str(self.data), "--recipe", "fair-camvid", "--validate-every", "500", "--device", device]
        return ["segbench", "train", name, *fixed, *small, "--out", str(self.weights(name))]

    def run_command(self, name: str) -> list[str]:
        """As it would be typed."""
        limit = ["--limit", "2"] if self.tiny else []
        fixed = ["--dataset", "camvid", "--split", "test", "--data", str(self.data), "--weights", f"{name}={self.weights(name)}"]
        return ["segbench", "run", "--models", name, *fixed, *limit, "--repeats", "0", "--out", str(self.out / "runs" / name)]


def main() -> int:
    """Train and evaluate every group."""
    parser = argparse.ArgumentParser(prog="python -m tests.device.train_camvid")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.0, help="for everything together")
    parser.add_argument("--groups", help="others than these, e.g. enet+bisenet_r18,segnet")
    parser.add_argument("--throughout", help="a network that is trained all the time, beside every group")
    parser.add_argument("--shares", help="of the time, one for each group, e.g. 3,2")
    parser.add_argument("--tiny", action="store_true", help="two steps and two images, on any machine")
    options = parser.parse_args()
    groups = tuple(tuple(group.split("+")) for group in options.groups.split(",")) if options.groups else GROUPS
    if options.tiny:
        groups = (("enet", "segnet"),)
    for folder in ("weights", "runs"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    shares = [float(share) for share in options.shares.split(",")] if options.shares else [1.0] * len(groups)
    session, evaluating, failed = Session(options.data, options.out, options.tiny), Processes(), list[str]()
    end = time.monotonic() + (3600 if options.tiny else 60 * options.minutes)
    available = 60 * options.minutes - EVALUATION_SECONDS
    throughout = (options.throughout,) if options.throughout else ()
    running = begin(session, throughout, available)
    for names, share in zip(groups, shares, strict=True):
        seconds = 1800.0 if options.tiny else available * share / sum(shares)
        running |= begin(session, names, seconds)
        failed += finish(session, running, names, time.monotonic() + seconds, evaluating)
    failed += finish(session, running, throughout, end - EVALUATION_SECONDS / 2, evaluating)
    failed += end_of(evaluating, end)
    for file in (options.out / "weights").iterdir():
        if file.suffix in (".ckpt", ".previous") or file.stat().st_size > LARGEST:
            file.unlink()
    print(f"not finished: {', '.join(failed)}" if failed else "all finished")
    return int(bool(failed))


def begin(session: Session, names: tuple[str, ...], seconds: float) -> Processes:
    """Start trainings that end, with starting and validating, within so many seconds."""
    budget = seconds - max(STARTING_SECONDS, (1 - TRAINING_SHARE) * seconds)
    return {name: start(session, name, session.train_command(name, budget)) for name in names}


def finish(session: Session, running: Processes, names: tuple[str, ...], end: float, evaluating: Processes) -> list[str]:
    """Wait until a moment for trainings, and begin to evaluate each one that ends; the names of those that failed or did not end."""
    failed: list[str] = []
    while any(name in running for name in names) and time.monotonic() < end:
        for name in [name for name, process in running.items() if process.poll() is not None]:
            if running.pop(name).returncode:
                failed.append(name)
            else:
                evaluating[name] = start(session, name, session.run_command(name))
        time.sleep(0.2)
    return failed + end_of({name: running.pop(name) for name in names if name in running}, end)


def end_of(processes: Processes, end: float) -> list[str]:
    """Wait until a moment for processes to end well; the names of those that did not."""
    failed = []
    for name, process in processes.items():
        try:
            if process.wait(max(0.1, end - time.monotonic())):
                failed.append(name)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            failed.append(name)
    return failed


def start(session: Session, name: str, command: list[str]) -> subprocess.Popen[bytes]:
    """Begin a command; what it prints goes to a file of the network's name."""
    with (session.out / "commands.txt").open("a") as file:
        file.write(" ".join(command) + "\n")
    with (session.out / f"{name}.txt").open("ab") as log:
        return subprocess.Popen([sys.executable, "-m", *command], stdout=log, stderr=subprocess.STDOUT)


if __name__ == "__main__":
    raise SystemExit(main())
