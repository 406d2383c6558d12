"""The types of the facts in a record and a profile, on which tables, boards and pages rely. A fact that is not named may be anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segbench.files.shapes import FACTS, LIST, MAYBE_FACTS, MAYBE_NUMBER, MAYBE_TEXT, MAYBE_WHOLE, TEXT, WHOLE, Shape, require_shape

SIZES = dict.fromkeys(("params", "params_trainable", "params_frozen", "params_infer", "macs"), MAYBE_WHOLE)

RUN: Shape = {
    "model": {
        "name": TEXT,
        "arguments": FACTS,
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
    """The same of a run record, whose paper and training may be missing."""
    require_shape(data, RUN)
    size = data["model"].get("macs_input", [1, 1])
    if len(size) != 2 or not all(type(side) is int for side in size):
        raise ValueError(f"model.macs_input is {size}, not two whole numbers")
    for name, shape in (("paper", PAPER), ("trained_on", TRAINED)):
        if data["model"].get(name) is not None:
            require_shape(data["model"][name], shape)
