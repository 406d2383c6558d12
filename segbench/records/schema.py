"""JSON Schema of run records and profiles, from what their readers ask for (:mod:`segbench.records.shape`)."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from segbench.files.json_schema import of_kinds, of_shape, titled
from segbench.files.shapes import FACTS, LIST, MAYBE_FACTS, NUMBER, TEXT
from segbench.records.profile import PROFILE_SCHEMA, Profile
from segbench.records.run_record import RUN_SCHEMA
from segbench.records.shape import NAMED, PAPER, PROFILE, REQUIRED, RUN, TRAINED

_COUNTS = {"type": "array", "items": {"type": "integer", "minimum": 0}}
_DERIVED = {
    "signature": TEXT,
    "scores": FACTS,
    "intervals": MAYBE_FACTS,
    "boundary": MAYBE_FACTS,
    "errors": MAYBE_FACTS,
    "calibration": MAYBE_FACTS,
    "ood": MAYBE_FACTS,
    "segments": MAYBE_FACTS,
}


def run_schema() -> dict[str, Any]:
    """What :func:`segbench.read_run` asks for before it looks at what the numbers say."""
    schema = of_shape({**RUN, **_DERIVED}, (*REQUIRED, *NAMED))
    own = schema["properties"]
    own["model"]["properties"] |= {name: _or_null(of_shape(each)) for name, each in (("paper", PAPER), ("trained_on", TRAINED))}
    own["model"]["properties"]["macs_input"] = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
    labels = {"type": "array", "items": {"type": "object"}}
    own["labels"] = {"type": "object", "required": ["classes"], "properties": {"classes": labels, "void": labels}}
    cells = {"type": "object", "required": ["cells"], "properties": {"cells": {"type": "array", "items": _COUNTS}}}
    own["confusion"] = {"anyOf": [{"type": "array", "items": _COUNTS}, cells]}
    own["schema"] = {"const": RUN_SCHEMA}
    return titled(RUN_SCHEMA, schema)


def profile_schema() -> dict[str, Any]:
    """What a profile of the present schema holds; a profile has no other keys."""
    given = [each.name for each in fields(Profile) if each.default is MISSING and each.default_factory is MISSING]
    times = [f"{name}_ms" for name in ("network", "predict")]
    required = ["schema", *(name for name in given if name not in ("network", "predict")), *times, "images_per_s", "throughput"]
    every: dict[str, Any] = {each.name: {} for each in fields(Profile) if each.name not in ("network", "predict")}
    schema = of_shape(PROFILE, required)
    timing = of_shape({"p50": NUMBER, "interval": (list, None), "samples": LIST}, ("p50", "interval", "samples"))
    own = {"schema": {"const": PROFILE_SCHEMA}, **every, **schema["properties"], **dict.fromkeys(times, timing)}
    own["images_per_s"] = of_kinds((float, None))
    own["changed"] = of_kinds(MAYBE_FACTS)
    own["input_size"] = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
    return titled(PROFILE_SCHEMA, schema | {"properties": own, "additionalProperties": False})


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return schema | {"type": [schema["type"], "null"]}
