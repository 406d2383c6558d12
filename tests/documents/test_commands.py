"""Every command that is printed exists, with its options; every YAML file that is shown can be read; every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from docs.extension import PAGES as GENERATED_PAGES
from docs.extension.cli import commands as cli_commands
from docs.extension.registered import datasets_page, models_page
from segbench.benchmark.suite import read_suite
from segbench.cli.main import main
from segbench.console.registered import adapters_table, datasets_table
from segbench.datasets import DATASETS
from segbench.datasets.yaml_dataset import read_own
from segbench.labels.files import read_label_space
from segbench.leaderboards.rules import read_rules
from segbench.models import MODELS
from tests.documents.pages import DOCS, PAGES, ROOT, blocks, commands, inline, name_of

READERS: dict[str, Callable[[Path], Any]] = {
    "paper.yaml": lambda path: read_suite(str(path)),
    "labels.yaml": read_label_space,
    "board.yaml": lambda path: read_rules(path.parent),
    "gate.yaml": lambda path: read_workflow(path),
}


def read_workflow(path: Path) -> None:
    """What a workflow gives to our action must be an input of it."""
    inputs = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"]
    for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
        (given,) = [step["with"] for step in job["steps"] if "/segbench@" in step.get("uses", "")]
        assert set(given) <= set(inputs)
        assert {name for name, each in inputs.items() if each.get("required")} <= set(given)


def parsed(line: str) -> click.Context:
    """The innermost command of a line, with what its arguments were read as."""
    command: click.Command = main
    arguments = shlex.split(line)[1:]
    while isinstance(command, click.Group) and arguments and (inner := command.get_command(click.Context(command), arguments[0])):
        command, arguments = inner, arguments[1:]
    return command.make_context("segbench", arguments)


@pytest.mark.parametrize("line", sorted({line for page in PAGES for line in commands(page)}))
def test_a_printed_command_exists_with_its_options(line: str) -> None:
    context = parsed(line)
    models = context.params.get("models")
    for name in (models.split(",") if isinstance(models, str) else models or ()) if models != ("NAMES",) else ():
        assert name in {*MODELS.table, "all", "NAME"} or name.partition(":")[0] in {*MODELS.adapters, "mynet.py", "mmseg_net.py"}
    if (dataset := context.params.get("dataset")) and not dataset.endswith(".yaml"):
        assert dataset in DATASETS.table or dataset.partition(":")[0] in {*DATASETS.adapters, "yard.py"}


@pytest.mark.parametrize("line", sorted({line for page in PAGES for line in inline(page)}))
def test_a_command_in_the_prose_exists_with_its_options(line: str) -> None:
    # A sentence may leave out what a command needs.
    with suppress(click.MissingParameter, click.exceptions.NoArgsIsHelpError, click.exceptions.Exit):
        parsed(line)


def test_the_examples_of_the_tables_exist_with_their_options() -> None:
    lines = re.findall(r"^\|.*`(segbench [^`]*)` \|$", models_page() + datasets_page(), re.MULTILINE)
    assert len(lines) == len(DATASETS.table) + len(DATASETS.adapters) + len(MODELS.adapters) + 2
    for line in lines:
        parsed(line)


def test_the_tables_hold_what_is_registered_and_say_what_it_is() -> None:
    rows = re.findall(r"^\| `([^`]+)`", datasets_table(), re.MULTILINE)
    assert rows[: len(DATASETS.table)] == list(DATASETS.table)
    assert [row.partition(":")[0] for row in rows[len(DATASETS.table) :]] == list(DATASETS.adapters)
    rows = re.findall(r"^\| `([^`]+)`", adapters_table(), re.MULTILINE)
    assert [row.partition(":")[0] for row in rows] == [*MODELS.adapters, "file.py", "pkg.mod"]
    for row in (adapters_table() + datasets_table()).splitlines():
        assert row.startswith("|--") or len(row.split(" | ")[1]) > 9, row


def test_the_reference_of_the_command_line_holds_every_command() -> None:
    names = {name for name, _, _ in cli_commands(main, "segbench")}
    assert {"segbench run", "segbench weights import", "segbench data check", "segbench models", "segbench models show"} <= names
    assert all(command.help for _, command, _ in cli_commands(main, "segbench"))


def test_every_option_says_what_it_does() -> None:
    for name, command, _ in cli_commands(main, "segbench"):
        for option in (each for each in command.params if isinstance(each, click.Option)):
            said = (option.help or "").partition("[default")[0].strip()
            assert len(said) > 8, f"{name} {option.opts[0]}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_yaml_file_that_is_shown_can_be_read(page: Path, tmp_path: Path) -> None:
    for each in blocks(page):
        if each.kind == "yaml":
            assert each.file, f"{page.name}: the first line of a YAML block is a comment that begins with the file's name"
            (tmp_path / each.file).write_text(each.text)
            READERS.get(each.file, read_own)(tmp_path / each.file)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_link_leads_to_a_file_that_is_there_or_to_a_page_that_is_generated(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            path = (page.parent / target).resolve()
            made = path.parent == DOCS / "reference" and path.stem in GENERATED_PAGES
            assert made or path.exists(), f"{page.name} links to {target}"


def test_the_environments_that_are_named_exist() -> None:
    known = set(re.findall(r"^\[testenv:(\w+)\]", (ROOT / "tox.ini").read_text(), re.MULTILINE)) | {"py311"}
    for page in PAGES:
        assert set(re.findall(r"tox\s+-e\s+(\w+)", page.read_text(encoding="utf-8"))) <= known, page.name


def test_the_readme_can_be_read_in_a_minute() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
