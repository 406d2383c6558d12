"""The Triton kernel: compiled for a device that need not be there, in Triton's interpreter, and on the device where there is one.

The interpreter accepts what the compiler refuses, and computes as numpy does: what passes there is right in its logic, no more.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from segbench.kernels.bilinear import GRIDS, Grid
from tests.kernels.test_upsampling import KINDS, made_logits, reference

if find_spec("triton") is None:
    pytest.skip("the package triton is not installed", allow_module_level=True)

RELAXED = re.compile(r"\b(red|atom)\.global\.gpu\.relaxed\.add")  # which of both is the compiler's choice: nobody reads the old value
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # read when triton is imported: a process has the interpreter or the device
DEVICE = torch.device("cpu" if INTERPRETED else "cuda")
SIZES = [(5, 7, 30, (7, 125)), (7, 30, 15, (50, 90)), (4, 3, 2, (129, 3)), (40, 3, 4, (66, 70)), (19, 12, 20, (12, 20))]
# Weights are sixteenths: the interpreter does not fuse, so ties come out otherwise where products are rounded, as huge ones are.
SIXTEENTHS: dict[Grid, tuple[int, int]] = {"align_corners": (81, 129), "asymmetric": (96, 144)}
CASES = [
    *(("noise", *size, grid) for size in SIZES for grid in GRIDS),
    *((kind, 5, 6, 9, (48, 90), "half_pixel") for kind in KINDS),
    *((kind, 5, 6, 9, size, grid) for kind in KINDS if kind != "huge" for grid, size in SIXTEENTHS.items()),
    ("infinite", 5, 6, 9, (6, 9), "asymmetric"),
]

ignoring_nan = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of numpy, with which the interpreter computes


@pytest.mark.skipif(INTERPRETED, reason="this is the process that it starts")
def test_every_test_of_this_file_passes_in_tritons_interpreter() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu or not gpu", __file__]
    finished = subprocess.run(
        command, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert finished.returncode == 0, finished.stdout
    assert " passed" in finished.stdout


@pytest.mark.skipif(INTERPRETED, reason="the interpreter compiles nothing")
@pytest.mark.parametrize("divisible", [True, False], ids=["sizes of 16", "any size"])
@pytest.mark.parametrize("counted", [True, False], ids=["counted", "class map alone"])
@pytest.mark.parametrize("enlarging", [True, False], ids=["enlarged", "at full size"])
@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_the_kernel_compiles_for_a_gpu_of_compute_capability_9(dtype: str, enlarging: bool, counted: bool, divisible: bool) -> None:
    built = compiled(dtype, enlarging=enlarging, counted=counted, divisible=divisible)
    assert built.asm["cubin"]
    assert bool(RELAXED.search(built.asm["ptx"])) == counted
    assert "acq_rel" not in built.asm["ptx"]  # it would empty the cache for each pair
    assert ("fma.rn.f32" in built.asm["ptx"]) == enlarging
    assert not re.search(r"mul\.f32|add\.f32|ftz", built.asm["ptx"])  # what the assembler might fuse or flush, and a CPU would not


def compiled(dtype: str, *, enlarging: bool, counted: bool, divisible: bool) -> Any:
    """The kernel for sm_90, as it is launched on such a device."""
    from triton import compile
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from segbench.kernels.upsampling_cuda import COLUMNS, LAUNCH, PAIRS_OF_A_TILE, ROWS, _enlarge

    constants = {
        "enlarging": enlarging, "counted": counted, "rows": ROWS, "columns": COLUMNS, "most": PAIRS_OF_A_TILE,
    }  # fmt: skip
    pointers = {
        "logits": f"*{dtype}", "row_index": "*i32", "row_weight": "*fp32", "column_index": "*i32", "column_weight": "*fp32",
        "targets": "*u8", "classes": "*u8", "counts": "*i64" if counted else "*u8",
    }  # fmt: skip
    sizes = dict.fromkeys(("count", "size", "logits_width", "height", "width"), "i32")
    signature = pointers | sizes | dict.fromkeys(constants, "constexpr")
    names = list(signature)
    aligned = [*pointers, *(["size", "logits_width", "height", "width"] if divisible else [])]
    source = ASTSource(
        fn=_enlarge,
        signature=signature,
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs={(names.index(name),): [["tt.divisibility", 16]] for name in aligned},
    )
    return compile(source, target=GPUTarget("cuda", 90, 32), options=LAUNCH)


@pytest.mark.gpu
@ignoring_nan
@pytest.mark.parametrize(("kind", "classes", "height", "width", "enlarged", "grid"), CASES)
def test_the_kernel_gives_the_class_that_torch_gives_on_a_cpu(
    kind: str, classes: int, height: int, width: int, enlarged: tuple[int, int], grid: Grid
) -> None:
    from segbench.kernels.upsampling_cuda import enlarge

    logits = made_logits(kind, (2, classes, height, width), 0)
    got, counts = enlarge(logits.to(DEVICE), enlarged, enlarged, grid=grid)
    assert counts is None
    assert torch.equal(got.cpu(), reference(logits, enlarged, grid))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_half_precision_logits_are_read_as_they_are(dtype: torch.dtype) -> None:
    from segbench.kernels.upsampling_cuda import enlarge

    logits = made_logits("smooth", (1, 5, 16, 12), 0).to(dtype)
    assert torch.equal(enlarge(logits.to(DEVICE), (100, 60), (100, 60))[0].cpu(), reference(logits, (100, 60)))


@pytest.mark.gpu
@pytest.mark.parametrize("kind", ["smooth", "ties"])
def test_the_kernel_counts_what_it_writes(kind: str) -> None:
    from segbench.kernels.upsampling_cuda import enlarge

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


@pytest.mark.gpu
@pytest.mark.parametrize("values", [1, 5, 256], ids=["one pair", "few pairs", "noise"])
@pytest.mark.parametrize("shape", [(2, 45, 93), (1, 1, 1), (3, 64, 64), (0, 4, 4)], ids=str)
def test_the_kernel_of_counting_alone_counts_every_pixel(values: int, shape: tuple[int, int, int]) -> None:
    from segbench.kernels.counting_cuda import count_pairs

    generator = torch.Generator().manual_seed(0)
    targets, preds = (torch.randint(0, values, shape, dtype=torch.uint8, generator=generator) for _ in range(2))
    counts = count_pairs(targets.to(DEVICE), preds.to(DEVICE)).cpu()
    assert counts.shape == (shape[0], 256, 256)
    for target, pred, counted in zip(targets, preds, counts, strict=True):
        assert torch.equal(counted, torch.bincount(target.flatten().int() * 256 + pred.flatten(), minlength=65536).reshape(256, 256))


@pytest.mark.skipif(INTERPRETED, reason="the interpreter compiles nothing")
def test_the_kernel_of_counting_alone_compiles_too() -> None:
    from triton import compile
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from segbench.kernels.counting_cuda import LAUNCH, PAIRS_OF_A_TILE, TILE, _count

    signature = {"targets": "*u8", "preds": "*u8", "counts": "*i64", "size": "i32", "tile": "constexpr", "most": "constexpr"}
    source = ASTSource(fn=_count, signature=signature, constexprs={(4,): TILE, (5,): PAIRS_OF_A_TILE})
    built = compile(source, target=GPUTarget("cuda", 90, 32), options=LAUNCH)
    assert RELAXED.search(built.asm["ptx"])
