"""Networks of about half a million parameters on CamVid, on a CPU, by one short recipe: weights, logs and records of the test split.

    python -m tests.device.equal_budget --data CAMVID --out DIR [--networks enet,segnet] [--seeds 0] [--workers 2]

Each network is trained for a few steps with each of three learning rates; the one that is best on val is taken for the whole training.
Everything is done by `segbench train` and `segbench run`, one thread each, whose commands stand in DIR/commands.txt. What is there already
is not done again, so the command can be repeated until all is done.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

# Widths that bring each network nearest to 500,000 parameters with eleven classes; by value, the notes' networks first.
WIDTHS = {
    "enet": 1.171875,
    "segnet": 0.125,
    "fcn8s": 0.0625,
    "unet": 0.125,
    "deeplab_v3plus": 0.109375,
    "bisenet_r18": 0.1875,
    "fanet18": 0.1875,
    "gcn": 0.078125,
    "deeplab_v1": 0.15625,
    "deeplab_v2": 0.09375,
    "deeplab_v3_r50": 0.109375,
    "erfnet": 0.484375,
    "hrnet_w18": 0.21875,
    "fast_scnn": 0.640625,
    "deconvnet": 0.046875,
    "dfn": 0.078125,
    "fusionnet": 0.078125,
    "segformer_b0": 0.359375,
    "ddrnet23_slim": 0.28125,
    "pidnet_s": 0.265625,
}
LEARNING_RATES = ("3e-4", "1e-3", "3e-3")
SEARCH_STEPS = 100


@dataclass(frozen=True)
class Campaign:
    """Where data and results are."""

    data: Path
    out: Path

    def training(self, name: str, rate: str, seed: int, out: Path, *more: str) -> list[str]:
        """As it would be typed."""
        fixed = ["--dataset", "camvid", "--data", str(self.data), "--recipe", "equal-camvid", "--validate-every", "250", "--device", "cpu"]
        network = ["--set", f"width={WIDTHS[name]}", "--learning-rate", rate, "--seed", str(seed)]
        return ["segbench", "train", name, *network, *fixed, *more, "--out", str(out)]

    def evaluation(self, name: str, weights: Path, out: Path) -> list[str]:
        """As it would be typed."""
        fixed = ["--dataset", "camvid", "--split", "test", "--data", str(self.data), "--device", "cpu", "--repeats", "0"]
        return ["segbench", "run", "--models", name, "--weights", f"{name}={weights}", *fixed, "--out", str(out)]

    def do(self, command: list[str], log: Path) -> None:
        """Run a command on one thread; what it prints goes to a file.

        :raises subprocess.CalledProcessError: it failed.
        """
        with (self.out / "commands.txt").open("a") as file:
            file.write(" ".join(command) + "\n")
        with log.open("ab") as output:
            threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
            subprocess.run([sys.executable, "-m", *command], stdout=output, stderr=output, check=True, env=os.environ | threads)

    def learning_rate(self, name: str) -> str:
        """The best of three on val after a short training."""
        found = {}
        for rate in LEARNING_RATES:
            weights = self.out / "search" / f"{name}-{rate}.safetensors"
            if not weights.exists():
                self.do(self.training(name, rate, 0, weights, "--steps", str(SEARCH_STEPS)), self.out / "logs" / f"{name}-search.txt")
            found[rate] = best_on_val(weights)
        with (self.out / "search.csv").open("a") as file:
            file.write("".join(f"{name},{rate},{value}\n" for rate, value in found.items()))
        return max(found, key=lambda rate: found[rate])

    def row(self, name: str, seed: int) -> str:
        """Train and evaluate a network with a seed."""
        stem = name if seed == 0 else f"{name}-seed{seed}"
        weights, run, log = (self.out / "weights" / f"{stem}.safetensors", self.out / "runs" / stem, self.out / "logs" / f"{stem}.txt")
        if not weights.exists():
            self.do(self.training(name, self.learning_rate(name), seed, weights), log)
        if not list(run.glob("*.json")):
            self.do(self.evaluation(name, weights, run), log)
        return stem


def best_on_val(weights: Path) -> float:
    """The best mIoU that a training's log holds."""
    with Path(f"{weights}.log.csv").open() as file:
        return max(float(row["miou"]) for row in csv.DictReader(file) if row["miou"])


def main() -> int:
    """Do every row that is not there."""
    parser = argparse.ArgumentParser(prog="python -m tests.device.equal_budget")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--networks", default=",".join(WIDTHS))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    campaign = Campaign(options.data, options.out)
    for folder in ("search", "weights", "runs", "logs"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    failed = 0
    with ThreadPoolExecutor(options.workers) as pool:
        rows = [pool.submit(campaign.row, name, int(seed)) for seed in options.seeds.split(",") for name in options.networks.split(",")]
        for row in rows:
            try:
                print(row.result(), "is done", flush=True)
            except subprocess.CalledProcessError as error:
                failed += 1
                print(f"failed: {' '.join(error.cmd[2:])}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
