"""The meter as a metric of MMEngine, for mmsegmentation's evaluators: maps are counted image by image, and none is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from segbench.errors import UsageError
from segbench.evaluation.meter import Meter
from segbench.integrations.scores import across_processes, flat
from segbench.labels.space import LabelSpace
from segbench.models.adapters.base import import_package

WHY = "segbench.integrations.MMEngineMetric"
_evaluator: Any = import_package("mmengine.evaluator", purpose=WHY, pip="mmengine-lite")
_registry: Any = import_package("mmengine.registry", purpose=WHY, pip="mmengine-lite")


@_registry.METRICS.register_module()
class MMEngineMetric(_evaluator.BaseMetric):  # type: ignore[misc]
    """A metric for ``val_evaluator = dict(type="MMEngineMetric", labels=19)``, beside or in place of mmsegmentation's IoUMetric.

    It counts ``pred_sem_seg`` against ``gt_sem_seg``, integers [1, H, W], by ``img_path``, so an image that a distributed sampler repeats
    counts once. ``meter`` holds the counts of the last evaluation, of all processes, for a record.

    :param labels: a label space, the name of a builtin dataset, or a number of classes.
    :param ignore_index: the value of targets that are not evaluated.
    :param options: what MMEngine's BaseMetric takes; ``prefix`` stands before the names of scores.

    >>> import torch
    >>> from segbench.integrations import MMEngineMetric
    >>> metric = MMEngineMetric(2, prefix="val")
    >>> maps = {"data": torch.tensor([[[0, 1], [1, 1]]])}
    >>> metric.process(None, [{"img_path": "a.png", "pred_sem_seg": maps, "gt_sem_seg": maps}])
    >>> metric.evaluate(1)["val/miou"]
    1.0
    """

    default_prefix = "segbench"

    def __init__(self, labels: LabelSpace | str | int, *, ignore_index: int = 255, **options: Any) -> None:
        super().__init__(**options)
        self.meter = Meter(labels, ignore_index=ignore_index)
        self._evaluated = False

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Count a batch.

        :raises UsageError: a sample has no predicted map, no target or no path.
        """
        if self._evaluated:
            self.meter.reset()
            self._evaluated = False
        for sample in data_samples:
            if missing := [name for name in ("pred_sem_seg", "gt_sem_seg", "img_path") if name not in sample]:
                raise UsageError(f"a data sample has no {', '.join(missing)}: is this a model of semantic segmentation, with targets?")
            pred, target = (torch.as_tensor(sample[name]["data"]) for name in ("pred_sem_seg", "gt_sem_seg"))
            self.meter.update(pred.to(target.device), target, [str(sample["img_path"])])

    def compute_metrics(self, results: list[Any]) -> dict[str, float]:
        """Every score that is defined, by name; ``results`` are empty, since nothing is kept of an image but its counts."""
        return flat(self.meter.compute(), self.meter.labels)

    def evaluate(self, size: int) -> dict[str, float]:
        """The scores over all images of all processes, by prefix and name.

        :raises SegbenchError: as :meth:`segbench.Meter.compute`.
        """
        self.meter = across_processes(self.meter)
        self._evaluated = True
        return {f"{self.prefix}/{name}" if self.prefix else name: value for name, value in self.compute_metrics([]).items()}
