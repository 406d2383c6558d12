"""What happens in a run, as it is yielded: :mod:`segbench.console.run` prints it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segbench.evaluation.protocol import Protocol
from segbench.models.segmenter import Segmenter
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
    """What a run has written into a folder."""

    records: Sequence[RunRecord]
    profiles: Sequence[Profile]
    folder: Path


Event = Loaded | Continued | Progress | Finished
