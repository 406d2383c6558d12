"""A field that is declared once: what YAML, the command line and a command that repeats a run make of it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from segbench.benchmark.suite import Suite
from segbench.cli.options import options_of
from segbench.evaluation.protocol import Protocol
from segbench.files.settings import (
    Location,
    Maybe,
    Number,
    Reader,
    Truth,
    Whole,
    flags_of,
    misfits,
    names,
    one_of,
    setting,
    settings_of,
    text,
)
from segbench.files.yaml_schema import parse_yaml, readers_of, section
from segbench.training.recipe import Recipe


@dataclass(frozen=True)
class Toy:
    count: int = setting(3, Whole(1), "How many.")
    rate: float | None = setting(None, Maybe(Number(above=True, high=1)))
    mode: str = setting("a", one_of("a", "b"))
    quick: bool = setting(False, Truth())
    layout: bool | None = setting(None, Truth(both=True))
    files: tuple[str, ...] = setting((), names, metavar="NAME,...", write=",".join)
    out: Path | None = setting(None, Location())


CHANGED = Toy(5, 0.5, "b", True, False, ("x", "y"), Path("o"))
TYPED = "--count 5 --rate 0.5 --mode b --quick --no-layout --files x,y --out o"


def typed(kind: type, line: str) -> dict[str, Any]:
    """What the options of a dataclass give for a command line; what was not given is left out."""
    given: dict[str, Any] = {}

    @click.command()
    @options_of(kind)
    def command(**values: Any) -> None:
        given.update({name: value for name, value in values.items() if value is not None})

    result = CliRunner().invoke(command, shlex.split(line), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return given


def test_what_is_not_the_default_is_typed_and_read_again() -> None:
    assert flags_of(Toy()) == []
    assert " ".join(flags_of(CHANGED)) == TYPED
    assert Toy(**typed(Toy, TYPED)) == CHANGED
    assert flags_of(CHANGED, ("mode", "count")) == ["--mode b", "--count 5"]


def test_yaml_reads_the_same_fields() -> None:
    written = "count: 5\nrate: 5e-1\nmode: b\nquick: true\nlayout: false\nfiles: [x, y]\nout: o\n"
    assert Toy(**parse_yaml(written, "toy", section("toy", readers_of(Toy)))) == CHANGED


@pytest.mark.parametrize(
    ("line", "problem"),
    [("--count 0", "0 is not in the range x>=1"), ("--rate 0", "0.0 is not above 0"), ("--mode c", "'c' is not one of 'a', 'b'")],
)
def test_what_cannot_be_is_refused_where_it_is_typed(line: str, problem: str) -> None:
    command = click.command()(options_of(Toy)(lambda **values: None))
    result = CliRunner().invoke(command, shlex.split(line))
    assert result.exit_code == 2
    assert problem in result.output


def test_a_value_made_in_python_is_held_against_its_reader() -> None:
    assert misfits(CHANGED) == []
    assert misfits(Toy(count=0, rate="fast", files=["x"])) == [  # type: ignore[arg-type]
        "count: 0 is not at least 1",
        "rate: could not convert string to float: 'fast'",
        "files: ['x'] must be written ('x',)",
    ]


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (Whole(0), True),
        (Whole(0), "3"),
        (Number(), True),
        (Number(), None),
        (Truth(), 1),
        (one_of("a"), "b"),
        (text, 3),
        (names, [1]),
        (names, None),
        (Location(), 3),
    ],
)
def test_a_reader_refuses_what_it_does_not_know(reader: Reader, value: object) -> None:
    with pytest.raises(ValueError, match="is no"):
        reader(value)


@pytest.mark.parametrize("kind", [Protocol, Suite, Recipe])
def test_every_field_is_a_setting_and_every_default_fits(kind: type) -> None:
    assert list(settings_of(kind)) == [each.name for each in fields(kind)]
    assert misfits(kind()) == []


def test_a_protocol_can_be_typed() -> None:
    protocol = Protocol("bf16", (4, 6), (4, 6), (2, 3), (0.5, 1.0), True, "dense-crf", "masked")
    assert Protocol(**typed(Protocol, " ".join(flags_of(protocol)))) == protocol
