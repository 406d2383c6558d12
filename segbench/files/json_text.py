"""JSON that people can read and diff, and text files that are written in one step."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segbench.files.atomic import replacing


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: a reader sees the old one or the new one, never half of it."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def dump_json(data: Mapping[str, Any] | Sequence[Any]) -> str:
    """JSON that people can read and diff: indented, a list of numbers on one line, NaN as ``null``, a newline at the end."""
    text = json.dumps(_without_nan(data), indent=1, ensure_ascii=False, allow_nan=False)
    text = re.sub(r"\[\n\s+(-?[\d.eE+-]+(?:,\n\s+-?[\d.eE+-]+)*)\n\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)
    return text + "\n"


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
