"""Label maps that are scored in parts: by the ranks of a launcher, or a shard for later. One process that scores all needs none of this."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

from segbench.benchmark.events import Continued, Event, Progress, ShardCounted
from segbench.benchmark.journals import Journals, open_shard, shard_file, sum_of
from segbench.datasets.base import Sample
from segbench.errors import DataError
from segbench.metrics.image_counts import Counted, ImageCounts
from segbench.records.partial import Journal
from segbench.records.shard import Shard
from segbench.scoring.pair_counting import count_folder
from segbench.scoring.task import Scoring


def score_by_ranks(scoring: Scoring, journals: Journals, workers: int) -> Generator[Event, None, Counted | None]:
    """Count every pair that was not counted before; each rank does its share. What all gave is returned on the first rank alone."""
    ranks, out = journals.ranks, journals.folder
    done, samples = journals.begin(), scoring.dataset.samples
    if done and ranks.leads:
        yield Continued(len(done), len(samples), out / f"{journals.name}*.jsonl")
    mine = ranks.shard.take([sample for sample in samples if sample.id not in done])
    with journals.open() as journal:
        counted = yield from _count(scoring, journal, mine, workers)
    rows: list[list[ImageCounts | None]] = [[each] for each in counted]
    total = ranks.sum(sum_of(rows + (list(done.values()) if ranks.leads else []), 1))
    if not ranks.leads:
        return None
    whole = [counts for row in journals.all_rows(total) for counts in row if counts is not None]
    return Counted.of(scoring.counting, zip(scoring.task.images, whole, strict=True))


def score_shard(scoring: Scoring, out: Path, shard: Shard, workers: int) -> Generator[Event, None, None]:
    """Count the pairs of a shard; its partial holds them.

    :raises DataError: naming every pair that cannot be scored; the others are counted.
    """
    mine, path = shard.take(scoring.dataset.samples), shard_file(out, shard)
    with open_shard(out, scoring.task, shard) as journal:
        if journal.done:
            yield Continued(len(journal.done), len(mine), path)
        rest = [sample for sample in mine if sample.id not in journal.done]
        counted = yield from _count(scoring, journal, rest, workers)
        journal.add_end(scoring.end)
    if problems := [f"{sample.id}: {counts.problem}" for sample, counts in zip(rest, counted, strict=True) if counts.problem]:
        ways_out = "\n".join(dict.fromkeys(counts.way_out for counts in counted if counts.problem and counts.way_out))
        raise DataError(f"{len(problems)} of {len(mine)} pairs of shard {shard} cannot be scored:", problems, ways_out)
    yield ShardCounted(path, shard, len(mine))


def _count(scoring: Scoring, journal: Journal, samples: Sequence[Sample], workers: int) -> Generator[Event, None, list[ImageCounts]]:
    counted: list[ImageCounts] = []
    yield Progress("scoring", 0, len(samples))
    pairs = count_folder(scoring.preds, scoring.dataset, scoring.counting, names=scoring.names, workers=workers, samples=samples)
    for name, counts in pairs:
        journal.add(name, [counts])
        counted.append(counts)
        yield Progress("scoring", len(counted), len(samples))
    return counted
