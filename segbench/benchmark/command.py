"""The command that repeats a run on another machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from segbench.datasets.base import Dataset
from segbench.evaluation.execution import AS_IT_IS, Execution
from segbench.evaluation.protocol import Protocol


def portable_command(
    names: Sequence[str],
    dataset: Dataset,
    weights: Mapping[str, Path],
    protocol: Protocol,
    limit: int | None,
    mapping: str | None = None,
    groups: str | None = None,
    execution: Execution = AS_IT_IS,
) -> str:
    """The command that repeats a run on another machine: folders are placeholders, files their names."""
    names = [without_folder(name) for name in names]
    parts = ["segbench run", f"--models {','.join(names)}", f"--dataset {without_folder(dataset.reference)}", f"--split {dataset.split}"]
    parts += [] if dataset.builtin else ["--data DIR"]
    parts += [f"--weights {without_folder(name)}={file.name}" for name, file in weights.items()]
    parts += [f"--map {Path(mapping).name}"] if mapping else []
    parts += protocol_flags(protocol) + [f"--limit {limit}"] * (limit is not None)
    parts += [f"--groups {groups}"] if groups else []
    return " ".join(parts + execution.flags())


def without_folder(name: str) -> str:
    """The name of a model or a dataset as another machine would call it: a file that exists here without its folder."""
    prefix, colon, rest = name.partition(":")
    if not colon and Path(name).is_file():
        return Path(name).name
    if rest and Path(rest).exists():
        return f"{prefix}:{Path(rest).resolve().name}"
    return f"{Path(prefix).name}:{rest}" if colon and prefix.endswith(".py") else name


def protocol_flags(protocol: Protocol) -> list[str]:
    """What must be typed for a protocol; nothing for the default one."""
    plain, flags = Protocol(), []
    for each in fields(protocol):
        value = getattr(protocol, each.name)
        if value != getattr(plain, each.name):
            text = value if not isinstance(value, tuple) else (",".join if each.name == "scales" else "x".join)(f"{v:g}" for v in value)
            flags.append(f"--{each.name.replace('_', '-')}" + ("" if value is True else f" {text}"))
    return flags
