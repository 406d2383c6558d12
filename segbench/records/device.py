"""What a device is called in records, and what computes on it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import torch

Answer = float | str | None


def device_name(device: torch.device) -> str:
    """What a device is called in records."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def device_software(device: torch.device) -> dict[str, Any]:
    """What computes on a CUDA device, for records: CUDA, cuDNN, the driver, and how cuDNN picks its algorithms. Empty for a CPU."""
    if device.type != "cuda":
        return {}
    return {
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "driver": (ask_nvidia_smi(device, ["driver_version"]) or [None])[0],
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
    }


def available_mb() -> float | None:
    """Memory that can be had without swapping, in MB (2^20 bytes); ``None`` where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable:")), None)


def ask_nvidia_smi(device: torch.device, queries: list[str]) -> list[Answer] | None:
    """Its answer to each query (``--help-query-gpu`` lists them); ``None`` where there is no such program, or it refuses one of them."""
    index = device.index if device.index is not None else torch.cuda.current_device()
    uuid = getattr(torch.cuda.get_device_properties(index), "uuid", None)
    which = [] if uuid is None else [f"--id=GPU-{uuid}"]
    command = ["nvidia-smi", f"--query-gpu={','.join(queries)}", "--format=csv,noheader,nounits", *which]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_nvidia_smi(done.stdout, len(queries))


def parse_nvidia_smi(text: str, fields: int) -> list[Answer] | None:
    """The first line of an answer: numbers as numbers, ``None`` for what it does not support; ``None`` for an unclear answer."""
    values = [value.strip() for value in (text.splitlines() or [""])[0].split(",")]
    return [_number(value) for value in values] if len(values) == fields else None


def _number(value: str) -> Answer:
    if "N/A" in value or "Not Supported" in value:
        return None
    try:
        return float(value)
    except ValueError:
        return value
