"""The meter as a metric of torchmetrics: for MetricCollection, and for Lightning's ``self.log``, which both ask for its class."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
from torch import Tensor

from segbench.evaluation.meter import Maps, Meter
from segbench.integrations.scores import flat
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import import_package

_torchmetrics: Any = import_package("torchmetrics", purpose="segbench.integrations.SegmentationMetric", pip="torchmetrics")


class SegmentationMetric(_torchmetrics.Metric):  # type: ignore[misc]
    """A torchmetrics metric whose sums are those of :class:`segbench.Meter`: int64, over the data set, never a mean of batches.

    ``compute`` gives the mIoU as float64[], for ``self.log``; with ``result="all"`` every class too, for ``self.log_dict`` and
    for a MetricCollection. Sums of several processes are added as integers; images whose ``ids`` are given count once, however often a
    distributed sampler repeats them.

    :param labels: a label space, the name of a builtin dataset, or a number of classes.
    :param ignore_index: the value of targets that are not evaluated.

    >>> import torch
    >>> from segbench.integrations import SegmentationMetric
    >>> metric = SegmentationMetric(3)
    >>> metric.update(torch.tensor([[[0, 1], [2, 2]]]), torch.tensor([[[0, 1], [2, 255]]]))
    >>> metric.compute()
    tensor(1., dtype=torch.float64)
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True

    def __init__(
        self, labels: LabelSpace | str | int, *, ignore_index: int = 255, result: Literal["miou", "all"] = "miou", **options: Any
    ) -> None:
        super().__init__(**options)
        self.meter = Meter(labels, ignore_index=ignore_index)
        self.result = result
        self._own: Meter | None = None

    def update(self, preds: Maps, targets: Maps, ids: Iterable[str] | None = None) -> None:
        """Count a batch; as :meth:`segbench.Meter.update`."""
        self.meter.update(preds, targets, ids)

    def compute(self) -> Tensor | dict[str, Tensor]:
        """The mIoU, or every score by name."""
        if self.result == "miou":
            return torch.tensor(self.meter.compute().miou, dtype=torch.float64)
        scores = flat(self.meter.compute(), self.meter.labels)
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in scores.items()}

    def forward(self, preds: Maps, targets: Maps, ids: Iterable[str] | None = None) -> Tensor | dict[str, Tensor]:
        """Count a batch, and give the scores of this batch alone; of those of all processes with ``dist_sync_on_step=True``."""
        names = None if ids is None else list(ids)
        self.update(preds, targets, names)
        whole, self.meter = self.meter, self._empty()
        try:
            self.meter.update(preds, targets, names)
            if self.dist_sync_on_step and _distributed():
                self.meter = self.meter.sync(self.process_group)
            return type(self).compute(self)
        finally:
            self.meter = whole

    def reset(self) -> None:
        """Forget everything that was counted."""
        super().reset()
        self.meter.reset()

    def sync(
        self,
        dist_sync_fn: Callable[..., Any] | None = None,
        process_group: Any = None,
        should_sync: bool = True,
        distributed_available: Callable[[], bool] | None = None,
    ) -> None:
        """Take what all processes counted in place of what this one did, until :meth:`unsync`."""
        available = (distributed_available or _distributed)()
        if should_sync and available and self._own is None:
            self._own, self.meter = self.meter, self.meter.sync(process_group or self.process_group)
            self._is_synced = True

    def unsync(self, should_unsync: bool = True) -> None:
        """Go on with what this process counted."""
        if should_unsync and self._own is not None:
            self.meter, self._own = self._own, None
            self._is_synced = False

    def get_extra_state(self) -> dict[str, Any]:
        """What was counted, for ``state_dict``."""
        return self.meter.state_dict()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Replace what was counted."""
        self.meter.load_state_dict(state)

    def _empty(self) -> Meter:
        return Meter(self.meter.labels, ignore_index=self.meter.ignore_index)


def _distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
