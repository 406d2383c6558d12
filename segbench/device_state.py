"""What a machine is doing while it is measured: clocks, temperature, load. What it does not say is ``None``, never guessed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import torch

# What nvidia-smi is asked: its name -> ours, with the unit.
GPU_QUERIES = {
    "clocks.sm": "sm_clock_mhz",
    "clocks.mem": "memory_clock_mhz",
    "temperature.gpu": "temperature_c",
    "power.draw": "power_w",
    "clocks_throttle_reasons.active": "throttle_reasons",
    "driver_version": "driver",
}
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def device_name(device: torch.device) -> str:
    """What a device is called in records."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def device_software(device: torch.device) -> dict[str, Any]:
    """What computes on a CUDA device, for records: CUDA, cuDNN, the driver, and whether cuDNN picks its algorithms by trying them."""
    if device.type != "cuda":
        return {}
    return {
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "driver": _nvidia_smi(device)["driver"],
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
        "cudnn_deterministic": torch.backends.cudnn.deterministic,
    }


def device_settings(device: torch.device) -> dict[str, Any]:
    """What stays as it is while something is measured: how the processor or the GPU is set up for this process."""
    if device.type == "cuda":
        return {"cudnn_benchmark": torch.backends.cudnn.benchmark}
    affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "affinity": affinity,
        "governor": _text(GOVERNOR),
        "flush_denormals": flushes_denormals(),
    }


def device_load(device: torch.device) -> dict[str, Any]:
    """What changes: of a CPU the clock and the load of the last minute (above the number of cores, others were waiting); of a GPU what
    nvidia-smi says.
    """
    if device.type == "cuda":
        return _nvidia_smi(device)
    return {"clock_mhz": _clock_mhz(), "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None}


def flushes_denormals() -> bool:
    """Whether numbers too small to be normal become zero in this thread: arithmetic on them is slow on many processors."""
    return (torch.tensor([1e-40]) * torch.tensor([1.0])).item() == 0.0


def memory_mb(which: str) -> float | None:
    """A line of this process's memory in MB (2^20 bytes): ``VmRSS`` now, ``VmHWM`` at its highest; ``None`` where there is no /proc."""
    for line in (_text(Path("/proc/self/status")) or "").splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) / 1024
    return None


def available_mb() -> float | None:
    """Memory that can be had without swapping, in MB (2^20 bytes)."""
    for line in (_text(Path("/proc/meminfo")) or "").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 1024
    return None


def _nvidia_smi(device: torch.device) -> dict[str, Any]:
    index = device.index if device.index is not None else torch.cuda.current_device()
    uuid = getattr(torch.cuda.get_device_properties(index), "uuid", None)
    which = [] if uuid is None else [f"--id=GPU-{uuid}"]
    together = _ask_nvidia_smi(list(GPU_QUERIES), which)
    # A driver that does not know one of the fields answers none of them.
    values = together if together is not None else [(_ask_nvidia_smi([query], which) or [None])[0] for query in GPU_QUERIES]
    return dict(zip(GPU_QUERIES.values(), values, strict=True))


def _ask_nvidia_smi(queries: list[str], which: list[str]) -> list[float | str | None] | None:
    command = ["nvidia-smi", f"--query-gpu={','.join(queries)}", "--format=csv,noheader,nounits", *which]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_nvidia_smi(done.stdout, len(queries))


def parse_nvidia_smi(text: str, fields: int) -> list[float | str | None] | None:
    """The first line of nvidia-smi's answer: numbers as numbers, ``None`` for what it does not support; ``None`` for an unclear answer."""
    values = [value.strip() for value in (text.splitlines() or [""])[0].split(",")]
    return [_number(value) for value in values] if len(values) == fields else None


def _number(value: str) -> float | str | None:
    if "N/A" in value or "Not Supported" in value:
        return None
    try:
        return float(value)
    except ValueError:
        return value


def _clock_mhz() -> float | None:
    lines = (_text(Path("/proc/cpuinfo")) or "").splitlines()
    clocks = [float(line.split(":")[1]) for line in lines if line.startswith("cpu MHz")]
    return max(clocks) if clocks else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
