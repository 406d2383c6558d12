"""JSON that people can read and diff, and text files that are written in one step."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from segbench.files.atomic import replacing


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: a reader sees the old one or the new one, never half of it."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def dump_json(data: Mapping[str, Any] | Sequence[Any]) -> str:
    """JSON that people can read and diff: indented, a list of numbers on one line, NaN as ``null``, a newline at the end."""
    text = StringIO()  # the parts of a large record would take several times its text
    _write(data, "\n ", text.write)
    text.write("\n")
    return text.getvalue()


_encoded = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _write(value: Any, line: str, write: Callable[[str], object]) -> None:
    """Write a value; ``line`` begins each of its lines but the first and the last, which ends a space further left."""
    if isinstance(value, float):
        write(float.__repr__(value) if math.isfinite(value) else "null")
    elif isinstance(value, Mapping) and value:
        mark = "{"
        for key, entry in value.items():
            write(f"{mark}{line}{_encoded(key if isinstance(key, str) else _encoded(key))}: ")
            _write(entry, line + " ", write)
            mark = ","
        write(line[:-1] + "}")
    elif isinstance(value, list | tuple) and value and not all(map(_is_number, value)):
        mark = "["
        for entry in value:
            write(mark + line)
            _write(entry, line + " ", write)
            mark = ","
        write(line[:-1] + "]")
    else:
        write(_encoded(dict(value) if isinstance(value, Mapping) else value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
