"""Models on corrupted images, one condition after the other; what is done is written after each, so that a killed run goes on."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from segbench.benchmark.events import Event, Progress
from segbench.errors import RecordError
from segbench.evaluation.inference import Evaluated
from segbench.evaluation.run import Evaluation, Outcome, record_file
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.image_counts import NOTHING, Counted
from segbench.records.corruption_record import FACTS, Condition, CorruptionRecord, read_corruptions
from segbench.records.reading import CORRUPTED
from segbench.records.run_record import RunRecord


def evaluate_corrupted(
    evaluation: Evaluation, outcomes: Sequence[Outcome], conditions: Sequence[Condition], out: Path
) -> Generator[Event, None, list[CorruptionRecord]]:
    """Run the models of ``outcomes`` under every condition, and write ``records/NAME.corruptions.json``.

    :param evaluation: of these models, in this order, on the images as they are.
    """
    files = [record_file(out, each.record.name).with_suffix(CORRUPTED) for each in outcomes]
    records = [_begun(file, outcome.record) for file, outcome in zip(files, outcomes, strict=True)]
    plain = replace(evaluation, beside=NOTHING)
    for condition in conditions:
        if all(condition in record.corrupted for record in records):
            continue
        corrupted = replace(plain, dataset=replace(plain.dataset, corruption=condition))
        results, work = list[Evaluated](), f"{condition[0]} {condition[1]}"
        yield Progress(work, 0, len(corrupted.dataset))
        for result in corrupted.evaluate(corrupted.dataset):
            results.append(result)
            yield Progress(work, len(results), len(corrupted.dataset))
        for position, file in enumerate(files):
            found = _matrix(corrupted, position, results)
            records[position] = replace(records[position], corrupted={**records[position].corrupted, condition: found})
            records[position].write(file)
    return records


def _matrix(evaluation: Evaluation, position: int, results: Sequence[Evaluated]) -> ConfusionMatrix:
    counting = evaluation.counting(evaluation.segmenters[position])
    return Counted.of(counting, ((result.sample.id, result.counts[position]) for result in results)).confusion


def _begun(file: Path, clean: RunRecord) -> CorruptionRecord:
    """What is there already of the same network on the same images; else nothing."""
    facts = {key: getattr(clean, key) for key in FACTS}
    begun = CorruptionRecord(facts, clean.signature, clean.confusion, {})
    try:
        there = read_corruptions(file)
    except RecordError:
        return begun
    weights = [each["model"].get("weights_sha256") for each in (facts, there.facts)]
    same = weights[0] is not None and weights[0] == weights[1] and there.run_signature == clean.signature
    return replace(begun, corrupted=there.corrupted) if same and there.clean.cells.equals(clean.confusion.cells) else begun
