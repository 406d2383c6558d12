"""The meter in transformers' Trainer: class maps leave the device, logits do not, and nothing is kept of a batch that was counted."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from segbench.errors import UsageError
from segbench.evaluation.meter import Meter
from segbench.integrations.scores import flat
from segbench.kernels.upsampling import enlarged_classes
from segbench.labels.space import LabelSpace

PADDED = -100
"""What the Trainer fills labels with where processes have maps of different sizes."""


class HFTrainerMetric:
    """Both functions that transformers' Trainer takes for its metrics, over one meter.

    With ``batch_eval_metrics=True`` in TrainingArguments every batch is counted and forgotten, so memory stays constant; without it the
    Trainer keeps the class maps of all images, a byte for a pixel, and all labels. In several processes it is the Trainer that takes
    padded duplicates out.

    :param labels: a label space, the name of a builtin dataset, or a number of classes.
    :param ignore_index: the value of labels that are not evaluated; ``reduce_labels`` of image processors makes it 255.

    >>> import torch
    >>> from segbench.integrations import HFTrainerMetric
    >>> metric = HFTrainerMetric(2)
    >>> labels = torch.tensor([[[0, 1], [1, 255]]])
    >>> maps = metric.preprocess_logits_for_metrics(torch.tensor([[[[9.0, 0.0], [0.0, 0.0]], [[0.0, 9.0], [9.0, 9.0]]]]), labels)
    >>> metric.compute_metrics((maps, labels))["miou"]
    1.0
    """

    def __init__(self, labels: LabelSpace | str | int, *, ignore_index: int = 255) -> None:
        self.meter = Meter(labels, ignore_index=ignore_index)

    def preprocess_logits_for_metrics(self, logits: Tensor | tuple[Tensor, ...], labels: Tensor) -> Tensor:
        """Class maps uint8[N, H, W] at the size of ``labels``, of logits [N, C, h, w] at any stride (the first of several outputs).

        :raises UsageError: these are no logits of the classes, or there are no labels.
        """
        logits = logits[0] if isinstance(logits, tuple | list) else logits
        classes = len(self.meter.labels.classes)
        if labels is None:
            raise UsageError("these batches have no labels, so there is nothing to count")
        if logits.ndim != 4 or logits.shape[1] != classes or not logits.is_floating_point():
            raise UsageError(f"logits are [N, {classes}, h, w] for {classes} classes, not {list(logits.shape)}; are other outputs first?")
        if not bool(torch.isfinite(logits).all()):
            self.meter.update(logits, self._targets(labels))  # which says so when scores are computed
        return enlarged_classes(logits, (labels.shape[-2], labels.shape[-1]))

    def compute_metrics(self, prediction: Any, compute_result: bool = True) -> dict[str, float]:
        """Count a batch, or everything at once; with ``compute_result`` give the scores of all that was counted, and begin again.

        :param prediction: an ``EvalPrediction``, or a pair of class maps integers [N, H, W] and labels.
        """
        preds, labels = (prediction.predictions, prediction.label_ids) if hasattr(prediction, "label_ids") else prediction
        preds, labels = torch.as_tensor(preds), torch.as_tensor(labels)
        for start in range(len(preds)):
            self.meter.update(preds[start : start + 1], self._targets(labels[start : start + 1]))
        if not compute_result:
            return {}
        scores = flat(self.meter.compute(), self.meter.labels)
        self.meter.reset()
        return scores

    def _targets(self, labels: Tensor) -> Tensor:
        return torch.where(labels == PADDED, self.meter.ignore_index, labels) if labels.dtype != torch.uint8 else labels
