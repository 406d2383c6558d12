"""Temperatures in a file: what `segbench temperature` found for each model, and on which data.

``segbench.temperature/1`` is one JSON object: ``dataset`` (the facts that records of runs have, so the checksum of the targets too),
``protocol``, ``environment`` and ``command``; and ``models``, by name, each with ``weights_sha256``, ``temperature`` between ``low`` and
``high``, the mean ``nll`` of ``pixels`` under it, and ``nll_before`` under 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segbench.errors import RecordError
from segbench.files.json_text import dump_json
from segbench.records.reading import record_in

SCHEMA = "segbench.temperature/1"
NUMBERS = ("temperature", "low", "high", "nll", "nll_before")


@dataclass(frozen=True)
class Temperatures:
    """What the file holds, as plain data."""

    dataset: Mapping[str, Any]
    protocol: Mapping[str, Any]
    environment: Mapping[str, Any]
    command: str
    models: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> str:
        """The file as text; equal temperatures give equal bytes."""
        facts = {"dataset": dict(self.dataset), "protocol": dict(self.protocol), "environment": dict(self.environment)}
        models = {name: dict(found) for name, found in self.models.items()}
        return dump_json({"schema": SCHEMA, **facts, "command": self.command, "models": models})

    def of(self, name: str, weights_sha256: str | None) -> Mapping[str, Any] | None:
        """What was found for the model with these weights, whatever it was called; ``None`` if that is nothing."""
        same = [found for found in self.models.values() if found["weights_sha256"] == weights_sha256]
        return same[0] if len(same) == 1 and weights_sha256 else next((found for found in same if found is self.models.get(name)), None)


def read_temperatures(path: Path) -> Temperatures:
    """Read a file of temperatures.

    :raises RecordError: it is missing, is no such file, or says something impossible.
    """
    data = record_in(path)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise RecordError(f"{path}: schema {found!r}; --temperature takes a number, or what `segbench temperature` wrote ({SCHEMA!r})")
    try:
        read = Temperatures(*(data[key] for key in ("dataset", "protocol", "environment", "command", "models")))
        _ = [str(read.dataset[key]) for key in ("name", "split", "targets_sha256")]
        for name, found in read.models.items():
            numbers = [float(found[key]) for key in NUMBERS]
            if not all(map(math.isfinite, numbers)) or not 0 < numbers[1] <= numbers[0] <= numbers[2]:
                raise ValueError(f"the temperature of {name} is {numbers[0]:g}, between {numbers[1]:g} and {numbers[2]:g}")
            _ = found["weights_sha256"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"{path}: {f'there is no {error}' if isinstance(error, KeyError) else error}") from error
    return read
