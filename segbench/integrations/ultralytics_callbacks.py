"""The meter beside Ultralytics' own metrics of a semantic model, by its callbacks; nothing of that package is imported."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from segbench.errors import UsageError
from segbench.evaluation.meter import Meter
from segbench.integrations.scores import across_processes
from segbench.labels.space import LabelSpace


class UltralyticsMeter:
    """Counts what a validator of Ultralytics' task ``semantic`` counts, as integers and by image.

    Ultralytics compares class maps at the size that the network saw, letterboxed, and so does this meter; the number at the images' own
    size is that of `segbench score` on the maps that ``save_json=True`` writes.

    :param labels: a label space, the name of a builtin dataset, or a number of classes (2 where Ultralytics has one).
    :param ignore_index: the value of masks that are not evaluated.

    ``meter`` holds the counts of the last validation by the path of its image.

    >>> from segbench.integrations import UltralyticsMeter
    >>> counted = UltralyticsMeter(19)  # then: counted.attach(model); model.val(data=...); counted.meter.compute().miou
    >>> len(counted.meter)
    0
    """

    def __init__(self, labels: LabelSpace | str | int, *, ignore_index: int = 255) -> None:
        self.meter = Meter(labels, ignore_index=ignore_index)
        self._listening: WeakSet[Any] = WeakSet()

    def attach(self, model: Any) -> UltralyticsMeter:
        """Count in every validation of a model (or of a trainer or validator) from now on; gives this object."""
        model.add_callback("on_val_start", self.on_val_start)
        return self

    def on_val_start(self, validator: Any) -> None:
        """Begin again, and listen to the validator.

        :raises UsageError: the validator is of another task.
        """
        if getattr(validator.args, "task", None) != "semantic":
            raise UsageError(f"this meter counts class maps of task 'semantic', and this validator is of task {validator.args.task!r}")
        self.meter.reset()
        if validator in self._listening:
            return
        self._listening.add(validator)
        update, gather = validator.update_metrics, validator.gather_stats

        def update_metrics(preds: Any, batch: Any) -> None:
            update(preds, batch)
            targets = batch["semantic_mask"]
            self.meter.update(preds.to(targets.device), targets, batch["im_file"])

        def gather_stats() -> None:
            gather()
            self.meter = across_processes(self.meter)

        validator.update_metrics, validator.gather_stats = update_metrics, gather_stats
