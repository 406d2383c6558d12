"""Records of the speed of every network at 1024x2048, by the command that people type, the most telling networks first."""

from __future__ import annotations

import subprocess
import sys

import torch

from segbench.models import MODELS
from tests.device.step import Step, device

FIRST = ["enet", "hrnet_w48", "fcn8s", "bisenet_v2", "segformer_b0", "pspnet_r101", "unet", "segnet"]
LAST = ["bayesian_segnet", "fusionnet"]
WAYS = "eager,bf16-graphs,cuda-graphs,tf32-graphs"


def run(step: Step) -> None:
    """``segbench profile`` writes each record as soon as it is measured; whatever ends it, those stay."""
    names = FIRST + [name for name in MODELS.table if name not in FIRST + LAST] + LAST
    size, ways, effort = "1024x2048", WAYS, ["--repeats", "60", "--seconds", "0.5"]
    if step.tiny or device().type == "cpu":
        names, size, ways, effort = names[:1], "64x128", "eager,channels-last", ["--repeats", "2", "--seconds", "0.1"]
    board = step.out / (board_name() if torch.cuda.is_available() else "cpu-rehearsal")
    command = ["profile", ",".join(names), "--size", size, "--backends", ways, *effort, "--device", device().type, "--out", str(board)]
    process = subprocess.Popen([sys.executable, "-m", "segbench", *command])
    try:
        process.wait(max(5.0, step.left - 5))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    step.say("records", count=len(list(board.glob("records/*.json"))), of=len(names) * len(ways.split(",")))


def board_name() -> str:
    """``h100-speed`` for "NVIDIA H100 80GB HBM3"."""
    words = torch.cuda.get_device_name().removeprefix("NVIDIA ").lower().split()
    return f"{words[0]}-speed"
