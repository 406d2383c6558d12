"""The page of the command line, from the click commands."""

from __future__ import annotations

from collections.abc import Iterator

import click

from docs.extension.text import fenced, markdown, table
from segbench.cli.main import main

HEAD = """# Command line

Every command explains itself with `--help`; this page is made from the same text. Errors of the input are one message and exit status 2
(see [](errors.md)); a check that fails exits with 1. Standard output holds results, standard error everything else.

"""


def page() -> str:
    """Every command with its arguments and options."""
    found = list(commands(main, "segbench"))
    summary = table(["command", "what it does"], [[f"[`{name}`](#{name.replace(' ', '-')})", _help(command)] for name, command, _ in found])
    return HEAD + summary + "\n" + "\n".join(_section(*each) for each in found)


def commands(group: click.Group, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command below a group that does something itself, with its whole name and its context."""
    context = click.Context(group, info_name=name.rpartition(" ")[2], parent=parent)
    for each in group.list_commands(context):
        command = group.get_command(context, each)
        assert command is not None
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield f"{name} {each}", command, click.Context(command, info_name=each, parent=context)
        if isinstance(command, click.Group):
            yield from commands(command, f"{name} {each}", context)


def _help(command: click.Command) -> str:
    return markdown(command.help or "").partition("\n")[0]


def _section(name: str, command: click.Command, context: click.Context) -> str:
    options = [each for each in command.get_params(context) if isinstance(each, click.Option) and each.name != "help"]
    rows = [[f"`{record[0]}`", markdown(record[1])] for each in options if (record := each.get_help_record(context))]
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    parts = [f"## {name}\n", fenced("text", usage), markdown(command.help or "") + "\n"]
    return "\n".join([*parts, *([table(["option", "meaning"], rows)] if rows else [])])
