"""What happens in a run, as it is yielded: :mod:`segbench.console.run` prints it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from segbench.records.shard import Shard

if TYPE_CHECKING:
    from segbench.evaluation.protocol import Protocol
    from segbench.models.segmenter import Segmenter
    from segbench.records.corruption_record import CorruptionRecord
    from segbench.records.profile import Profile
    from segbench.records.run_record import RunRecord


@dataclass(frozen=True)
class Loaded:
    """The networks are there, and it is known what their classes stand for."""

    segmenters: Sequence[Segmenter]
    protocol: Protocol


@dataclass(frozen=True)
class Continued:
    """A run goes on where it was interrupted: ``done`` of ``images`` are in the file ``unfinished``."""

    done: int
    images: int
    unfinished: Path | None


@dataclass(frozen=True)
class Progress:
    """How much of long work is done."""

    work: str
    done: float
    total: float


@dataclass(frozen=True)
class Finished:
    """What a run has written into a folder; ``failed`` says why a model has no record, or no speed, by what tables call it."""

    records: Sequence[RunRecord]
    profiles: Sequence[Profile]
    folder: Path
    failed: Mapping[str, str] = field(default_factory=dict)
    corrupted: Sequence[CorruptionRecord] = ()


@dataclass(frozen=True)
class ShardCounted:
    """A shard of ``images`` images was counted, of which ``path`` holds the counts; ``failed`` as in :class:`Finished`."""

    path: Path
    shard: Shard
    images: int
    failed: Mapping[str, str] = field(default_factory=dict)


Event = Loaded | Continued | Progress | Finished | ShardCounted
