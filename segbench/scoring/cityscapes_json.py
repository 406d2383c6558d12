"""The JSON of cityscapesScripts 2.3.0 (``resultPixelLevelSemanticLabeling.json``), key for key and number for number.

One difference: where the official file holds the bare token ``NaN``, which no strict JSON reader accepts, this one holds ``null``.
"""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.instance_iou import InstanceScores
from segbench.metrics.scores import mean_of_defined, score


def cityscapes_result(labels: LabelSpace, pairs: NDArray[np.int64], instances: InstanceScores) -> dict[str, Any]:
    """The official result from pair counts over label ids, int64[256, 256], and the weighted instance counts."""
    known = sorted((label for label in labels.labels if label.byte_ids), key=lambda label: label.ids[0])
    confusion = ConfusionMatrix.from_pairs(labels, pairs)
    scores = score(confusion)
    class_iou = dict(zip(labels.class_names, scores.class_iou.tolist(), strict=True))
    class_iiou, category_iiou = instances.class_iiou(confusion), instances.category_iiou(pairs)
    categories = list(dict.fromkeys(label.category for label in known))
    size = known[-1].ids[0] + 1
    result = {
        "confMatrix": pairs[:size, :size].tolist(),
        "priors": _priors(known, pairs),
        "labels": {label.name: label.ids[0] for label in known},
        "classScores": {label.name: class_iou.get(label.name, math.nan) for label in known},
        "classInstScores": {label.name: class_iiou.get(label.name, math.nan) for label in known},
        "categoryScores": {category: scores.category_iou.get(str(category), math.nan) for category in categories},
        "categoryInstScores": {category: category_iiou.get(str(category), math.nan) for category in categories},
    }
    for average, source in _AVERAGES.items():
        result[average] = mean_of_defined(result[source].values())
    return result


_AVERAGES = {
    "averageScoreClasses": "classScores",
    "averageScoreInstClasses": "classInstScores",
    "averageScoreCategories": "categoryScores",
    "averageScoreInstCategories": "categoryInstScores",
}


def to_text(result: dict[str, Any]) -> str:
    """Laid out as the official file is: sorted keys, four spaces; NaN as ``null``."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(entry) for key, entry in value.items()}
        return None if isinstance(value, float) and math.isnan(value) else value

    return json.dumps(plain(result), sort_keys=True, indent=4, allow_nan=False)


def _priors(known: list[LabelClass], pairs: NDArray[np.int64]) -> dict[str, float]:
    total = int(pairs.sum())
    return {label.name: int(pairs[label.ids[0]].sum()) / total if total else math.nan for label in known}
