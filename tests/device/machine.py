"""Which versions there are, what the device reaches at best, and whether a pass runs at all."""

from __future__ import annotations

import os
import platform
import shutil
import time

import torch

from segbench.kernels.counting_torch import count_pairs
from segbench.kernels.upsampling import count_enlarged, enlarged_classes
from segbench.profiling.device_state import device_load, device_settings
from segbench.records.device import device_software
from tests.device.clocks import device_ms, host_ms
from tests.device.step import Step, device, synchronize


def run(step: Step) -> None:
    """Versions, first calls, ceilings."""
    say_versions(step)
    say_first_calls(step)
    if device().type == "cuda" and step.has_time("ceilings", 10):
        with step.part("ceilings"):
            say_ceilings(step)


def say_versions(step: Step) -> None:
    """Versions, and what segbench records of the device."""
    import numba
    import numpy

    versions = {"python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__, "numba": numba.__version__}
    with step.part("triton"):
        import triton

        versions["triton"] = triton.__version__
    step.say("versions", **versions, compiler=shutil.which("gcc") or shutil.which("cc"), cores=os.cpu_count())
    for package in ("deflate", "platformdirs", "onnxruntime", "transformers"):
        with step.part(f"import {package}"):
            __import__(package)
    with step.part("records"):
        at = device()
        step.say("segbench records", software=device_software(at), settings=device_settings(at), load=device_load(at))


def say_first_calls(step: Step) -> None:
    """The first error of each way to a class map, in full."""
    at = device()
    logits, targets = torch.randn(1, 19, 16, 32, device=at), torch.zeros(1, 128, 256, dtype=torch.uint8, device=at)
    ways = {
        "class map": lambda: enlarged_classes(logits, (128, 256)),
        "counts": lambda: count_enlarged(logits, (128, 256), targets),
        "torch's counts": lambda: count_pairs(targets[0], targets[0]),
    }
    for name, work in ways.items():
        with step.part(name):
            start = time.perf_counter()
            work()
            synchronize()
            step.say(name, first_call_ms=1e3 * (time.perf_counter() - start))


def say_ceilings(step: Step) -> None:
    """What memory, arithmetic, bus and host reach at best."""
    at = torch.cuda.get_device_properties(0)
    step.say("device", name=at.name, multiprocessors=at.multi_processor_count, gib=at.total_memory >> 30)
    big = torch.empty(1 << 28, dtype=torch.float32, device="cuda").normal_()
    other = torch.empty_like(big)
    step.say("copy on the device", tb_per_s=2 * big.nbytes / device_ms(lambda: other.copy_(big), 10) / 1e9)
    a, b = (torch.randn(8192, 8192, device="cuda") for _ in range(2))
    half = a.bfloat16(), b.bfloat16()
    step.say(
        "product", fp32_tflops=_tflops(device_ms(lambda: a @ b, 5, 2)), bf16_tflops=_tflops(device_ms(lambda: half[0] @ half[1], 5, 2))
    )
    pinned = torch.zeros(1024 * 2048 * 3, dtype=torch.uint8).pin_memory()
    there = torch.empty(pinned.shape, dtype=torch.uint8, device="cuda")
    upload = device_ms(lambda: there.copy_(pinned, non_blocking=True))
    small = torch.zeros(1, device="cuda")
    step.say("photograph", upload_ms=upload, launch_us=1e3 * host_ms(lambda: small.add_(1), 2000))


def _tflops(ms: float) -> float:
    return float(2 * 8192**3 / ms / 1e9)
