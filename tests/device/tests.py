"""The tests marked ``gpu``, as they are configured."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.device.step import Step


def run(step: Step) -> None:
    """All of them; what failed again with warnings allowed, to tell a warning from a fault."""
    cache = f"cache_dir={step.out.resolve()}/pytest-cache"
    files = [str(file) for file in sorted(Path("tests").rglob("test_*.py")) if "mark.gpu" in file.read_text()]
    common = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "--tb=short", "--durations=8", "-o", cache]
    quiet = ["-p", "no:jaxtyping", "-p", "no:benchmark"]  # plugins of the machine that warn or need packages
    for name, more in {"as configured": files, "what failed, warnings allowed": ["--lf", "-W", "default", *files]}.items():
        done = subprocess.run([*common, *quiet, *more], capture_output=True, text=True, timeout=max(20, step.left), check=False)
        with (step.out / "pytest.txt").open("a") as file:
            file.write(f"#### {name}\n{done.stdout}\n{done.stderr}\n")
        failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.M)
        last = (done.stdout.strip().splitlines() or [done.stderr[-300:]])[-1]
        step.say(name, code=done.returncode, last=last, failed=failed[:12])
        if not failed or step.left < 20:
            break
