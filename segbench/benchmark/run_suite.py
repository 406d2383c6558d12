"""A suite's models on its dataset, from weights to records, tables and plots. Nothing here prints: what happens is yielded."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch

from segbench.benchmark.command import portable_command
from segbench.benchmark.events import Continued, Event, Finished, Loaded, Progress
from segbench.benchmark.pictures import write_galleries, write_overlays
from segbench.benchmark.suite import Suite
from segbench.datasets.base import Dataset, require
from segbench.errors import RecordError
from segbench.evaluation.execution import Execution
from segbench.evaluation.inference import Evaluated, evaluate
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.resume import images_done, resumed, unfinished_file
from segbench.evaluation.run import make_outcomes, mapped, record_file, save_class_maps, save_outcomes, timed_size
from segbench.files.atomic import require_writable
from segbench.files.names import file_stem
from segbench.labels.mapping import read_mapping
from segbench.leaderboards.board import raise_unreadable
from segbench.models.loading import load_models, trained_models
from segbench.models.segmenter import Segmenter
from segbench.profiling.profiler import profiling
from segbench.profiling.timing import Effort
from segbench.records.groups import groups_of
from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord, read_run
from segbench.report.pages.board_files import write as write_board


@dataclass(frozen=True)
class Job:
    """A suite with its models loaded for a dataset; ``names`` are what they were asked for by."""

    suite: Suite
    dataset: Dataset
    names: Sequence[str]
    segmenters: Sequence[Segmenter]
    protocol: Protocol
    execution: Execution

    @property
    def out(self) -> Path:
        """The folder of everything that is written."""
        return self.suite.out or Path("runs") / file_stem(self.dataset.title)

    @property
    def unfinished(self) -> Path | None:
        """Where counts are kept until the records are written."""
        options = {"save_predictions": self.suite.save_predictions, **self.execution.facts()}
        return unfinished_file(self.out, self.segmenters, self.dataset, self.protocol, **options)


def run_suite(suite: Suite, dataset: Dataset, device: torch.device) -> Iterator[Event]:
    """Evaluate a suite's models on a dataset; write records, tables and plots. The last event says what was written."""
    job = load_job(suite, dataset.first(suite.limit), device)
    yield Loaded(job.segmenters, job.protocol)
    require_writable(job.out)
    require_files(job.dataset)
    require_own_records(job)
    unfinished = job.unfinished
    results = yield from _evaluate(job, unfinished)
    outcomes = make_outcomes(
        job.segmenters,
        job.dataset,
        results,
        protocol=job.protocol,
        execution=job.execution,
        command=portable_command(suite, job.names, job.dataset),
        groups=suite.groups,
    )
    profiles = (yield from _time(job)) if suite.repeats else []
    save_outcomes(job.out, outcomes, profiles)
    if unfinished is not None:
        unfinished.unlink(missing_ok=True)
    write_overlays(job.out / "plots", job.segmenters, job.dataset, job.protocol)
    if suite.gallery:
        write_galleries(job.out, job.segmenters, outcomes, job.dataset, job.protocol)
    unreadable: list[str] = []
    write_board(job.out, unreadable)
    yield Finished([outcome.record for outcome in outcomes], profiles, job.out)
    raise_unreadable(unreadable)


def load_job(suite: Suite, dataset: Dataset, device: torch.device) -> Job:
    """Load a suite's models for a dataset.

    :raises SegbenchError: a model, its weights or a rule is not there or does not fit, or images have no groups to draw.
    """
    if suite.groups:
        groups_of([sample.id for sample in dataset.samples], suite.groups)  # or there are none, before hours have gone by
    names = trained_models(dataset.name, suite.weights) if list(suite.models) == ["all"] else suite.models
    protocol = Protocol(**suite.protocol)
    execution = suite.execution.on(device, protocol.precision)
    loaded = load_models(names, dataset, suite.weights, device, titles=suite.name, arguments=suite.set)
    segmenters = [execution.prepare(segmenter) for segmenter in loaded]
    if suite.map:
        rule = read_mapping(suite.map)
        segmenters = [mapped(segmenter, rule, dataset.labels) for segmenter in segmenters]
    return Job(suite, dataset, names, segmenters, protocol, execution)


