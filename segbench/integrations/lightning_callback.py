"""The meter as a callback of Lightning: every validation batch is counted, and the scores are logged once at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from segbench.errors import MissingPackageError, UsageError
from segbench.evaluation.meter import Meter
from segbench.integrations.scores import across_processes, flat
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import import_package

WHY = "segbench.integrations.LightningMeter"


def _package() -> Any:
    try:
        return import_package("lightning.pytorch", purpose=WHY, pip="lightning")
    except MissingPackageError:
        return import_package("pytorch_lightning", purpose=WHY, pip="lightning")


Take = Callable[[Any, Any], tuple[Any, ...]]


def take_named(outputs: Any, batch: Any) -> tuple[Any, ...]:
    """``preds`` (or ``logits``), ``targets`` and ``ids`` of what ``validation_step`` returned; targets may be the batch's second part.

    :raises UsageError: they are not there.
    """
    if not isinstance(outputs, Mapping) or not ({"preds", "logits"} & set(outputs)):
        raise UsageError("return {'preds': class maps or logits} from validation_step, or give LightningMeter(take=...) a function")
    targets = outputs.get("targets", batch[1] if isinstance(batch, list | tuple) and len(batch) > 1 else None)
    if targets is None:
        raise UsageError("no targets: return {'preds': ..., 'targets': ...} from validation_step")
    return outputs["preds"] if "preds" in outputs else outputs["logits"], targets, outputs.get("ids")


class LightningMeter(_package().Callback):  # type: ignore[misc]
    """Counts what ``validation_step`` returns, and logs ``PREFIX/miou``, ``PREFIX/acc`` ... and ``PREFIX/iou/CLASS`` of the whole data.

    :param labels: a label space, the name of a builtin dataset, or a number of classes.
    :param ignore_index: the value of targets that are not evaluated.
    :param prefix: what stands before the names.
    :param take: gives (preds, targets) or (preds, targets, ids) of (outputs of ``validation_step``, batch); by default :func:`take_named`.

    ``meter`` holds the counts of the last validation, of all processes, for a record.

    >>> from segbench.integrations import LightningMeter
    >>> LightningMeter(19, prefix="val").meter.labels.class_names[:2]
    ('0', '1')
    """

    def __init__(self, labels: LabelSpace | str | int, *, ignore_index: int = 255, prefix: str = "val", take: Take = take_named) -> None:
        super().__init__()
        self.meter = Meter(labels, ignore_index=ignore_index)
        self.prefix = prefix
        self.take = take

    def on_validation_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin again."""
        self.meter.reset()

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Count a batch."""
        self.meter.update(*self.take(outputs, batch))

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Add up all processes, and log."""
        self.meter = across_processes(self.meter)
        scores = flat(self.meter.compute(), self.meter.labels)
        pl_module.log_dict({f"{self.prefix}/{name}": value for name, value in scores.items()}, rank_zero_only=False)
