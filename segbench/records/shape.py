"""The types of the facts in a record and a profile, on which tables, boards and pages rely. A fact that is not named may be anything.

The readers check files by these tables, and :mod:`segbench.records.schema` publishes them as JSON Schema: one declaration, so that the two
cannot say something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segbench.files.shapes import FACTS, LIST, MAYBE_FACTS, MAYBE_NUMBER, MAYBE_TEXT, MAYBE_WHOLE, TEXT, WHOLE, Shape, require_shape

SIZES = dict.fromkeys(("params", "params_trainable", "params_frozen", "params_infer", "macs"), MAYBE_WHOLE)

RUN: Shape = {
    "model": {
        "name": TEXT,
        "arguments": FACTS,
        "changed": MAYBE_FACTS,
        **SIZES,
        "weights_sha256": MAYBE_TEXT,
        "extra_data": TEXT,
        "macs_input": LIST,
        "uncounted": FACTS,
    },
    "dataset": {"name": TEXT, "split": TEXT, "images": WHOLE, "of": WHOLE, "pixels": WHOLE, "targets_sha256": TEXT, "unofficial": LIST},
    "protocol": {"scales": LIST, "flip": (bool,), "precision": TEXT, "tiling": TEXT, "input_size": TEXT},
    "environment": {"device": TEXT, "threads": WHOLE},
    "labels": FACTS,
    "iiou": FACTS,
    "explained": FACTS,
    "command": TEXT,
}
REQUIRED = ("schema", "model", "dataset", "protocol", "environment", "command", "labels", "confusion")
"""What a run record must hold."""
NAMED = ("model.name", "dataset.name", "dataset.split", "dataset.images", "dataset.targets_sha256")
"""What its objects must hold: tables call a row by these, and signatures are made of them."""
PAPER: Shape = {"title": TEXT, "authors": TEXT, "year": WHOLE, "url": TEXT}
TRAINED: Shape = {"dataset": MAYBE_TEXT, "split": MAYBE_TEXT, "images": MAYBE_WHOLE, "recipe": MAYBE_FACTS}
PROFILE: Shape = {
    **dict.fromkeys(("model", "backend", "precision", "device", "peak_memory", "command", "throughput_end"), TEXT),
    **SIZES,
    **dict.fromkeys(("peak_memory_mb", "activations_mb", "weights_mb"), MAYBE_NUMBER),
    **dict.fromkeys(("batch_size", "threads", "repeats"), WHOLE),
    **dict.fromkeys(("arguments", "uncounted", "environment"), FACTS),
    "weights_sha256": MAYBE_TEXT,
    "input_size": LIST,
    "throughput": LIST,
}


def require_run_shape(data: Mapping[str, Any]) -> None:
    """The same of a run record, which must hold what :data:`REQUIRED` and :data:`NAMED` say; its paper and training may be missing.

    :raises ValueError: naming everything that is missing, or else every fact of another type.
    """
    if missing := [name for name in REQUIRED if name not in data]:
        raise ValueError(f"the record has no {', '.join(map(repr, missing))}")
    require_shape(data, RUN)
    if missing := [path for path in NAMED if path.partition(".")[2] not in data[path.partition(".")[0]]]:
        raise ValueError(f"the record has no {', '.join(map(repr, missing))}")
    size = data["model"].get("macs_input", [1, 1])
    if len(size) != 2 or not all(type(side) is int for side in size):
        raise ValueError(f"model.macs_input is {size}, not two whole numbers")
    for name, shape in (("paper", PAPER), ("trained_on", TRAINED)):
        if data["model"].get(name) is not None:
            require_shape(data["model"][name], shape)
