"""Records from small integer matrices, without a network or a picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.confusion import ConfusionMatrix
from segbench.records.profile import Profile, Timing
from segbench.records.run_record import RunRecord

LABELS = LabelSpace(
    "toy-3",
    (
        LabelClass("road", (0,), (128, 64, 128), "flat"),
        LabelClass("car", (1,), (0, 0, 142), "vehicle"),
        LabelClass("rare | bird", (2,), (220, 20, 60), "animal"),
    ),
    (LabelClass("unlabelled", (9,), (0, 0, 0)),),
)
ENVIRONMENT = {"segbench": "0.1.0", "python": "3.11.1", "numpy": "2.1.0", "torch": "2.9.0", "cpu": "Toy CPU", "cores": 2, "device": "cpu"}
GOOD = [[90, 5, 0, 5], [10, 40, 0, 0], [0, 0, 0, 0]]
FAIR = [[80, 15, 0, 5], [20, 30, 0, 0], [0, 0, 0, 0]]
POOR = [[70, 25, 5, 0], [30, 20, 0, 0], [0, 0, 0, 0]]


def run_record(
    name: str,
    matrix: Any,
    arguments: dict[str, Any] | None = None,
    *,
    labels: LabelSpace = LABELS,
    precision: str = "fp32",
    command: str = "",
    **model: Any,
) -> RunRecord:
    facts = {"name": name, "arguments": arguments or {}, "params": 1_200_000, "macs": 4_500_000_000, "macs_input": [8, 16]} | model
    data = {"name": "toy", "split": "val", "images": 4, "targets_sha256": "ab" * 32}
    protocol = {"tiling": "whole", "scales": [1.0], "flip": False, "precision": precision}
    counts = ConfusionMatrix(labels, np.array(matrix, np.int64))
    return RunRecord(facts, data, protocol, ENVIRONMENT, counts, command=command or f"segbench run --models {name} --dataset toy")


def profile(model: str, network_ms: float, arguments: dict[str, Any] | None = None, **facts: Any) -> Profile:
    """With an interval of 2 % on either side of the median."""
    network = facts.pop("network", Timing({"p50": network_ms, "p90": network_ms * 1.1, "p99": network_ms * 1.2}, around(network_ms)))
    known: dict[str, Any] = {
        "params": 1_200_000,
        "params_trainable": 1_200_000,
        "params_frozen": 0,
        "params_infer": 1_200_000,
        "macs": 4_500_000_000,
        "input_size": (8, 16),
        "batch_size": 1,
        "precision": "fp32",
        "device": "Toy GPU",
        "threads": 2,
        "repeats": 5,
        "predict": Timing({"p50": network_ms * 1.2, "p90": network_ms * 1.3, "p99": network_ms * 1.4}, around(network_ms * 1.2)),
        "peak_memory_mb": None,
        "environment": ENVIRONMENT,
    }
    return Profile(model=model, arguments=arguments or {}, network=network, **known | facts)


def around(value: float) -> tuple[float, float]:
    return 0.98 * value, 1.02 * value


def many_records(labels: LabelSpace, models: dict[str, dict[str, Any]], seed: int = 1) -> list[RunRecord]:
    """Plausible records: pixels mostly on the diagonal, one class nowhere, sizes that span two orders of magnitude."""
    dice, classes, records = np.random.default_rng(seed), len(labels.classes), []
    frequency = (dice.pareto(1.0, classes) * 2e5 + 3e3).astype(np.int64)
    frequency[classes // 2] = 0
    for position, (name, arguments) in enumerate(models.items()):
        hit = np.clip(0.45 + 0.04 * position + dice.normal(0, 0.15, classes), 0.02, 0.99)
        counts = (frequency[:, None] * dice.dirichlet(np.full(classes + 1, 0.15), classes) * (1 - hit)[:, None]).astype(np.int64)
        counts[:, classes // 2] = 0
        counts[:, -1] //= 20
        counts[np.arange(classes), np.arange(classes)] += (frequency * hit).astype(np.int64)
        macs = int(10 ** dice.uniform(9.3, 11.6))
        records.append(
            run_record(name.split("@")[0], counts, arguments, labels=labels, macs=macs, params=macs // 9000, macs_input=[512, 1024])
        )
    return records
