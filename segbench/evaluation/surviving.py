"""Several models, of which one that fails costs itself alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import cast

from segbench.datasets.base import Dataset
from segbench.errors import NetworkError, SegbenchError
from segbench.evaluation.inference import Evaluated, Keeping
from segbench.evaluation.run import Evaluation
from segbench.metrics.image_counts import ImageCounts


@dataclass
class Survivors:
    """The models of an evaluation; ``failed`` says why some are left out from some image on, by what tables call them."""

    evaluation: Evaluation
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def positions(self) -> list[int]:
        """Those of the models that have not failed."""
        return [at for at, segmenter in enumerate(self.evaluation.segmenters) if segmenter.title not in self.failed]

    def evaluate(self, dataset: Dataset, *, keep_class_maps: Keeping = False) -> Iterator[Evaluated]:
        """Run the models on a dataset. A model's failure is kept, and the others go on with the image on which it failed.

        ``counts`` holds ``None`` for a model that has failed; ``class_maps`` are those of the others.

        :raises NetworkError: all have failed. The error of a single model is raised as it is.
        """
        done = 0
        while True:
            positions = self.positions
            alive = replace(self.evaluation, segmenters=[self.evaluation.segmenters[at] for at in positions])
            rest = replace(dataset, samples=tuple(islice(dataset.samples, done, None)))
            try:
                for result in alive.evaluate(rest, keep_class_maps=keep_class_maps):
                    yield self._widened(result, positions)
                    done += 1
                return
            except Exception as error:
                self.fail(error)

    def fail(self, error: Exception) -> None:
        """Leave out the model that raised an error.

        :raises Exception: it itself, where it is no model's or there is one model alone; a NetworkError, where no model is left.
        """
        name = getattr(error, "of_model", None)
        if name is None or len(self.evaluation.segmenters) == 1:
            raise error
        self.failed[name] = first_lines(error)
        if not self.positions:
            raise NetworkError(
                "\n  ".join(["every model has failed:", *(f"{model}: {why}" for model, why in self.failed.items())])
            ) from error

    def _widened(self, result: Evaluated, positions: list[int]) -> Evaluated:
        if len(positions) == len(self.evaluation.segmenters):
            return result
        counts = [result.counts[positions.index(at)] if at in positions else None for at in range(len(self.evaluation.segmenters))]
        passes = [result.passes[positions.index(at)] if at in positions else "" for at in range(len(self.evaluation.segmenters))]
        return replace(result, counts=cast(list[ImageCounts], counts), passes=passes if result.passes else [])


def first_lines(error: Exception) -> str:
    """What an error says; its kind too, where it is not one of segbench's."""
    said = str(error).strip()
    return said if isinstance(error, SegbenchError) else f"{type(error).__name__}: {said.splitlines()[0] if said else ''}"