def require_files(dataset: Dataset) -> None:
    """Check that all images and targets are there: the last one may be read hours after the first.

    :raises DataError: naming every file that is missing.
    """
    files = {f"image of {s.id}": s.image for s in dataset.samples} | {f"target of {s.id}": s.target for s in dataset.samples}
    way_out = f"complete the download; `segbench data check {dataset.reference}` looks into every file"
    require({role: file for role, file in files.items() if isinstance(file, Path)}, dataset.title, way_out)


def require_own_records(job: Job) -> None:
    """Check that no record of something else would be overwritten.

    :raises RecordError: naming each record, and in what it differs.
    """
    problems = []
    for segmenter in job.segmenters:
        file = record_file(job.out, segmenter.title)
        if file.is_file():
            there, here = _identity(read_run(file)), _planned(job, segmenter)
            if apart := [f"{key} ({there[key]} there, {here[key]} now)" for key in here if there[key] != here[key]]:
                problems.append(f"{file}: another {', another '.join(apart)}")
    if problems:
        first = job.segmenters[0].name
        way_out = f"--out FOLDER writes elsewhere, --name {first}=NAME calls a model by another name; or remove what is not needed any more"
        raise RecordError("\n  ".join(["records of other runs would be overwritten:", *problems, way_out]))


def _identity(record: RunRecord) -> dict[str, str]:
    """Of a record what a repeated run has too."""
    dataset, model = record.dataset, record.model
    return {
        "data set": f"{dataset['name']}-{dataset['split']}, {dataset['images']} images",
        "protocol": ", ".join(f"{key} {value}" for key, value in record.protocol.items() if key != "map"),
        "network": f"{model.get('architecture', model['name'])} {dict(model['arguments'])}",
        "weights": str(model.get("weights_sha256"))[:12],
    }


def _planned(job: Job, segmenter: Segmenter) -> dict[str, str]:
    """The same of a run that has not begun, as a file would hold it."""
    arguments = json.loads(json.dumps(dict(segmenter.arguments), default=str))
    return {
        "data set": f"{job.dataset.name}-{job.dataset.split}, {len(job.dataset)} images",
        "protocol": ", ".join(f"{key} {value}" for key, value in job.protocol.to_dict().items()),
        "network": f"{segmenter.name} {arguments}",
        "weights": str(segmenter.weights_sha256)[:12],
    }


def _evaluate(job: Job, unfinished: Path | None) -> Generator[Event, None, list[Evaluated]]:
    """Every image's counts; class maps are written, if they were asked for, and not kept."""
    images, names = len(job.dataset), [segmenter.title for segmenter in job.segmenters]
    if done := images_done(unfinished, job.dataset):
        yield Continued(done, images, unfinished)
    yield Progress("evaluating", 0, images)
    keep = job.suite.save_predictions
    evaluation = partial(evaluate, job.segmenters, protocol=job.protocol, keep_class_maps=keep, graphs=job.execution.graphs)
    results: list[Evaluated] = []
    for result in resumed(unfinished, job.dataset, evaluation):
        if result.class_maps:  # those of an interrupted run are written already
            save_class_maps(job.out / "predictions", names, job.dataset, result)
        results.append(replace(result, class_maps=[]))
        yield Progress("evaluating", len(results), images)
    return results


def _time(job: Job) -> Generator[Event, None, list[Profile]]:
    """The speed of every network at the size of the first image."""
    profiles = []
    yield Progress("timing", 0, 100)
    for step in profiling(job.segmenters, timed_size(job.segmenters, job.dataset), Effort(repeats=job.suite.repeats), job.protocol):
        if isinstance(step, Profile):
            profiles.append(replace(step, environment={**step.environment, **job.execution.facts()}))
        else:
            yield Progress("timing", 100 * step, 100)
    return profiles
