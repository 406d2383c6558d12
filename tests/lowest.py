"""Writes the lowest versions that pyproject.toml allows as requirements: ``python -m tests.lowest FILE``.

torch is left out: numbers move in their last bits between its releases, so the tested version is the one of constraints.txt.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def lowest() -> list[str]:
    """``NAME==VERSION`` of every dependency but torch."""
    bounds = (re.fullmatch(r"([\w-]+)>=([\d.]+)", each) for each in tomllib.loads(PROJECT.read_text())["project"]["dependencies"])
    return [f"{bound[1]}=={bound[2]}" for bound in bounds if bound and bound[1] != "torch"]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("".join(f"{each}\n" for each in lowest()))
