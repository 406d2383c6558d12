"""What a machine is doing while it is measured: clocks, temperature, load. What it does not say is ``None``, never guessed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from segbench.records.device import ask_nvidia_smi

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


def _nvidia_smi(device: torch.device) -> dict[str, Any]:
    # A driver that does not know one of the fields answers none of them.
    together = ask_nvidia_smi(device, list(GPU_QUERIES))
    values = together if together is not None else [(ask_nvidia_smi(device, [query]) or [None])[0] for query in GPU_QUERIES]
    return dict(zip(GPU_QUERIES.values(), values, strict=True))


def _clock_mhz() -> float | None:
    lines = (_text(Path("/proc/cpuinfo")) or "").splitlines()
    clocks = [float(line.split(":")[1]) for line in lines if line.startswith("cpu MHz")]
    return max(clocks) if clocks else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
