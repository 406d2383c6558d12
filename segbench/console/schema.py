"""`segbench schema`: the JSON Schema of the files that segbench reads, made from what reads them.

The same texts lie in ``segbench/files/schemas``, where the YAML files that come along point, and on the pages of the documents.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segbench.benchmark.suite import Suite
from segbench.files.json_schema import of_keys, of_settings, titled
from segbench.files.json_text import write_text
from segbench.leaderboards.rules import KEYS
from segbench.records.schema import profile_schema, run_schema

SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "run": run_schema,
    "profile": profile_schema,
    "suite": lambda: titled("A suite of segbench", of_settings(Suite)),
    "board": lambda: titled("The rules of a board of segbench", of_keys(KEYS)),
}
"""The schema of each kind of file."""


def schema_text(kind: str) -> str:
    """The schema of a kind of file, as it is written."""
    return json.dumps(SCHEMAS[kind](), indent=1) + "\n"


def write_schemas(folder: Path) -> list[Path]:
    """Write ``KIND.schema.json`` for every kind, and return where."""
    paths = {kind: folder / f"{kind}.schema.json" for kind in SCHEMAS}
    for kind, path in paths.items():
        write_text(path, schema_text(kind))
    return list(paths.values())
