"""The main job: models with weights, on a dataset, to records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segbench.datasets.base import Dataset, Sample, read_photograph
from segbench.errors import blaming
from segbench.evaluation.execution import AS_IT_IS, Execution
from segbench.evaluation.inference import Evaluated, Keeping, counting_of, evaluate
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.resume import data_digests, in_order, network_facts, resumed
from segbench.files.json_text import write_text
from segbench.files.names import file_stem
from segbench.images.files import write_labels
from segbench.labels.mapping import MappingRule, outside_id
from segbench.labels.space import LabelSpace
from segbench.metrics.image_counts import NOTHING, Beside, Counted, Counting
from segbench.models.facts import model_facts
from segbench.models.segmenter import Segmenter
from segbench.records.device import device_name, device_software
from segbench.records.groups import AS_USUAL, Draws
from segbench.records.merging import counting_facts, dataset_facts
from segbench.records.partial import Journal, Task, digest_of
from segbench.records.per_image import write_run
from segbench.records.profile import Profile
from segbench.records.provenance import extra_data
from segbench.records.reading import PROFILED
from segbench.records.run_record import RunRecord


@dataclass(frozen=True)
class Outcome:
    """One model's record, and what was counted in every image."""

    record: RunRecord
    counted: Counted

    def write(self, path: Path | str) -> None:
        """Write the record, and what was counted in every image beside it, so that `segbench compare` and `worst` work on it."""
        write_run(Path(path), self.record, self.counted)


