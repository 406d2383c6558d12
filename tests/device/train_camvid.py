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
TRAINING_SHARE = 0.8  # of a group's time; the rest is for starting and the test split
LARGEST = 15 << 20  # bytes of weights that are handed on


@dataclass(frozen=True)
class Session:
    """Where data and results are, and how long a group may take."""

    data: Path
    out: Path
    group_seconds: float
    tiny: bool

    def weights(self, name: str) -> Path:
        """Where a network's weights are written."""
        return self.out / "weights" / f"camvid-{name}.safetensors"

    def train_command(self, name: str) -> list[str]:
        """As it would be typed."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        budget = ["--time-budget", f"{TRAINING_SHARE * self.group_seconds / 60:.2f}"]
        small = ["--steps", "2", "--batch-size", "1", "--crop", "64x64", "--set", "width=0.125"] if self.tiny else budget
        fixed = ["--dataset", "camvid", "--data", str(self.data), "--recipe", "fair-camvid", "--validate-every", "400", "--device", device]
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
    parser.add_argument("--tiny", action="store_true", help="two steps and two images, on any machine")
    options = parser.parse_args()
    groups = tuple(tuple(group.split("+")) for group in options.groups.split(",")) if options.groups else GROUPS
    if options.tiny:
        groups = (("enet", "segnet"),)
    for folder in ("weights", "runs"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    session = Session(options.data, options.out, 60 * options.minutes / len(groups), options.tiny)
    failed = [name for group in groups for name in train_group(session, group)]
    for file in (options.out / "weights").iterdir():
        if file.suffix in (".ckpt", ".previous") or file.stat().st_size > LARGEST:
            file.unlink()
    print(f"not finished: {', '.join(failed)}" if failed else "all finished")
    return int(bool(failed))


def train_group(session: Session, names: tuple[str, ...]) -> list[str]:
    """Train networks at once, evaluate each as soon as it is trained; the names of those that did not come to their end."""
    end = time.monotonic() + (3600 if session.tiny else session.group_seconds)
    running = {name: start(session, name, session.train_command(name)) for name in names}
    evaluating: dict[str, subprocess.Popen[bytes]] = {}
    failed: list[str] = []
    while (running or evaluating) and time.monotonic() < end:
        for name in [name for name, process in running.items() if process.poll() is not None]:
            if running.pop(name).returncode:
                failed.append(name)
            else:
                evaluating[name] = start(session, name, session.run_command(name))
        for name in [name for name, process in evaluating.items() if process.poll() is not None]:
            if evaluating.pop(name).returncode:
                failed.append(name)
        time.sleep(0.2)
    for name, process in {**running, **evaluating}.items():
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
