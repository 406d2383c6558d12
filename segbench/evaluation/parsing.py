"""Sizes and scales as people write them, in YAML or on the command line."""

from __future__ import annotations

from segbench.files.settings import Number, takes

Size = tuple[int, int]
_SIDES = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "maxItems": 2}
_SIZE = [{"type": "string", "pattern": "^[0-9]+[xX][0-9]+$"}, _SIDES]
_NUMBERS = {"type": "string", "pattern": "^[0-9., ]+$"}


def size_text(size: Size | int) -> str:
    """A size as :func:`parse_input_size` reads it."""
    return f"{size[0]}x{size[1]}" if isinstance(size, tuple) else str(size)


@takes({"anyOf": _SIZE})
def parse_size(value: object) -> Size:
    """``HxW``, or a list of two, as (height, width).

    :raises ValueError: it is something else.
    """
    parts = value.lower().split("x") if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else []
    if len(parts) != 2 or not all(str(part).isdigit() and int(part) for part in parts):
        raise ValueError(f"{value!r} is not HxW, e.g. 512x1024")
    return int(parts[0]), int(parts[1])


@takes({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[0-9]+$"}, *_SIZE]})
def parse_input_size(value: object) -> Size | int:
    """``HxW``, or one number: the length of the shorter side.

    :raises ValueError: it is something else.
    """
    return int(str(value)) if str(value).isdigit() and int(str(value)) else parse_size(value)


LARGEST_SCALE = 32


_SCALE = {"exclusiveMinimum": 0, "maximum": LARGEST_SCALE}


@takes({"anyOf": [{"type": "array", "items": {"type": "number", **_SCALE}, "minItems": 1}, {"type": "number", **_SCALE}, _NUMBERS]})
def parse_scales(value: object) -> tuple[float, ...]:
    """Numbers above 0, and no larger than any memory allows, in a list or separated by commas.

    :raises ValueError: one of them is something else.
    """
    read = Number(above=True, high=LARGEST_SCALE)
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    try:
        return tuple(read(part) for part in parts)
    except ValueError as error:
        raise ValueError(f"{error}; scales are numbers with commas between them, e.g. 0.5,1,1.5") from error
