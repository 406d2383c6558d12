"""A suite's models on its dataset, from weights to records, tables and plots. Nothing here prints: what happens is yielded."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from segbench.benchmark.class_map_keeping import OVERLAYS, KeptMaps
from segbench.benchmark.command import portable_command
from segbench.benchmark.corrupting import evaluate_corrupted
from segbench.benchmark.evaluating import Work, evaluate_images, evaluate_shard
from segbench.benchmark.events import Event, Finished, Loaded, Progress
from segbench.benchmark.journals import Journals
from segbench.benchmark.pictures import Pictures
from segbench.benchmark.ranks import ALONE, Ranks
from segbench.benchmark.suite import Suite
from segbench.datasets.base import Dataset, require
from segbench.errors import UsageError
from segbench.evaluation.execution import Execution
from segbench.evaluation.inference import Evaluated
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.run import Evaluation, Outcome, mapped, protocol_facts, record_file, save_outcomes, timed_size
from segbench.evaluation.surviving import Survivors, first_lines
from segbench.evaluation.tempering import tempered
from segbench.files.atomic import require_writable
from segbench.files.names import file_stem
from segbench.files.remote import FILES
from segbench.labels.mapping import read_mapping
from segbench.leaderboards.board import raise_unreadable
from segbench.models.loading import load_models, trained_models
from segbench.models.segmenter import Segmenter
from segbench.profiling.profiler import profiling
from segbench.profiling.timing import Effort
from segbench.records.groups import groups_of
from segbench.records.identity import in_words, refuse_overwriting
from segbench.records.profile import Profile
from segbench.records.shard import WHOLE, Shard
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
    def work(self) -> Work:
        """What is evaluated."""
        save, command = self.suite.save_predictions, portable_command(self.suite, self.names, self.dataset)
        how = (self.protocol, self.execution, command, self.suite.draws, {"save_predictions": save}, self.suite.beside)
        evaluation = Evaluation(self.segmenters, self.dataset, *how)
        return Work(evaluation, self.out, save)


def run_suite(suite: Suite, dataset: Dataset, device: torch.device, *, ranks: Ranks = ALONE, shard: Shard = WHOLE) -> Iterator[Event]:
    """Evaluate a suite's models on a dataset; write records, tables and plots. The last event says what was written.

    :param ranks: processes that do this together; all but the first end when their images are counted.
    :param shard: the images that are counted; of a part only its partial is written, and :mod:`segbench.records.merging` merges them.
    """
    job = load_job(suite, averaged(suite, dataset).first(suite.limit), device)
    yield Loaded(job.segmenters, job.protocol)
    require_writable(job.out)
    require_files(job.dataset)
    if suite.corruptions and not (shard.is_whole and ranks.size == 1):
        raise UsageError(
            "--corruptions runs in one process: leave out the shards and ranks; a run that was killed goes on with the next corruption, "
            "and --corruptions NAME runs one alone"
        )
    if not shard.is_whole:
        yield from evaluate_shard(job.work, shard)
        return
    require_own_records(job)
    work = job.work
    kept = KeptMaps(work.evaluation, job.suite.gallery)
    survivors, journals = Survivors(work.evaluation), Journals.agreed(job.out, work.evaluation.task, ranks)
    results = yield from evaluate_images(replace(work, kept=kept), survivors, journals, ranks)
    if results is not None:
        finished, unreadable, outcomes = yield from _write(job, survivors, results, kept)
        journals.remove()
        if suite.corruptions:
            alive = replace(work.evaluation, segmenters=[job.segmenters[position] for position in outcomes])
            corrupted = yield from evaluate_corrupted(alive, list(outcomes.values()), suite.conditions, job.out)
            finished = replace(finished, corrupted=corrupted)
        yield finished
        raise_unreadable(unreadable)


def averaged(suite: Suite, dataset: Dataset) -> Dataset:
    """The dataset, of whose classes means hold those that a suite names.

    :raises LabelError: there is no such class.
    """
    return replace(dataset, labels=dataset.labels.averaging(suite.average_over)) if suite.average_over else dataset


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
    if suite.temperature is not None:
        if not (suite.calibration or suite.ood):
            raise UsageError("--temperature moves no class map, only confidence: add --calibration or --ood, or leave it out")
        segmenters = tempered(segmenters, suite.temperature, dataset, protocol, fitted_split=suite.allow_fitted_split)
    return Job(suite, dataset, names, segmenters, protocol, execution)


def require_files(dataset: Dataset) -> None:
    """Check that all images and targets are there: the last one may be read hours after the first.

    :raises DataError: naming every file that is missing.
    """
    files = {f"image of {s.id}": s.image for s in dataset.samples} | {f"target of {s.id}": s.target for s in dataset.samples}
    way_out = f"complete the download; `segbench data check {dataset.reference}` looks into every file"
    require({role: file for role, file in files.items() if isinstance(file, FILES)}, dataset.title, way_out)


def require_own_records(job: Job) -> None:
    """Check that no record of something else would be overwritten.

    :raises RecordError: naming each record, and in what it differs.
    """
    first = job.segmenters[0].name
    way_out = f"--out FOLDER writes elsewhere, --name {first}=NAME calls a model by another name; or remove what is not needed any more"
    refuse_overwriting(((record_file(job.out, each.title), _planned(job, each)) for each in job.segmenters), way_out)


def _planned(job: Job, segmenter: Segmenter) -> dict[str, str]:
    """The identity of a record that is not there yet."""
    arguments = json.loads(json.dumps(dict(segmenter.arguments), default=str))
    data = f"{job.dataset.title}, {len(job.dataset)} images"
    return in_words(data, protocol_facts(job.protocol, segmenter), f"{segmenter.name} {arguments}", segmenter.weights_sha256)


def _write(
    job: Job, survivors: Survivors, results: Sequence[Evaluated], kept: KeptMaps
) -> Generator[Event, None, tuple[Finished, list[str], dict[int, Outcome]]]:
    """Write everything of what was counted: records first, so that nothing that comes after them can cost them.

    Beside what is finished, the records of others in the folder that cannot be read, and what came out for each model.
    """
    outcomes: dict[int, Outcome] = {}
    for position in survivors.positions:
        try:
            outcomes[position] = survivors.evaluation.outcome(position, results)
        except Exception as error:
            survivors.fail(error)
    written, segmenters = list(outcomes.values()), [job.segmenters[position] for position in outcomes]
    save_outcomes(job.out, written)
    profiles = (yield from _time(job, segmenters, survivors.failed)) if job.suite.repeats else []
    save_outcomes(job.out, (), profiles)
    yield from _draw(Pictures(survivors.evaluation, kept, job.out), segmenters, written if job.suite.gallery else [])
    unreadable: list[str] = []
    write_board(job.out, unreadable)
    return Finished([outcome.record for outcome in written], profiles, job.out, dict(survivors.failed)), unreadable, outcomes


def _draw(pictures: Pictures, segmenters: Sequence[Segmenter], galleries: Sequence[Outcome]) -> Iterator[Progress]:
    """Draw what networks made of a few images; ``galleries``: what was counted of each network, where its failures are drawn too."""
    total = min(OVERLAYS, len(pictures.evaluation.dataset)) * len(segmenters) + len(galleries)
    for done, _ in enumerate(pictures.overlays(segmenters)):
        yield Progress("drawing", done, total)
    for done, (segmenter, outcome) in enumerate(zip(segmenters, galleries, strict=False), total - len(galleries)):
        yield Progress("drawing", done, total)
        pictures.gallery(segmenter, outcome)
    yield Progress("drawing", total, total)


def _time(job: Job, segmenters: Sequence[Segmenter], failed: dict[str, str]) -> Generator[Event, None, list[Profile]]:
    """The speed of every network at the size of the first image; where one cannot be timed, the others are, each by itself."""
    try:
        return (yield from _time_in_turns(job, segmenters))
    except Exception:
        if len(segmenters) == 1:
            raise
    profiles = []
    for segmenter in segmenters:
        try:
            profiles += yield from _time_in_turns(job, [segmenter])
        except Exception as error:
            failed[segmenter.title] = f"its speed: {first_lines(error)}"
    return profiles


def _time_in_turns(job: Job, segmenters: Sequence[Segmenter]) -> Generator[Event, None, list[Profile]]:
    profiles = []
    yield Progress("timing", 0, 100)
    for step in profiling(segmenters, timed_size(segmenters, job.dataset), Effort(repeats=job.suite.repeats), job.protocol):
        if isinstance(step, Profile):
            profiles.append(replace(step, environment={**step.environment, **job.execution.facts()}))
        else:
            yield Progress("timing", 100 * step, 100)
    return profiles
