"""A suite's models on its dataset, from weights to records, tables and plots.

Nothing here prints: what happens on the way is told to a :class:`Watcher`, and what came out is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Protocol as Interface

import torch

from segbench.benchmark.command import portable_command
from segbench.benchmark.pictures import write_galleries, write_overlays
from segbench.benchmark.suite import Suite
from segbench.datasets.base import Dataset, require
from segbench.evaluation.execution import AS_IT_IS, Execution
from segbench.evaluation.inference import Evaluated
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.resume import images_done, unfinished_file
from segbench.evaluation.run import Outcome, mapped, run, save_class_maps, save_outcomes, timed_size
from segbench.files.atomic import require_writable
from segbench.files.names import file_stem
from segbench.labels.mapping import read_mapping
from segbench.models.loading import load_models, trained_models
from segbench.models.segmenter import Segmenter
from segbench.profiling.profiler import profile
from segbench.profiling.timing import Effort
from segbench.records.groups import groups_of
from segbench.records.profile import Profile
from segbench.records.run_record import RunRecord
from segbench.report.pages.board_files import write as write_board


class Watcher(Interface):
    """What is told how a run goes on: :mod:`segbench.console.run` is one, and prints it."""

    def print_feeds(self, segmenters: Sequence[Segmenter], protocol: Protocol) -> None:
        """Which networks are run, and what their classes stand for."""

    def print_continued(self, done: int, images: int, unfinished: Path | None) -> None:
        """That a run goes on where it was interrupted."""

    def progress(self, description: str, total: int) -> AbstractContextManager[Callable[[float], None]]:
        """Surrounds long work; what it gives is told how much of ``total`` is done."""


@dataclass(frozen=True)
class Finished:
    """What a run has written into a folder."""

    records: list[RunRecord]
    profiles: list[Profile]
    folder: Path


def run_suite(suite: Suite, dataset: Dataset, device: torch.device, watcher: Watcher) -> Finished:
    """Evaluate a suite's models on a dataset; write records, tables and plots."""
    dataset = dataset.first(suite.limit)
    names = trained_models(dataset.name, suite.weights) if list(suite.models) == ["all"] else suite.models
    protocol = Protocol(**suite.protocol)
    if suite.groups:
        groups_of([sample.id for sample in dataset.samples], suite.groups)  # or there are none, before hours have gone by
    chosen = Execution(suite.channels_last, suite.compile, suite.graphs)
    execution = chosen.on(device, protocol.precision)
    segmenters = [execution.prepare(segmenter) for segmenter in load_models(names, dataset, suite.weights, device)]
    if suite.map:
        rule = read_mapping(suite.map)
        segmenters = [mapped(segmenter, rule, dataset.labels) for segmenter in segmenters]
    watcher.print_feeds(segmenters, protocol)
    out = suite.out or Path("runs") / file_stem(dataset.title)
    require_writable(out)
    require_files(dataset)
    how = {"save_predictions": suite.save_predictions, **execution.facts()}
    unfinished = unfinished_file(out, segmenters, dataset, protocol, **how)
    if done := images_done(unfinished, dataset):
        watcher.print_continued(done, len(dataset), unfinished)
    outcomes, profiles = run_with_progress(
        segmenters,
        dataset,
        protocol,
        out,
        watcher,
        command=portable_command(names, dataset, suite.weights, protocol, suite.limit, suite.map, suite.groups, chosen),
        groups=suite.groups,
        save_predictions=suite.save_predictions,
        repeats=suite.repeats,
        execution=execution,
        unfinished=unfinished,
    )
    save_outcomes(out, outcomes, profiles)
    if unfinished is not None:
        unfinished.unlink(missing_ok=True)
    write_overlays(out / "plots", segmenters, dataset, protocol)
    if suite.gallery:
        write_galleries(out, segmenters, outcomes, dataset, protocol)
    write_board(out)
    return Finished([outcome.record for outcome in outcomes], profiles, out)


def require_files(dataset: Dataset) -> None:
    """Check that all images and targets are there: the last one may be read hours after the first.

    :raises DataError: naming every file that is missing.
    """
    files = {f"image of {s.id}": s.image for s in dataset.samples} | {f"target of {s.id}": s.target for s in dataset.samples}
    way_out = f"complete the download; `segbench data check {dataset.reference}` looks into every file"
    require({role: file for role, file in files.items() if isinstance(file, Path)}, dataset.title, way_out)


def run_with_progress(
    segmenters: Sequence[Segmenter],
    dataset: Dataset,
    protocol: Protocol,
    out: Path,
    watcher: Watcher,
    *,
    command: str,
    groups: str | None,
    save_predictions: bool,
    repeats: int,
    execution: Execution = AS_IT_IS,
    unfinished: Path | None = None,
) -> tuple[list[Outcome], list[Profile]]:
    """Evaluate, then measure speed at the size of the first image."""
    names = [segmenter.name for segmenter in segmenters]
    with watcher.progress("evaluating", len(dataset)) as advance:
        done = count(1)

        def on_image(result: Evaluated) -> None:
            if save_predictions and result.class_maps:  # those of an interrupted run are written already
                save_class_maps(out / "predictions", names, dataset, result)
            advance(next(done))

        outcomes = run(
            segmenters,
            dataset,
            protocol=protocol,
            command=command,
            groups=groups,
            on_image=on_image,
            keep_class_maps=save_predictions,
            execution=execution,
            unfinished=unfinished,
        )
    size = timed_size(segmenters, dataset)
    profiles = profile_with_progress(segmenters, size, watcher, repeats=repeats, protocol=protocol) if repeats else []
    return outcomes, [replace(one, environment={**one.environment, **execution.facts()}) for one in profiles]


def profile_with_progress(
    segmenters: Sequence[Segmenter], size: tuple[int, int], watcher: Watcher, *, repeats: int, protocol: Protocol
) -> list[Profile]:
    """Profile, and tell how much of it is done."""
    with watcher.progress("timing", 100) as advance:
        effort = Effort(repeats=repeats)
        return profile(segmenters, size, effort=effort, protocol=protocol, on_turn=lambda share: advance(100 * share))
