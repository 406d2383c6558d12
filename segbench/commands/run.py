"""`segbench run`: progress, speed, overlays, the comparison table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import torch

from segbench.benchmark import (
    Outcome,
    load_models,
    map_labels,
    run,
    save_class_maps,
    save_outcomes,
    timed_size,
    trained_models,
)
from segbench.commands.pictures import write_galleries, write_overlays
from segbench.datasets.base import Dataset, require
from segbench.datasets.mapping import LabelMapping, describe_mapping, read_mapping
from segbench.execution import AS_IT_IS, Execution
from segbench.inference import Evaluated
from segbench.models import BUILTIN
from segbench.models.adapters.base import feeds
from segbench.models.base import Segmenter
from segbench.outputs import require_writable
from segbench.per_image import groups_of, intervals_of
from segbench.profiles import Profile
from segbench.profiling import profile
from segbench.protocols import Protocol
from segbench.records import RunRecord
from segbench.report.cautions import notes, warnings
from segbench.report.formats import cells
from segbench.report.intervals import interval_note
from segbench.report.leaderboard import write as write_board
from segbench.report.tables import comparable, leaderboard, per_class
from segbench.report.terminal import console, progress_bar, table
from segbench.resuming import images_done, unfinished_file
from segbench.suites import Suite
from segbench.timing import Effort


def run_suite(suite: Suite, dataset: Dataset, device: torch.device) -> None:
    """Evaluate a suite's models on a dataset; write records, tables and plots; print the table."""
    names = trained_models(dataset.name, suite.weights) if list(suite.models) == ["all"] else suite.models
    protocol = Protocol(**suite.protocol)
    if suite.groups:
        groups_of([sample.id for sample in dataset.samples[: suite.limit]], suite.groups)  # or there are none, before hours have gone by
    chosen = Execution(suite.channels_last, suite.compile, suite.graphs)
    execution = chosen.on(device, protocol.precision)
    segmenters = [execution.prepare(segmenter) for segmenter in load_models(names, dataset, suite.weights, device)]
    mappings = map_labels(read_mapping(suite.map) if suite.map else None, segmenters, dataset)
    print_feeds(segmenters, mappings, protocol)
    out = suite.out or Path("runs") / dataset.title
    require_writable(out)
    wanted = replace(dataset, samples=dataset.samples[: suite.limit])
    require_files(wanted)
    how = {"save_predictions": suite.save_predictions, **execution.facts()}
    unfinished = unfinished_file(out, segmenters, mappings, wanted, protocol, **how)
    if done := images_done(unfinished, wanted):
        print_continued(done, len(wanted), unfinished)
    outcomes, profiles = run_with_progress(
        segmenters,
        dataset,
        protocol,
        out,
        command=portable_command(names, dataset, suite.weights, protocol, suite.limit, suite.map, suite.groups, chosen),
        limit=suite.limit,
        save_predictions=suite.save_predictions,
        repeats=suite.repeats,
        mappings=mappings,
        execution=execution,
        unfinished=unfinished,
    )
    if suite.groups:
        outcomes = [over_groups(outcome, suite.groups) for outcome in outcomes]
    save_outcomes(out, outcomes, profiles)
    if unfinished is not None:
        unfinished.unlink(missing_ok=True)
    write_overlays(out / "plots", segmenters, dataset, protocol, mappings)
    if suite.gallery:
        write_galleries(out, segmenters, outcomes, dataset, protocol, mappings)
    write_board(out)
    print_tables([outcome.record for outcome in outcomes], profiles, per_class=suite.per_class)
    print(f"records, tables and plots: {out}")


def require_files(dataset: Dataset) -> None:
    """Check that all images and targets are there: the last one may be read hours after the first.

    :raises DataError: naming every file that is missing.
    """
    files = {f"image of {s.id}": s.image for s in dataset.samples} | {f"target of {s.id}": s.target for s in dataset.samples}
    way_out = f"complete the download; `segbench data check {dataset.reference}` looks into every file"
    require({role: file for role, file in files.items() if isinstance(file, Path)}, dataset.title, way_out)


def print_continued(done: int, images: int, unfinished: Path | None) -> None:
    """That a run goes on where it was interrupted, and how to prevent that, on standard error."""
    text = f"continuing after {done} of {images} images that were evaluated before; to begin again, remove {unfinished}"
    console(stderr=True).print(text, markup=False, soft_wrap=True)


