"""The arithmetic of a protocol's precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from segbench.evaluation.protocol import Precision

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@contextmanager
def arithmetic(device: torch.device, precision: Precision) -> Iterator[None]:
    """The arithmetic that a precision stands for: ``fp32`` is IEEE's on a GPU too, where cuDNN rounds to ``tf32`` unless told not to.

    Behind it the process's settings are as they were.
    """
    with ExitStack() as settings:
        if device.type == "cuda":
            settings.enter_context(_tf32(precision == "tf32"))
        if precision in _DTYPES:  # casts of weights are not kept: a recorded graph would go on reading them after they were freed
            settings.enter_context(torch.autocast(device.type, _DTYPES[precision], cache_enabled=False))
        yield


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
