"""The command that repeats a run on another machine."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from segbench.benchmark.suite import Suite
from segbench.datasets.base import Dataset
from segbench.evaluation.protocol import Protocol
from segbench.files.settings import flags_of

REPEATED = (
    *("limit", "groups", "replicates", "average_over", "errors", "error_border", "trimap", "surface", "size_strata"),
    *("calibration", "ood", "allow_fitted_split", "corruptions", "severity", "channels_last", "compile", "graphs"),
)


def portable_command(suite: Suite, names: Sequence[str], dataset: Dataset) -> str:
    """The command that repeats a run of these models on another machine: folders are placeholders, files their names."""
    models = ",".join(without_folder(name) for name in names)
    parts = ["segbench run", f"--models {models}", f"--dataset {without_folder(dataset.reference)}", f"--split {dataset.split}"]
    parts += [] if dataset.builtin else ["--data DIR"]
    parts += [f"--weights {without_folder(name)}={file.name}" for name, file in suite.weights.items()]
    parts += [f"--name {without_folder(name)}={shlex.quote(title)}" for name, title in suite.name.items()]
    parts += [f"--set {name}{'.' * bool(name)}{key}={value}" for name, given in suite.set.items() for key, value in given.items()]
    parts += [f"--map {Path(suite.map).name}"] if suite.map else []
    parts += [f"--temperature {Path(suite.temperature).name}"] if suite.temperature else []
    parts += flags_of(Protocol(**suite.protocol)) + flags_of(suite, REPEATED)
    return " ".join(parts)


def without_folder(name: str) -> str:
    """The name of a model or a dataset as another machine would call it: a file that exists here without its folder."""
    prefix, colon, rest = name.partition(":")
    if not colon and Path(name).is_file():
        return Path(name).name
    if rest and Path(rest).exists():
        return f"{prefix}:{Path(rest).resolve().name}"
    return f"{Path(prefix).name}:{rest}" if colon and prefix.endswith(".py") else name
