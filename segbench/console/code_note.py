"""That a model brings code which is run: said once, on standard error."""

from __future__ import annotations

from collections.abc import Sequence

from segbench.console.terminal import console
from segbench.models import MODELS

NOTE = "which segbench did not write and cannot check: use files that you trust"


def say_code_runs(names: Sequence[str]) -> None:
    """Name the models among these whose own code is run: functions of files and packages, and TorchScript."""
    of_files = [name for name in names if name.startswith("torchscript:") or (":" in name and not MODELS.is_adapted(name))]
    if of_files:
        console(stderr=True).print(f"{', '.join(dict.fromkeys(of_files))}: runs its own code, {NOTE}", markup=False, soft_wrap=True)