def over_groups(outcome: Outcome, groups: str) -> Outcome:
    """The outcome with intervals that draw groups of images (a key of ``GROUPS``)."""
    intervals = intervals_of(outcome.record.labels, outcome.ids, outcome.per_image, groups)
    return replace(outcome, record=replace(outcome.record, intervals=intervals))


def print_feeds(segmenters: Sequence[Segmenter], mappings: Sequence[LabelMapping | None], protocol: Protocol) -> None:
    """What networks that segbench did not build are fed, and what the classes of mapped ones stand for, on standard error."""
    show = console(stderr=True)
    for segmenter, mapping in zip(segmenters, mappings, strict=True):
        if segmenter.name not in BUILTIN:
            show.print(feeds(segmenter), markup=False, soft_wrap=True)
        if mapping is not None:
            show.print(f"{segmenter.name}: {describe_mapping(mapping, masked=protocol.void == 'masked')}", markup=False, soft_wrap=True)


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


def run_with_progress(
    segmenters: Sequence[Segmenter],
    dataset: Dataset,
    protocol: Protocol,
    out: Path,
    *,
    command: str,
    limit: int | None,
    save_predictions: bool,
    repeats: int,
    mappings: Sequence[LabelMapping | None] = (),
    execution: Execution = AS_IT_IS,
    unfinished: Path | None = None,
) -> tuple[list[Outcome], list[Profile]]:
    """Evaluate, then measure speed at the size of the first image; one bar each."""
    names = [segmenter.name for segmenter in segmenters]
    with progress_bar("evaluating") as bar:
        task = bar.add_task("evaluating", total=min(limit or len(dataset), len(dataset)))

        def on_image(result: Evaluated) -> None:
            if save_predictions and result.class_maps:  # those of an interrupted run are written already
                save_class_maps(out / "predictions", names, dataset, result)
            bar.advance(task)

        outcomes = run(
            segmenters,
            dataset,
            protocol=protocol,
            limit=limit,
            command=command,
            on_image=on_image,
            keep_class_maps=save_predictions,
            mappings=mappings,
            execution=execution,
            unfinished=unfinished,
        )
    size = timed_size(segmenters, dataset)
    profiles = profile_with_progress(segmenters, size, repeats=repeats, protocol=protocol) if repeats else []
    return outcomes, [replace(one, environment={**one.environment, **execution.facts()}) for one in profiles]


def profile_with_progress(segmenters: Sequence[Segmenter], size: tuple[int, int], *, repeats: int, protocol: Protocol) -> list[Profile]:
    """Profile with a bar that shows how much of it is done."""
    with progress_bar("timing") as bar:
        task = bar.add_task("timing", total=100)
        effort = Effort(repeats=repeats)
        return profile(segmenters, size, effort=effort, protocol=protocol, on_turn=lambda share: bar.update(task, completed=100 * share))


def print_tables(records: Sequence[RunRecord], profiles: Sequence[Profile], *, per_class: bool) -> None:
    """A comparison table for each signature, on standard output: models of other classes are mapped, and not comparable."""
    for group in comparable(records):
        print_table(group.records, profiles, per_class=per_class)


def print_table(records: Sequence[RunRecord], profiles: Sequence[Profile], *, per_class: bool) -> None:
    """The comparison table, best mIoU first, on standard output."""
    show = console()
    header, rows = cells(leaderboard(records, profiles))
    show.print(table(header, rows))
    if per_class:
        print_per_class(records)
    show.print("scores in per cent; MACs and times at the images' size, batch 1; times belong to this machine", style="dim")
    for warning in warnings(records):
        console(stderr=True).print(f"warning: {warning}", markup=False, soft_wrap=True)
    for note in notes(records):
        show.print(note, style="dim", markup=False, soft_wrap=True)
    if note := interval_note(records):
        show.print(note, style="dim")
    show.print(records[0].signature, style="dim")


def print_per_class(records: Sequence[RunRecord]) -> None:
    """IoU of every class, a column for each model."""
    header, rows = cells(per_class(records), best_in="row")
    console().print(table(["class IoU", *header[1:]], rows))
