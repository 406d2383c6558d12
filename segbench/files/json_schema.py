"""JSON Schema of the files that are read here, from the declarations that read them, for editors and other programs.

The readers check by the declarations, not by the schema: within bounds, naming every problem and its line, and without a library that
would have to be loaded before anything is read. What a schema cannot say (that counts fit together, that a class is known) they check too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from segbench.files.settings import Schema, schema_of, settings_of
from segbench.files.shapes import EXACT, Kinds, Shape
from segbench.files.yaml_schema import Key

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: dict[type | None, str] = {
    str: "string",
    int: "integer",
    float: "number",
    dict: "object",
    list: "array",
    bool: "boolean",
    None: "null",
}


def titled(title: str, schema: Schema) -> dict[str, Any]:
    """The schema of a whole file."""
    return {"$schema": DRAFT, "title": title, **schema}


def of_settings(kind: type) -> dict[str, Any]:
    """The mapping whose keys are the settings of a dataclass, none of which must be there, with their help and defaults."""
    defaults = {each.name: each.default for each in fields(kind)}
    properties = {}
    for name, each in settings_of(kind).items():
        said, _, _ = each.help.partition("  [default")
        schema = schema_of(each.read) if each.section is None else of_settings(each.section)
        default = defaults[name]
        known = default not in (MISSING, None, ()) and not isinstance(default, Path)
        properties[name] = {
            **schema,
            **({"description": said} if said else {}),
            **({"default": _plain(default)} if known else {}),
        }
    return closed(properties)


def of_keys(keys: Mapping[str, Key]) -> dict[str, Any]:
    """The mapping with these keys, none of which must be there."""
    return closed({name: {**key.takes, "description": key.help} for name, key in keys.items()})


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """An object that has no other keys than these."""
    return {"type": "object", "properties": dict(properties), "additionalProperties": False}


def of_shape(shape: Shape, required: Iterable[str] = ()) -> dict[str, Any]:
    """An object whose facts have these types if they are there; it may hold others.

    :param required: what must be there; of an object within, as ``model.name``.
    """
    required = tuple(required)
    properties = {}
    for name, wanted in shape.items():
        inner = [path.partition(".")[2] for path in required if path.startswith(f"{name}.")]
        properties[name] = of_shape(wanted, inner) if isinstance(wanted, Mapping) else of_kinds(wanted)
    own = [path for path in required if "." not in path]
    return {"type": "object", **({"required": own} if own else {}), "properties": properties}


def of_kinds(kinds: Kinds) -> dict[str, Any]:
    """A value of one of these types; whole numbers are those that every reader of JSON holds exactly."""
    names = [_TYPES[kind] for kind in kinds]
    names = [name for name in names if not (name == "integer" and "number" in names)]
    bounds = {"exclusiveMinimum": -EXACT, "exclusiveMaximum": EXACT} if "integer" in names else {}
    return {"type": names[0] if len(names) == 1 else names, **bounds}


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
