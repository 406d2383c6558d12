"""The images of a run: those of this process, of all ranks together, or of a shard."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from segbench.benchmark.class_map_keeping import KeptMaps
from segbench.benchmark.events import Continued, Event, Progress, ShardCounted
from segbench.benchmark.journals import Journals, failures_of, open_shard, shard_file, sum_of
from segbench.benchmark.ranks import Ranks
from segbench.datasets.base import Dataset, Sample
from segbench.evaluation.inference import Evaluated, Keeping
from segbench.evaluation.resume import in_order
from segbench.evaluation.run import Evaluation, save_class_maps
from segbench.evaluation.surviving import Survivors
from segbench.metrics.image_counts import ImageCounts
from segbench.records.partial import End, Journal, Row
from segbench.records.shard import Shard

EVALUATING = "evaluating"


@dataclass(frozen=True, eq=False)
class Work:
    """An evaluation whose counts, and class maps if they are asked for, go to the folder ``out``; ``kept``: those that are drawn."""

    evaluation: Evaluation
    out: Path
    save_predictions: bool = False
    kept: KeptMaps | None = None

    @property
    def dataset(self) -> Dataset:
        """What is evaluated."""
        return self.evaluation.dataset


def evaluate_images(work: Work, survivors: Survivors, journals: Journals, ranks: Ranks) -> Generator[Event, None, list[Evaluated] | None]:
    """Count every image that was not counted before; each rank does its share.

    Returns what was counted of all images, in order, on the first rank; nothing on the others.
    """
    done, samples = journals.begin(), work.dataset.samples
    if done and ranks.leads:
        yield Continued(len(done), len(samples), journals.folder / f"{journals.name}{'.jsonl' if ranks.size == 1 else '*.jsonl'}")
    mine = ranks.shard.take([sample for sample in samples if sample.id not in done])
    with journals.open() as journal:
        results = yield from _count(work, survivors, journal, mine, len(done) if ranks.size == 1 else 0)
    if ranks.size == 1:
        before = [_counted(sample, done[sample.id]) for sample in samples if sample.id in done]
        return in_order([*before, *results], work.dataset)
    rows = [result.counts for result in results] + (list(done.values()) if ranks.leads else [])
    survivors.failed.update(failures_of(ranks.gather(dict(survivors.failed))))
    total = ranks.sum(sum_of(rows, len(work.evaluation.segmenters)))
    if not ranks.leads:
        return None
    return [_counted(sample, row) for sample, row in zip(samples, journals.all_rows(total), strict=True)]


def _counted(sample: Sample, row: Row) -> Evaluated:
    return Evaluated(sample, cast(list[ImageCounts], row), [])


def evaluate_shard(work: Work, shard: Shard) -> Generator[Event, None, None]:
    """Count the images of a shard; its partial holds them."""
    survivors, path = Survivors(work.evaluation), shard_file(work.out, shard)
    mine = shard.take(work.dataset.samples)
    with open_shard(work.out, work.evaluation.task, shard) as journal:
        if journal.done:
            yield Continued(len(journal.done), len(mine), path)
        yield from _count(work, survivors, journal, [each for each in mine if each.id not in journal.done], len(journal.done))
        models: dict[int, dict[str, object]] = {}
        for position in survivors.positions:
            try:
                models[position] = work.evaluation.model(position)
            except Exception as error:
                survivors.fail(error)
        journal.add_end(End([models.get(at) for at in range(len(work.evaluation.segmenters))], survivors.failed))
    yield ShardCounted(path, shard, len(mine), survivors.failed)


def _count(
    work: Work, survivors: Survivors, journal: Journal, samples: Sequence[Sample], before: int
) -> Generator[Event, None, list[Evaluated]]:
    """Count images; class maps are written, if they were asked for, and kept only to be drawn. ``before`` are counted already."""
    total, results, kept = before + len(samples), list[Evaluated](), work.kept
    wanted: Keeping = work.save_predictions or (kept.wants if kept else False)
    yield Progress(EVALUATING, before, total)
    part = replace(work.dataset, samples=tuple(samples))
    for result in survivors.evaluate(part, keep_class_maps=wanted):
        for position, class_map in zip(survivors.positions, result.class_maps, strict=False):
            if kept:
                kept.offer(position, result, class_map)
        if work.save_predictions:
            names = [work.evaluation.segmenters[at].title for at in survivors.positions]
            save_class_maps(work.out / "predictions", names, work.dataset, result)
        journal.add(result.sample.id, list(result.counts))
        results.append(replace(result, class_maps=[]))
        yield Progress(EVALUATING, before + len(results), total)
    return results
