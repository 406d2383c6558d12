"""A suite's models on a dataset, from weights to their temperatures."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from segbench.benchmark.command import without_folder
from segbench.benchmark.events import Event, Loaded, Progress
from segbench.benchmark.run_suite import Job, load_job, require_files
from segbench.benchmark.suite import Suite
from segbench.datasets.base import Dataset
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.run import machine_facts
from segbench.evaluation.tempering import fit_temperatures
from segbench.files.atomic import require_writable
from segbench.files.json_text import write_text
from segbench.files.settings import flags_of
from segbench.metrics.tempering import Fitted
from segbench.records.environment import environment
from segbench.records.temperature import Temperatures


@dataclass(frozen=True)
class Tempered:
    """What was found for each model, by what tables call it, and the file that says so."""

    names: Sequence[str]
    found: Sequence[Fitted]
    path: Path


def find_temperatures(suite: Suite, dataset: Dataset, device: torch.device, out: Path) -> Iterator[Event | Tempered]:
    """Find the temperatures of a suite's models on a dataset and write them to a file. The last event says which."""
    require_writable(out.parent)
    job = load_job(suite, dataset.first(suite.limit), device)
    yield Loaded(job.segmenters, job.protocol)
    require_files(job.dataset)
    fitted, facts = yield from _fitting(job)
    names = [segmenter.title for segmenter in job.segmenters]
    models = {
        segmenter.title: {"weights_sha256": segmenter.weights_sha256, **own.to_dict()}
        for segmenter, own in zip(job.segmenters, fitted, strict=True)
    }
    machine = machine_facts(job.segmenters[0], job.execution, {})
    command = _command(suite, job.names, job.dataset)
    write_text(out, Temperatures(facts, job.protocol.to_dict(), environment(**machine), command, models).to_json())
    yield Tempered(names, fitted, out)


def _fitting(job: Job) -> Generator[Progress, None, tuple[list[Fitted], dict[str, Any]]]:
    steps = fit_temperatures(job.segmenters, job.dataset, job.protocol)
    while True:
        try:
            yield Progress("two passes", *next(steps))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def _command(suite: Suite, names: Sequence[str], dataset: Dataset) -> str:
    """The command that finds them again on another machine."""
    parts = ["segbench temperature", f"--models {','.join(map(without_folder, names))}", f"--dataset {without_folder(dataset.reference)}"]
    parts += [f"--split {dataset.split}"] + ([] if dataset.builtin else ["--data DIR"])
    parts += [f"--weights {without_folder(name)}={file.name}" for name, file in suite.weights.items()]
    return " ".join(parts + flags_of(Protocol(**suite.protocol)) + flags_of(suite, ("limit",)))
