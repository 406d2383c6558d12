"""Fields that people set, in YAML and on the command line. Each is declared once: its default, how it is read, what help says.

    @dataclass(frozen=True)
    class Protocol:
        flip: bool = setting(False, Truth(), "Also average over the mirrored image.")

The key in YAML (:func:`segbench.files.yaml_schema.readers_of`), the option (:mod:`segbench.cli.options`) and what must be typed to repeat
it (:func:`flags_of`) follow, and so does the JSON Schema by which editors complete a file (:mod:`segbench.files.json_schema`). A reader
takes what YAML or a person wrote and gives the field's value, or raises :class:`ValueError`. This loads nothing, because the command line
declares its options with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from sys import float_info
from typing import Any, ClassVar, TypeVar

from segbench.files.remote import FILES, is_url, locate

Reader = Callable[[Any], Any]
Schema = Mapping[str, Any]
Made = TypeVar("Made", bound=Reader)
KEY = "segbench.setting"
LARGEST = float_info.max


@dataclass(frozen=True)
class Setting:
    """How a field is read, shown in help and written as text. ``section``: a class whose own settings it holds."""

    read: Reader
    help: str = ""
    metavar: str | None = None
    write: Callable[[Any], str] = str
    section: type | None = None


def setting(default: Any, read: Reader, help: str = "", **more: Any) -> Any:
    """A field of a dataclass that people set; ``more`` are fields of :class:`Setting`."""
    metadata = {KEY: Setting(read, help, **more)}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def settings_of(kind: type) -> dict[str, Setting]:
    """The settings of a dataclass by the names of its fields."""
    return {each.name: each.metadata[KEY] for each in fields(kind) if KEY in each.metadata}


def takes(schema: Schema) -> Callable[[Made], Made]:
    """Declares as JSON Schema what a function that reads takes from a file."""

    def declared(read: Made) -> Made:
        read.takes = schema  # type: ignore[attr-defined]
        return read

    return declared


def schema_of(read: Reader) -> dict[str, Any]:
    """What a reader takes from a file, as JSON Schema; everything, where it does not say."""
    return dict(getattr(read, "takes", {}))


def misfits(instance: Any) -> list[str]:
    """A line for each field that its reader refuses, or would give in another form (a list for a tuple, text for a number).

    ``None`` where it is the default says nothing, and is fine.
    """
    problems = []
    defaults = {each.name: each.default for each in fields(instance)}
    for name, each in settings_of(type(instance)).items():
        value = getattr(instance, name)
        try:
            if not (value is None and defaults[name] is None) and (read := each.read(value)) != value:
                raise ValueError(f"{value!r} must be written {read!r}")
        except (TypeError, ValueError) as error:
            problems.append(f"{name}: {error}")
    return problems


def flags_of(instance: Any, names: Iterable[str] | None = None) -> list[str]:
    """What must be typed for the fields of an instance that are not the default."""
    plain, known = type(instance)(), settings_of(type(instance))
    flags = []
    for name in known if names is None else names:
        value, each = getattr(instance, name), known[name]
        if value == getattr(plain, name):
            continue
        flag = name.replace("_", "-")
        if isinstance(each.read, Truth):
            flags.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            flags.append(f"--{flag} {each.write(value)}")
    return flags


@dataclass(frozen=True)
class Truth:
    """True or false; ``both``: a person may type either, because nobody can know the default."""

    both: bool = False

    takes: ClassVar[Schema] = {"type": "boolean"}

    def __call__(self, value: Any) -> bool:
        """The value itself."""
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is not true or false")
        return value


@dataclass(frozen=True)
class Whole:
    """A whole number from ``low`` on, up to ``high``."""

    low: int
    high: int | None = None

    @property
    def takes(self) -> Schema:
        """As JSON Schema."""
        return {"type": "integer", "minimum": self.low} | ({} if self.high is None else {"maximum": self.high})

    def __call__(self, value: Any) -> int:
        """The value itself."""
        if type(value) is not int:
            raise ValueError(f"{value!r} is not a whole number")
        if value < self.low:
            raise ValueError(f"{value!r} is not at least {self.low}")
        if self.high is not None and value > self.high:
            raise ValueError(f"{value!r} is not at most {self.high}")
        return value


@dataclass(frozen=True)
class Number:
    """A number from ``low`` on, or only above it, up to ``high``."""

    low: float = 0
    above: bool = False
    high: float | None = None

    @property
    def takes(self) -> Schema:
        """As JSON Schema; a number with an exponent is text to readers of old YAML."""
        bounds = {"exclusiveMinimum" if self.above else "minimum": self.low} | ({} if self.high is None else {"maximum": self.high})
        return {"anyOf": [{"type": "number", **bounds}, {"type": "string", "pattern": "^[0-9.]+[eE][-+]?[0-9]+$"}]}

    def __call__(self, value: Any) -> float:
        """The number; text is read as one."""
        if isinstance(value, str):
            value = float(value)  # YAML reads 1e-3 as text: its numbers have a dot
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{value!r} is not a number")
        if not -LARGEST <= value <= LARGEST:
            raise ValueError(f"{value!r} is not a finite number")
        if not (value > self.low if self.above else value >= self.low):
            raise ValueError(f"{value!r} is not {'above' if self.above else 'at least'} {self.low:g}")
        if self.high is not None and not value <= self.high:
            raise ValueError(f"{value!r} is not at most {self.high:g}")
        return float(value)


@dataclass(frozen=True)
class OneOf:
    """One of a few words."""

    choices: tuple[str, ...]

    @property
    def takes(self) -> Schema:
        """As JSON Schema."""
        return {"enum": list(self.choices)}

    def __call__(self, value: Any) -> str:
        """The word."""
        if value not in self.choices:
            raise ValueError(f"{value!r} is none of {', '.join(self.choices)}")
        return str(value)


@dataclass(frozen=True)
class Maybe:
    """What another reader takes, or nothing."""

    read: Reader

    @property
    def takes(self) -> Schema:
        """As JSON Schema."""
        return {"anyOf": [schema_of(self.read), {"type": "null"}]}

    def __call__(self, value: Any) -> Any:
        """Nothing, or what the other reader gives."""
        return None if value is None else self.read(value)


@dataclass(frozen=True)
class Location:
    """A path of a file or, with ``folder``, of a folder; ``remote``: it may lie behind a URL."""

    folder: bool = False
    remote: bool = False
    takes: ClassVar[Schema] = {"type": "string"}

    def __call__(self, value: Any) -> Path:
        """The path."""
        if not isinstance(value, (str, *FILES)):
            raise ValueError(f"{value!r} is not a path")
        if is_url(value) and not self.remote:
            raise ValueError(f"{value!r} is a URL: this is a local path")
        return locate(value)


def one_of(*choices: str) -> OneOf:
    """A reader of one of a few words."""
    return OneOf(choices)


def number_in(said: str) -> float | None:
    """The number that a text is; ``None`` for any other, such as the name of a file."""
    try:
        return float(said)
    except ValueError:
        return None


@takes({"type": "string"})
def text(value: Any) -> str:
    """Text as it stands.

    :raises ValueError: it is something else.
    """
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not text")
    return value


@takes({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
def names(value: Any) -> tuple[str, ...]:
    """Names in a list, or separated by commas, each once.

    :raises ValueError: it is something else.
    """
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(each, str) for each in given):
        raise ValueError(f"{value!r} is not a list of names")
    return tuple(dict.fromkeys(each.strip() for each in given if each.strip()))


def typed_pairs(texts: Iterable[Any], form: str, way_out: str = "") -> list[tuple[str, str]]:
    """Name and value of each text such as ``NAME=VALUE``, every name once.

    :param way_out: what to do about a ``{name}`` that is given twice.
    :raises ValueError: a text is of another form, or a name is given twice.
    """
    pairs: list[tuple[str, str]] = []
    for pair in texts:
        name, _, value = str(pair).partition("=")
        if not (name and value):
            raise ValueError(f"{pair!r} is not {form}")
        if any(name == other for other, _ in pairs):
            raise ValueError(f"{name} is given twice{way_out.format(name=name)}")
        pairs.append((name, value))
    return pairs