def mapped(segmenter: Segmenter, rule: MappingRule, labels: LabelSpace) -> Segmenter:
    """The segmenter, which knows what its classes stand for in a dataset's; as it is where they are the same, and no rule is needed.

    :raises LabelError: the rule does not fit.
    """
    if segmenter.labels.class_names == labels.class_names:
        return segmenter
    return replace(segmenter, mapping=rule.between(segmenter.labels, labels))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Models on a dataset, as they are evaluated and as records tell it.

    ``draws``: what intervals draw. ``execution``: what the segmenters were prepared for. ``options``: what else decides whether a journal
    may be continued. ``beside``: what else is counted in class maps.
    """

    segmenters: Sequence[Segmenter]
    dataset: Dataset
    protocol: Protocol = field(default_factory=Protocol)
    execution: Execution = AS_IT_IS
    command: str = ""
    draws: Draws = AS_USUAL
    options: Mapping[str, Any] = field(default_factory=dict)
    beside: Beside = NOTHING

    @cached_property
    def size(self) -> tuple[int, int]:
        """(height, width) at which networks are counted and timed."""
        return timed_size(self.segmenters, self.dataset)

    def model(self, position: int) -> dict[str, Any]:
        """What records say of a model; networks of others run once for it."""
        segmenter = self.segmenters[position]
        with blaming(segmenter.title):
            return model_facts(segmenter, self.size) | {"extra_data": extra_data(segmenter.trained_on, self.dataset.name)}

    @cached_property
    def task(self) -> Task:
        """What is counted, and what must be the same for counts to go together."""
        sizes, times = data_digests(self.dataset)
        models: list[dict[str, Any]] = [
            {
                "name": segmenter.title,
                "network": {
                    **{"name": segmenter.name, "arguments": dict(segmenter.arguments), **network_facts(segmenter)},
                    **({"temperature": segmenter.temperature.value} if segmenter.temperature else {}),
                },
                "protocol": protocol_facts(self.protocol, segmenter),
                "counting": self.counting(segmenter).to_dict(),
            }
            for segmenter in self.segmenters
        ]
        facts = {
            **counting_facts("run"),
            "torch": torch.__version__,
            "dataset": dataset_facts(self.dataset),
            "sizes": sizes,
            "models": models,
            "execution": {**self.execution.facts(), **self.options},
            "command": self.command,
            "groups": self.draws.groups,
            **({"replicates": self.draws.replicates} if self.draws.replicates else {}),
        }
        known = times and all(model["network"]["weights"] for model in models)
        here = digest_of(times) if known else ""
        machine = [machine_facts(segmenter, self.execution, {}) for segmenter in self.segmenters]
        return Task(facts, tuple(sample.id for sample in self.dataset.samples), here, machine)

    def counting(self, segmenter: Segmenter) -> Counting:
        """What is counted of a network."""
        return counting_of(segmenter, self.dataset, self.beside)

    def evaluate(self, dataset: Dataset, *, keep_class_maps: Keeping = False) -> Iterator[Evaluated]:
        """Run every model on a part of the dataset, or on all of it."""
        more: dict[str, Any] = {"keep_class_maps": keep_class_maps, "graphs": self.execution.graphs, "beside": self.beside}
        return evaluate(self.segmenters, dataset, protocol=self.protocol, **more)

    def outcome(self, position: int, results: Sequence[Evaluated]) -> Outcome:
        """The record of one model from what was evaluated of all images, in order."""
        segmenter = self.segmenters[position]
        counted = Counted.of(self.counting(segmenter), ((result.sample.id, result.counts[position]) for result in results))
        passes = Counter(result.passes[position] for result in results if result.passes)
        facts = {"model": self.model(position), "protocol": protocol_facts(self.protocol, segmenter)}
        machine = machine_facts(segmenter, self.execution, passes)
        record = RunRecord.of(counted, self.dataset, **facts, machine=machine, command=self.command, draws=self.draws)
        return Outcome(record, counted)


def run(
    segmenters: Sequence[Segmenter],
    dataset: Dataset,
    *,
    protocol: Protocol | None = None,
    command: str = "",
    groups: str | None = None,
    execution: Execution = AS_IT_IS,
    unfinished: Path | None = None,
) -> list[Outcome]:
    """Evaluate models on a dataset: one record each. Every image is read once for all of them.

    :param groups: what intervals draw instead of images, by a rule of :mod:`segbench.records.groups`.
    :param execution: what the segmenters were prepared for, for the record.
    :param unfinished: where counts are kept, so that the same run goes on where it was killed. Whoever writes the records removes it.

    >>> import segbench
    >>> (outcome,) = segbench.run([segbench.load_model("enet.safetensors")], segbench.open_dataset("mydata.yaml"))
    >>> outcome.record.signature.split("|")[:2]
    ['data:mydata-val', 'n:3']
    >>> 0 <= outcome.record.scores.miou <= 1
    True
    """
    evaluation = Evaluation(segmenters, dataset, protocol or Protocol(), execution, command, Draws(groups))
    with Journal(unfinished, evaluation.task if unfinished else None) as journal:
        results = list(resumed(journal, dataset, evaluation.evaluate))
    results = in_order(results, dataset)
    return [evaluation.outcome(position, results) for position in range(len(segmenters))]


def protocol_facts(protocol: Protocol, segmenter: Segmenter) -> dict[str, Any]:
    """What a record says of how a network was run; the temperature of its logits too, if it has one, for its confidence follows from it."""
    temperature = segmenter.temperature
    return protocol.to_dict() | ({"temperature": temperature.signature} if temperature else {})


def machine_facts(segmenter: Segmenter, execution: Execution, passes: Mapping[str, int]) -> dict[str, Any]:
    """What a record says of where and how a network ran, ``passes`` of a CUDA device alone."""
    device = segmenter.device
    facts = {"device": device_name(device), "threads": torch.get_num_threads(), **device_software(device), **execution.facts()}
    return facts | ({"passes": dict(passes)} if device.type == "cuda" else {})


def save_outcomes(folder: Path, outcomes: Sequence[Outcome], profiles: Sequence[Profile] = ()) -> None:
    """Write ``records/NAME.json``, the counts of every image beside it, and ``records/NAME.profile.json``."""
    for outcome in outcomes:
        write_run(record_file(folder, outcome.record.name), outcome.record, outcome.counted)
    for measured in profiles:
        write_text(folder / "records" / f"{file_stem(measured.model)}{PROFILED}", measured.to_json())


def record_file(folder: Path, name: str) -> Path:
    """Where a model's record lies in the folder of a run."""
    return folder / "records" / f"{file_stem(name)}.json"


def save_class_maps(folder: Path, names: Sequence[str], dataset: Dataset, result: Evaluated) -> None:
    """Write every model's class map of an image as label ids, ``folder/NAME/ID.png``: what ``segbench score`` reads."""
    ids = np.full(256, outside_id(dataset.labels), np.uint8)
    ids[: len(dataset.labels.classes)] = dataset.labels.id_of_index
    for name, class_map in zip(names, result.class_maps, strict=True):
        write_labels(folder / file_stem(name) / f"{result.sample.id}.png", ids[class_map])


def timed_size(segmenters: Sequence[Segmenter], dataset: Dataset) -> tuple[int, int]:
    """(height, width) at which networks are counted and timed: the images', or what is nearest to it of what frozen networks take."""
    size = image_size(dataset.samples[0])
    for segmenter in segmenters:
        size = segmenter.runtime.fitting(size)
    return size


def image_size(sample: Sample) -> tuple[int, int]:
    """(height, width) of a sample's image."""
    height, width, _ = read_photograph(sample).shape
    return height, width
