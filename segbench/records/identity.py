"""Whose record a file holds: one of other data, weights, network or protocol is never overwritten."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from segbench.errors import RecordError
from segbench.records.run_record import RunRecord, read_run


def identity(record: RunRecord) -> dict[str, str]:
    """Of a record what a repeated run has too, in words."""
    dataset, model = record.dataset, record.model
    return {
        "data set": f"{dataset['name']}-{dataset['split']}, {dataset['images']} images",
        "protocol": ", ".join(f"{key} {value}" for key, value in record.protocol.items() if key != "map"),
        "network": f"{model.get('architecture', model['name'])} {dict(model['arguments'])}",
        "weights": str(model.get("weights_sha256"))[:12],
    }


def refuse_overwriting(planned: Iterable[tuple[Path, dict[str, str]]], way_out: str) -> None:
    """Check files, each with the identity of what would be written there.

    :raises RecordError: naming each record of something else, and in what it differs.
    """
    problems = []
    for file, here in planned:
        if file.is_file():
            there = identity(read_run(file))
            if apart := [f"{key} ({there[key]} there, {here[key]} now)" for key in here if there[key] != here[key]]:
                problems.append(f"{file}: another {', another '.join(apart)}")
    if problems:
        raise RecordError("\n  ".join(["records of other runs would be overwritten:", *problems, way_out]))
