"""The kernel of enlarging and counting: its integers against the CPU's, its time against torch's operators at their best."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from segbench.kernels.upsampling import count_enlarged
from tests.device.clocks import device_ms, kernels_ms
from tests.device.step import Step, device

CLASSES = 19


@dataclass(frozen=True)
class Case:
    """Logits of a stride and type; ``noise`` is the spread of what is added to smooth ones of spread 4."""

    stride: int
    dtype: torch.dtype
    noise: float

    def __str__(self) -> str:
        return f"stride {self.stride}, {str(self.dtype).removeprefix('torch.')}, noise {self.noise:g}"


CASES = (
    Case(8, torch.float32, 0.05),
    Case(4, torch.float32, 0.05),
    Case(1, torch.float32, 0.05),
    Case(8, torch.bfloat16, 0.05),
    Case(8, torch.float32, 5.0),
    Case(1, torch.float32, 5.0),
)


def run(step: Step) -> None:
    """Every case, then what the compiler made of the kernel."""
    size = (64, 256) if step.tiny else (1024, 2048)
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, CLASSES, 8, 16, generator=generator) * 4
    blocks = torch.randint(0, 34, (1, 1, 24, 48), generator=generator).float()
    targets = F.interpolate(blocks, size=size).to(torch.uint8)[0].contiguous()
    for case in CASES:
        if step.has_time(str(case)):
            with step.part(str(case)):
                shape = (size[0] // case.stride, size[1] // case.stride)
                logits = F.interpolate(coarse, size=shape, mode="bicubic") + case.noise * torch.randn(
                    1, CLASSES, *shape, generator=generator
                )
                compare(step, case, logits.to(case.dtype).contiguous(), targets)
    if device().type == "cuda":
        with step.part("compiled"):
            say_compiled(step)


@torch.inference_mode()
def compare(step: Step, case: Case, logits: Tensor, targets: Tensor) -> None:
    """One case, on both devices and by both."""
    on, there, size = logits.to(device()), targets.to(device()), (targets.shape[1], targets.shape[2])
    cpu_map, cpu_counts = count_enlarged(logits, size, targets)
    own_map, own_counts = count_enlarged(on, size, there)
    equal = bool(torch.equal(own_map.cpu(), cpu_map)), bool(torch.equal(own_counts.cpu(), cpu_counts))
    moved = int((torchs(on, there).cpu().reshape(256, 256) - cpu_counts[0]).abs().sum()) // 2
    own, kernels = kernels_ms(lambda: count_enlarged(on, size, there))
    peer, _ = kernels_ms(lambda: torchs(on, there))
    best_peer, _ = kernels_ms(lambda: torchs(on, there, narrow=True))
    wall = device_ms(lambda: count_enlarged(on, size, there)), device_ms(lambda: torchs(on, there, narrow=True))
    step.say(
        str(case), map_equals_cpu=equal[0], counts_equal_cpu=equal[1], pixels_torch_moves=moved,
        kernels_ms=own, torch_kernels_ms=peer, torch_narrow_ms=best_peer, ratio=min(peer, best_peer) / own,
        wall_ms=wall[0], torch_wall_ms=wall[1], kernels=kernels,
    )  # fmt: skip


def torchs(logits: Tensor, targets: Tensor, *, narrow: bool = False) -> Tensor:
    """int64[65536] counts by torch's own operators, as peers write them; ``narrow``: with int32 cells, which is faster."""
    size = tuple(targets.shape[1:])
    large = logits.float() if tuple(logits.shape[2:]) == size else F.interpolate(logits.float(), size=size, mode="bilinear")
    best = large.argmax(1)
    cells = targets.to(torch.int32) * 256 + best.to(torch.int32) if narrow else targets.long() * 256 + best
    return torch.bincount(cells.flatten(), minlength=65536)


def say_compiled(step: Step) -> None:
    """Registers, spilled bytes and shared memory of each variant."""
    from segbench.kernels import upsampling_cuda

    for cache in upsampling_cuda._enlarge.device_caches.values():
        for built in list(cache[0].values())[:8]:
            registers, spills = getattr(built, "n_regs", None), getattr(built, "n_spills", None)
            step.say("compiled", registers=registers, spills=spills, shared_bytes=built.metadata.shared, detail=True)
