"""What makes counts of label maps go together, for partials and journals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.datasets.base import Dataset
from segbench.files.remote import FILES, state_of
from segbench.metrics.image_counts import Counting
from segbench.records.groups import AS_USUAL, Draws
from segbench.scoring.pairing import pair_predictions
from segbench.scoring.record import COMMAND, PROTOCOL, model_of

if TYPE_CHECKING:  # a process that counts all needs neither, and starts sooner
    from segbench.records.partial import End, Task


@dataclass(frozen=True, eq=False)
class Scoring:
    """Label maps in ``preds`` against a dataset, as they are counted and as a record tells it.

    ``names``: a pattern of the predictions' names. ``name``, ``draws`` and ``explain`` are what the record says.
    """

    preds: Path
    dataset: Dataset
    counting: Counting
    names: str | None = None
    name: str = ""
    draws: Draws = AS_USUAL
    explain: bool = False

    @cached_property
    def task(self) -> Task:
        """What is counted. Files are told apart by their sizes, and on one machine by their paths and times too."""
        from segbench.records.merging import counting_facts, dataset_facts
        from segbench.records.partial import Task, digest_of

        pairing = pair_predictions(self.preds, self.dataset, self.names)
        files = [sample.target for sample in self.dataset.samples] + [path for _, path in pairing.pairs]
        plain = all(isinstance(file, FILES) and file.is_file() for file in files)
        states = [(str(file), state_of(file)) for file in files if isinstance(file, FILES)] if plain else []
        facts: dict[str, Any] = {
            **counting_facts("score"),
            "explain": self.explain,
            "dataset": dataset_facts(self.dataset),
            "sizes": digest_of([state.size for _, state in states]),
            "models": [{"name": self.name, "protocol": PROTOCOL, "counting": self.counting.to_dict()}],
            "command": COMMAND,
            "groups": self.draws.groups,
            **({"replicates": self.draws.replicates} if self.draws.replicates else {}),
        }
        here = digest_of([(name, state.version) for name, state in states]) if plain else ""
        return Task(facts, tuple(sample.id for sample in self.dataset.samples), here)

    @property
    def end(self) -> End:
        """What a record says of the label maps."""
        from segbench.records.partial import End

        return End([model_of(self.name)])
