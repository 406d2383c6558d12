"""What `segbench --help` lists: commands by what they are for, each in a line."""

from __future__ import annotations

import re

import click

SECTIONS = {
    "Evaluate": ("run", "score", "merge", "verify"),
    "Look at records": (
        *("compare", "table", "worst", "means", "errors", "trimap", "surface", "calibration", "ood", "corruptions", "shift"),
        "view",
    ),
    "Boards and papers": ("leaderboard", "submit", "publish", "schema"),
    "Networks": ("models", "profile", "train", "temperature", "weights", "export"),
    "Data": ("data", "check", "ceiling", "suspects", "pack"),
}


def in_a_line(command: click.Command) -> str:
    """The first statement of a command's help, without what stands between parentheses."""
    first = re.sub(r"\s*\([^)]*\)", "", " ".join((command.help or "").split()))
    return re.split(r"[.:;](?:\s|$)", first, maxsplit=1)[0]


def write_commands(group: click.Group, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """All commands of a group in their sections."""
    for section, names in SECTIONS.items():
        found = [(name, group.get_command(ctx, name)) for name in names]
        with formatter.section(section):
            formatter.write_dl([(name, in_a_line(command)) for name, command in found if command is not None])
