"""The rows of a CUDA device: what `python -m tests.device prove` found, kept in ``leaderboards/evaluator-speed-cuda.jsonl``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

KERNEL = ("logits to counts, 1024x2048, 19 classes", "ours", "torch", "ratio", "same counts as the CPU")
RUN = ("run", "images a second", "device busy")
ADDED = ("network", "forward pass", "whole pass", "evaluation adds")


def tables(file: Path) -> list[tuple[str, Sequence[str], list[tuple[str, ...]]]]:
    """Title, header and rows of each table; none where no device was ever measured."""
    if not file.is_file():
        return []
    found = [json.loads(line) for line in file.read_text().splitlines()]
    device = next((each["name"] for each in found if each["what"] == "device"), "a CUDA device")
    kernels = [_kernel(each) for each in found if each["step"] == "kernel"]
    added = [
        (each["what"], f"{each['network_ms']:.2f} ms", f"{each['pass_ms']:.2f} ms", f"{each['added_share']:.1%}")
        for each in found
        if "added_share" in each
    ]
    runs = [
        (each["what"].removeprefix("run of "), f"{each['images_per_s']:.1f}", f"{each['busy']:.0%}") for each in found if "busy" in each
    ]
    return [
        (f"On an {device}: enlarging, argmax and counting", KERNEL, kernels),
        (f"On an {device}: what the evaluation adds to a network", ADDED, added),
        (f"On an {device}: a run, decoding and counting included", RUN, runs),
    ]


def _kernel(found: dict[str, Any]) -> tuple[str, ...]:
    same = "yes" if found["counts_equal_cpu"] and found["map_equals_cpu"] else "no"
    return (found["what"], f"{found['kernels_ms']:.3f} ms", f"{found['torch_kernels_ms']:.3f} ms", f"{found['ratio']:.2g}x", same)
