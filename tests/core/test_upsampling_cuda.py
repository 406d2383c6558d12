"""The Triton kernel: in Triton's interpreter on any machine that has Triton, and on the device where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.core.test_upsampling import KINDS, made_logits, reference

if find_spec("triton") is None:
    pytest.skip("the package triton is not installed", allow_module_level=True)

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # read when triton is imported: a process has the interpreter or the device
DEVICE = torch.device("cpu" if INTERPRETED else "cuda")
SIZES = [(5, 7, 30, (7, 125)), (7, 30, 15, (50, 90)), (4, 3, 2, (129, 3)), (40, 3, 4, (66, 70)), (19, 12, 20, (12, 20))]
CASES = [("noise", *size) for size in SIZES] + [(kind, 5, 6, 9, (48, 90)) for kind in KINDS] + [("infinite", 5, 6, 9, (6, 9))]

on_its_device = pytest.mark.skipif(not INTERPRETED and not torch.cuda.is_available(), reason="no CUDA device")
ignoring_nan = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy, with which the interpreter computes


@pytest.mark.skipif(INTERPRETED, reason="this is the process that it starts")
def test_every_test_of_this_file_passes_in_tritons_interpreter() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu or not gpu", __file__]
    finished = subprocess.run(
        command, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert finished.returncode == 0, finished.stdout
    assert " passed" in finished.stdout


@pytest.mark.gpu
@on_its_device
@ignoring_nan
@pytest.mark.parametrize(("kind", "classes", "height", "width", "enlarged"), CASES)
def test_the_kernel_gives_the_class_that_torch_gives_on_a_cpu(
    kind: str, classes: int, height: int, width: int, enlarged: tuple[int, int]
) -> None:
    from segbench.core.upsampling_cuda import enlarge

    logits = made_logits(kind, (2, classes, height, width), 0)
    got, counts = enlarge(logits.to(DEVICE), enlarged, enlarged)
    assert counts is None
    assert torch.equal(got.cpu(), reference(logits, enlarged))


@pytest.mark.gpu
@on_its_device
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_half_precision_logits_are_read_as_they_are(dtype: torch.dtype) -> None:
    from segbench.core.upsampling_cuda import enlarge

    logits = made_logits("smooth", (1, 5, 16, 12), 0).to(dtype)
    assert torch.equal(enlarge(logits.to(DEVICE), (100, 60), (100, 60))[0].cpu(), reference(logits, (100, 60)))


@pytest.mark.gpu
@on_its_device
@pytest.mark.parametrize("kind", ["smooth", "ties"])
def test_the_kernel_counts_what_it_writes(kind: str) -> None:
    from segbench.core.upsampling_cuda import enlarge

    logits = made_logits(kind, (2, 5, 6, 12), 0)
    targets = _blocks((2, 45, 93))
    classes, counts = enlarge(logits.to(DEVICE), (48, 96), (45, 93), targets.to(DEVICE))
    assert torch.equal(classes.cpu(), reference(logits, (48, 96))[:, :45, :93])
    assert counts is not None
    for target, pred, counted in zip(targets, classes.cpu(), counts.cpu(), strict=True):
        assert torch.equal(counted, torch.bincount(target.flatten().int() * 256 + pred.flatten(), minlength=65536).reshape(256, 256))


def _blocks(shape: tuple[int, int, int]) -> Tensor:
    small = torch.randint(0, 256, (shape[0], 5, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return small.repeat_interleave(10, 1).repeat_interleave(11, 2)[:, : shape[1], : shape[2]]
