"""YAML of strangers: one clear error that names the file and its line, in bounded time; nothing runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from segbench.benchmark.suite import read_suite
from segbench.datasets.opening import open_dataset
from segbench.errors import SegbenchError, UsageError
from segbench.files import yaml_schema
from segbench.files.yaml_schema import DEEPEST, LARGEST, read_value
from segbench.labels.files import read_label_space
from segbench.labels.mapping import read_mapping
from segbench.leaderboards.rules import read_rules
from segbench.training.recipe import read_recipe

READERS: dict[str, Callable[[Path], Any]] = {
    "board.yaml": lambda file: read_rules(file.parent),
    "suite.yaml": lambda file: read_suite(str(file)),
    "labels.yaml": read_label_space,
    "mapping.yaml": lambda file: read_mapping(str(file)),
    "dataset.yaml": lambda file: open_dataset(str(file)),
    "recipe.yaml": lambda file: read_recipe(str(file), {}),
}
LEVELS = "abcdefghijk"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise(LEVELS)
)
KEYS = "title about dataset split labels measured command closed protocol name classes root images targets models".split()  # noqa: SIM905
KNOWN = "".join(f"{key}: &{key} [{', '.join([f'*{before}'] * 9)}]\n" for before, key in pairwise(KEYS))
HOSTILE = {
    "aliases that unfold to gigabytes": BOMB,
    "the same below keys that exist": f"title: &title [x, x]\n{KNOWN}",
    "brackets without end": "title: " + "[" * 100_000,
    "blocks in blocks": "".join(" " * depth + "a:\n" for depth in range(3000)),
    "a tag that calls a function": "title: !!python/object/apply:os.system ['touch ran']\n",
    "a tag of nobody": "title: !foo bar\n",
    "a list that holds itself": "title: &a [*a]\n",
    "a file that holds itself": "&a {title: *a}\n",
    "bytes that are none": "title: !!binary 'x'\n",
    "a truth that is none": "title: !!bool x\nmodels: !!bool x\nname: !!bool x\nsteps: !!bool x\n",
    "a date that is none": "title: !!timestamp x\nname: !!timestamp x\n",
    "a number without digits": "title: !!int ''\nname: !!float ''\n",
    "pairs that are none": "title: !!omap [a]\nname: !!set [a]\n",
    "a list as a key": "protocol: {[a]: b}\nmap: {[a]: b}\n",
    "a merge of nothing": "<<: 3\ntitle: x\n",
    "a number of a hundred thousand digits": "images: " + "9" * 100_000,
    "no text": "\0",
    "twenty thousand keys": "".join(f"k{number}: 1\n" for number in range(20_000)),
    "a name of a megabyte": "titel: " + "x" * 1_000_000,
    "a key of half a megabyte": "x" * 500_000 + ": 1",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", READERS)
def test_hostile_yaml_is_one_short_error_within_seconds(tmp_path: Path, name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(HOSTILE[kind])
    started = time.monotonic()
    with pytest.raises(SegbenchError) as caught:
        READERS[name](tmp_path / name)
    assert time.monotonic() - started < 20
    assert name in str(caught.value)
    assert len(str(caught.value)) < 100_000
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", READERS)
def test_a_file_larger_than_any_is_not_read(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(SegbenchError, match=f"{name}: {LARGEST + 1} bytes are more than any such file has"):
        READERS[name](tmp_path / name)


def test_aliases_as_people_write_them_are_read(tmp_path: Path) -> None:
    file = tmp_path / "board.yaml"
    file.write_text("title: &name Streets\nabout: *name\nprotocol: {scales: &s [1.0, 0.5], other: *s}\n")
    rules = read_rules(tmp_path)
    assert (rules.about, rules.protocol["other"]) == ("Streets", [1.0, 0.5])


def test_what_is_nested_as_deep_as_people_write_it_is_read() -> None:
    deep = read_value("[" * (DEEPEST - 1) + "]" * (DEEPEST - 1))
    assert deep
    with pytest.raises(UsageError, match="nested too deep"):
        read_value("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))


@pytest.mark.parametrize(("text", "value"), [("3", 3), ("0.5", 0.5), ("true", True), ("", None), ("r50", "r50"), ("[1, 2]", [1, 2])])
def test_a_value_that_was_typed_is_what_yaml_has(text: str, value: object) -> None:
    assert read_value(text) == value


@pytest.mark.parametrize("text", ["[", "!!python/name:os.system", "*x", "a: b: c"])
def test_a_value_that_is_no_yaml_is_refused_with_itself(text: str) -> None:
    with pytest.raises(UsageError, match="is no value"):
        read_value(text)


def test_as_many_classes_as_there_can_be_are_read_with_ids_and_colours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(yaml_schema, "MOST_VALUES", 100)  # what aliases may make; nothing here is an alias
    path = tmp_path / "labels.yaml"
    path.write_text("classes:\n" + "".join(f"- {{name: c{i}, ids: [{i}], color: [1, 2, 3]}}\n" for i in range(50)))
    assert len(read_label_space(path).classes) == 50
    monkeypatch.setattr(yaml_schema, "MOST_WRITTEN", 500)
    with pytest.raises(SegbenchError, match="it has more than 500 values"):
        read_label_space(path)
