"""Whose record a file holds: one of other data, weights, network or protocol is never overwritten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from segbench.errors import RecordError
from segbench.records.run_record import RunRecord, read_run


def identity(record: RunRecord) -> dict[str, str]:
    """Of a record what a repeated run has too, in words."""
    dataset, model = record.dataset, record.model
    data = f"{dataset['name']}-{dataset['split']}, {dataset['images']} images"
    network = f"{model.get('architecture', model['name'])} {dict(model['arguments'])}"
    return in_words(data, record.protocol, network, model.get("weights_sha256"))


def in_words(data: str, protocol: Mapping[str, Any], network: str, weights_sha256: str | None) -> dict[str, str]:
    """The identity of a record, also of one that is not there yet; what classes were mapped to is no part of it."""
    return {
        "data set": data,
        "protocol": ", ".join(f"{key} {value}" for key, value in protocol.items() if key != "map"),
        "network": network,
        "weights": str(weights_sha256)[:12],
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
