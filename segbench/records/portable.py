"""Commands as a record shows them, without the folders of a machine."""

from __future__ import annotations

import re
import shlex


def portable(command: str) -> str:
    """A command without the folders of the machine it ran on: ``/data/CamVid`` becomes ``.../CamVid``."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    return shlex.join(re.sub(r"(^|[=,])(?:/|~/|[A-Za-z]:[\\/])([^,]*)", _last_part, word) for word in words)


def _last_part(path: re.Match[str]) -> str:
    name = re.split(r"[/\\]", path[2].rstrip("/\\"))[-1]
    return f"{path[1]}.../{name}"
