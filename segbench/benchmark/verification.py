"""Verifying a record: what it says is counted again on the same data, with the same weights by their checksum, and held against it.

On the machine and the packages of the record every integer must be the same. Elsewhere a few pixels between two classes may move, and
what is told is how many, and whether the score moved by more than a tolerance.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from segbench.benchmark.events import Progress
from segbench.benchmark.suite import Suite
from segbench.datasets.base import Dataset
from segbench.errors import RecordError
from segbench.evaluation.inference import Evaluated
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.run import Evaluation, Outcome, mapped
from segbench.labels.decoding import Decoding
from segbench.labels.encodings import Encoding
from segbench.labels.mapping import read_mapping
from segbench.leaderboards.submission import contradictions
from segbench.metrics.image_counts import Beside, Counted, Counting
from segbench.models.adapters.base import sha256_of_files
from segbench.models.loading import Wanted, load_models, wanted_models
from segbench.models.segmenter import Segmenter
from segbench.models.temperature import Temperature
from segbench.models.weights import bundled
from segbench.records.agreement import Agreement, agree_by_image, agree_in_total, machine_differs
from segbench.records.per_image import images_file, read_per_image
from segbench.records.run_record import RunRecord, read_run
from segbench.scoring.folder import require_scorable
from segbench.scoring.pair_counting import count_folder
from segbench.scoring.record import make_record

TOLERANCE = 0.0005
"""A fraction: 0.05 points of mIoU."""


@dataclass(frozen=True)
class Check:
    """How a record is verified: ``sample`` images drawn with ``seed``, or all; ``tolerance`` of the mIoU elsewhere, a fraction."""

    sample: int | None = None
    seed: int = 0
    tolerance: float = TOLERANCE


@dataclass(frozen=True)
class Verified:
    """What came out: ``agreement`` of integers, and in what the machine differs (empty: it must be exact)."""

    path: Path
    record: RunRecord
    agreement: Agreement
    machine: tuple[str, ...]
    check: Check

    @property
    def holds(self) -> bool:
        """Whether the record is true: exact on its own machine, within the tolerance on another one."""
        found = self.agreement
        if found.problems or (not found.exact and not self.machine):
            return False
        return found.exact or abs(found.after - found.before) <= self.check.tolerance


Steps = Iterator[Progress | Verified]


def is_of_label_maps(record: RunRecord) -> bool:
    """Whether a record is of label maps, which no network of ours made."""
    return record.protocol.get("source") == "label maps"


def verify_run(
    path: Path, suite: Suite, dataset: Dataset, device: torch.device, *, weights: Sequence[Path] = (), check: Check | None = None
) -> Steps:
    """Run the network of a record again. The last step says what came out.

    :param suite: what the record's command asked for.
    :param weights: files, or folders in which the file of the record's checksum is looked for.
    :raises RecordError: the weights are not there, or these are other data.
    """
    check, record, protocol = check or Check(), read_run(path), Protocol(**suite.protocol)
    dataset = _averaging_as(record, dataset)
    if problems := [*contradictions(path, record), *_other_protocol(record, protocol)]:
        yield _false(path, record, problems, check)
        return
    whole = dataset.first(suite.limit)
    _refuse_other(path, record, whole)
    part = _sampled(path, whole, check)
    wanted = _of_record(path, record, suite, dataset)
    found = {} if wanted.weights is None else {wanted.name: _weights_of(path, record, wanted, [*weights, *_usual(wanted, dataset)])}
    titles = {wanted.name: wanted.title} if wanted.title else {}
    execution = suite.execution.on(device, protocol.precision)
    arguments = {} if found else {wanted.name: wanted.arguments}
    (segmenter,) = load_models([wanted.name], dataset, found, device, titles=titles, arguments=arguments)
    if suite.map:
        segmenter = mapped(segmenter, read_mapping(suite.map), dataset.labels)
    segmenter = _tempered_as(record, execution.prepare(segmenter))
    evaluation, results = (
        Evaluation([segmenter], part, protocol, execution, record.command, beside=_beside(record, part)),
        list[Evaluated](),
    )
    for result in evaluation.evaluate(part):
        results.append(result)
        yield Progress(record.name, len(results), len(part))
    yield _verified(path, record, evaluation.outcome(0, results), check)


def verify_label_maps(
    path: Path, preds: Path, dataset: Dataset, *, encodings: tuple[Encoding, Encoding] = ("auto", "auto"), check: Check | None = None
) -> Steps:
    """Score the label maps of a record again; their integers must be the same on any machine.

    :param encodings: of the label maps, and of the targets.
    :raises RecordError: these are other data, or the label maps are of other classes and were mapped.
    :raises DataError: as for `segbench score`.
    """
    check, record = check or Check(), read_run(path)
    dataset = _averaging_as(record, dataset)
    if problems := list(contradictions(path, record)):
        yield _false(path, record, problems, check)
        return
    if record.model.get("mapping"):
        raise RecordError(f"{path}: its label maps were mapped to other classes; score them again with --map and compare the records")
    _refuse_other(path, record, dataset)
    part = _sampled(path, dataset, check)
    decoding = Decoding.of_files(dataset.labels, encoding=encodings[0], target_encoding=encodings[1])
    of_data = {"instances": dataset.instances if record.iiou else None, "segments": dataset.segments}
    counting = Counting(decoding, **_options(record, part) | of_data)
    items = []
    for item in count_folder(preds, part, counting):
        items.append(item)
        yield Progress(record.name, len(items), len(part))
    counted = Counted.of(counting, items)
    require_scorable(counted)
    done = _verified(path, record, Outcome(make_record(counted, part, record.name), counted), check)
    yield replace(done, machine=())  # nothing is rounded


def _averaging_as(record: RunRecord, dataset: Dataset) -> Dataset:
    """The dataset, of whose classes means hold those of a record; as it is where its classes are others."""
    if record.labels.class_names != dataset.labels.class_names or record.labels.averaged == dataset.labels.averaged:
        return dataset
    names = [record.labels.class_names[index] for index in record.labels.averaged]
    return replace(dataset, labels=dataset.labels.averaging(names))


def _tempered_as(record: RunRecord, segmenter: Segmenter) -> Segmenter:
    """The segmenter with the temperature of a record, which holds the number itself; as it is where that has none.

    :raises RecordError: the record's signature names another.
    """
    if "temperature" not in record.protocol:
        return segmenter
    said = record.model.get("temperature")
    try:
        temperature = Temperature(float(said["value"]), said.get("fitted", {}))  # type: ignore[index, union-attr]
        signature = temperature.signature
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordError(f"{record.name}: its temperature cannot be read ({error})") from error
    if signature != record.protocol["temperature"]:
        raise RecordError(f"{record.name}: its protocol says temperature {record.protocol['temperature']}, its model {signature}")
    return replace(segmenter, temperature=temperature)


def _beside(record: RunRecord, part: Dataset) -> Beside:
    options = _options(record, part)
    return Beside(**{each.name: options[each.name] for each in fields(Beside) if each.name in options})


def _options(record: RunRecord, part: Dataset) -> dict[str, Any]:
    """What would count the same again; without what only all images together say how to count, if these are not all."""
    whole = len(part) == record.dataset["images"]
    partly = [name for name, (extra, value) in record.counted.items() if extra.of_parts(value)]
    return {name: option for name, option in record.options.items() if whole or name in partly}


def _verified(path: Path, record: RunRecord, outcome: Outcome, check: Check) -> Verified:
    again = outcome.counted.ids, outcome.counted.per_image
    file = images_file(path)
    agreement = agree_by_image(record, read_per_image(file), again) if file.is_file() else agree_in_total(record, again)
    problems = [*agreement.problems, *_false_facts(record, outcome.record, whole=len(outcome.counted.ids) == record.dataset["images"])]
    return Verified(path, record, replace(agreement, problems=tuple(problems)), tuple(machine_differs(record, outcome.record)), check)


def _false_facts(record: RunRecord, here: RunRecord, *, whole: bool) -> Iterator[str]:
    """What the record says of its network and its targets, and is not so."""
    facts = {f"model.{key}": (record.model.get(key), here.model.get(key)) for key in ("params", "grid", "arguments", "weights_sha256")}
    if whole:
        facts |= {f"dataset.{key}": (record.dataset.get(key), here.dataset.get(key)) for key in ("targets_sha256", "pixels")}
    for name, (then, now) in facts.items():
        if then is not None and _plain(then) != _plain(now):
            yield f"{name} is {now}, the record says {then}"


def _plain(value: object) -> object:
    return json.loads(json.dumps(value, default=str))


def _false(path: Path, record: RunRecord, problems: Sequence[str], check: Check) -> Verified:
    """What is known without counting anything."""
    return Verified(path, record, Agreement(tuple(problems), 0, 0, 0, (), math.nan, math.nan), (), check)


def _other_protocol(record: RunRecord, protocol: Protocol) -> Iterator[str]:
    then, now = record.protocol, protocol.to_dict()
    for key in dict.fromkeys([*then, *now]):
        if key not in ("map", "temperature") and _plain(then.get(key)) != _plain(now.get(key)):
            yield f"its protocol says {key} {then.get(key)}, and its command runs {now.get(key)}"


def _refuse_other(path: Path, record: RunRecord, dataset: Dataset) -> None:
    """Check that the data are those of the record.

    :raises RecordError: they have other classes, or another number of images.
    """
    if record.labels.to_dict() != dataset.labels.to_dict():
        raise RecordError(f"{path}: these data have other classes than the record: {dataset.labels.name} and {record.labels.name}")
    if len(dataset) != record.dataset["images"]:
        said = f"{len(dataset)} images, the record is of {record.dataset['images']}"
        raise RecordError(f"{path}: {dataset.title} has {said}; --data, --dataset and --split say which data are meant")


def _sampled(path: Path, dataset: Dataset, check: Check) -> Dataset:
    """The dataset with some images, drawn by the seed.

    :raises RecordError: single images cannot be compared, because their matrices are not beside the record.
    """
    if check.sample is None or check.sample >= len(dataset):
        return dataset
    if not images_file(path).is_file():
        raise RecordError(
            f"{images_file(path)} is missing: without it no part of the images can be held against the record; leave --sample out"
        )
    drawn = random.Random(check.seed).sample([sample.id for sample in dataset.samples], check.sample)
    return dataset.only(set(drawn), f"{check.sample} drawn with seed {check.seed}")


def _of_record(path: Path, record: RunRecord, suite: Suite, dataset: Dataset) -> Wanted:
    """The model of a record among those that its command ran.

    :raises RecordError: it is none of them.
    """
    wanted = wanted_models(suite.models, dataset.name, suite.weights, suite.name, suite.set)
    chosen = [each for each in wanted if (each.title or each.name) == record.name] or (wanted if len(wanted) == 1 else [])
    if not chosen:
        raise RecordError(f"{path}: its command runs {', '.join(suite.models)}, and none of them is called {record.name}")
    return chosen[0]


def _usual(wanted: Wanted, dataset: Dataset) -> list[Path]:
    """Where weights are looked for in the end: the file that the command names, and those that come with segbench."""
    return [file for file in (wanted.weights, bundled(wanted.name, dataset.name)) if file is not None]


def _weights_of(path: Path, record: RunRecord, wanted: Wanted, places: Iterable[Path]) -> Path:
    """The file with the checksum that the record says.

    :raises RecordError: there is none.
    """
    checksum = record.model.get("weights_sha256")
    looked: list[str] = []
    for place in places:
        files = (
            [place] if not place.is_dir() else sorted(file for file in place.rglob("*") if file.suffix == (wanted.weights or place).suffix)
        )
        for file in files:
            looked.append(str(file))
            if file.is_file() and sha256_of_files([file]) == checksum:
                return file
    raise RecordError(
        f"{path}: no weights with the checksum {str(checksum)[:12]}... are here; looked at {', '.join(looked[:5]) or 'nothing'}"
        f"{' ...' if len(looked) > 5 else ''}; --weights names their file, or a folder to look through"
    )
