"""Of what type plain data from a file must be, as a table; one error names everything that is of another type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Kinds = tuple[type | None, ...]
Shape = Mapping[str, "Kinds | Shape"]

EXACT = 1 << 53  # up to here every whole number is a float too
TEXT, WHOLE, NUMBER, FACTS, LIST = (str,), (int,), (int, float), (dict,), (list,)
MAYBE_TEXT, MAYBE_WHOLE, MAYBE_NUMBER, MAYBE_FACTS = (str, None), (int, None), (int, float, None), (dict, None)


def require_shape(data: Any, shape: Shape) -> None:
    """Check facts that are there; whether one must be there is not asked here.

    :raises ValueError: naming every fact of another type.
    """
    if problems := list(_problems(data, shape, "")):
        raise ValueError("; ".join(problems))


def _problems(data: Any, shape: Shape, where: str) -> Iterator[str]:
    if not isinstance(data, Mapping):
        yield f"{where.rstrip('.') or 'the record'} is {_kind(data)}, not an object"
        return
    for name, wanted in shape.items():
        if name not in data:
            continue
        if isinstance(wanted, Mapping):
            yield from _problems(data[name], wanted, f"{where}{name}.")
        elif not _is(data[name], wanted):
            yield f"{where}{name} is {_kind(data[name])}, not {' or '.join(_NAMES[kind] for kind in wanted)}"


def _is(value: Any, kinds: Kinds) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, int) and abs(value) >= EXACT:
        return False
    return any(value is None if kind is None else isinstance(value, kind) for kind in kinds)


_NAMES: dict[type | None, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    dict: "an object",
    list: "a list",
    bool: "true or false",
    None: "null",
}


def _kind(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= EXACT:
        return "past 2^53"
    return "null" if value is None else _NAMES.get(type(value), type(value).__name__)
