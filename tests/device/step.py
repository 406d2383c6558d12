"""A step: where it says what it found, and how long it may go on."""

from __future__ import annotations

import importlib
import json
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

LEAST_SECONDS = 4.0


@dataclass(frozen=True)
class Step:
    """``end`` is a moment of ``time.monotonic()``. ``tiny``: only the logic is tried."""

    name: str
    out: Path
    tiny: bool
    end: float

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()

    def say(self, what: str, **values: Any) -> None:
        """Write a finding down at once: the process may be ended any moment."""
        with (self.out / "results.jsonl").open("a") as file:
            file.write(json.dumps({"step": self.name, "what": what, **values}, default=str) + "\n")
        print(what, values, flush=True)

    @contextmanager
    def part(self, what: str) -> Iterator[None]:
        """A part that may fail without taking the rest with it. Ask :meth:`has_time` first."""
        start = time.monotonic()
        try:
            yield
        except Exception as error:  # whatever it is, the parts behind it are worth a try
            traceback.print_exc()
            self.say(what, failed=f"{type(error).__name__}: {str(error).strip()[:400]}", seconds=time.monotonic() - start)

    def has_time(self, what: str, seconds: float = LEAST_SECONDS) -> bool:
        """Whether a part of so many seconds still fits; says so if it does not."""
        if self.tiny or self.left >= seconds:
            return True
        self.say(what, skipped=f"{self.left:.0f} s left")
        return False


def run_step(step: Step) -> None:
    """Run the module of the step's name."""
    importlib.import_module(f"tests.device.{step.name}").run(step)


def device() -> torch.device:
    """The CUDA device, or where there is none the CPU, for rehearsals."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def synchronize() -> None:
    """Wait for the device."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
