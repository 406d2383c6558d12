"""The command line: one group, its commands, and how errors are told. The commands parse, call and print; what they can do, Python can do.

Importing this loads click alone, so that `segbench --help` answers at once: heavy imports happen inside the commands.
"""

from __future__ import annotations

import codecs
import io
import sys
import warnings
from contextvars import copy_context
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

import click

from segbench import __version__
from segbench.cli.listing import write_commands
from segbench.cli.memory import too_little_memory
from segbench.errors import SegbenchError
from segbench.files.atomic import refusal
from segbench.files.names import printable

# Each command and where it is: only what is asked for is loaded.
COMMANDS = {
    **dict.fromkeys(("run", "score", "merge", "pack"), "evaluation"),
    **dict.fromkeys(("models", "check", "train", "temperature", "weights", "export"), "networks"),
    "profile": "speed",
    **dict.fromkeys(
        ("table", "compare", "worst", "errors", "calibration", "ood", "trimap", "surface", "shift", "corruptions", "means"), "results"
    ),
    **dict.fromkeys(("leaderboard", "submit", "schema", "view"), "results"),
    **dict.fromkeys(("verify", "publish"), "verification"),
    **dict.fromkeys(("ceiling", "suspects"), "targets"),
    "data": "data",
}


class _Main(click.Group):
    """Errors of the input are one clear message and exit status 2; everything else keeps its traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return getattr(import_module(f"segbench.cli.{COMMANDS[cmd_name]}"), cmd_name)  # type: ignore[no-any-return]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_commands(self, ctx, formatter)

    def invoke(self, ctx: click.Context) -> Any:
        _write_any_letter()
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _show_warning
                return copy_context().run(super().invoke, ctx)  # what one call sets, such as --quiet, ends with it
        except (SegbenchError, OSError, MemoryError, RuntimeError, ImportError, SystemError) as error:
            if (said := _said(error, ctx.invoked_subcommand)) is None:
                raise
            click.echo(click.style("error: ", fg="red", bold=True) + printable(said), err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo("\ninterrupted; `run`, `profile --out` and `train --resume` go on from here with the same command", err=True)
            ctx.exit(130)


def _write_any_letter() -> None:
    """Where the locale knows few letters (``LC_ALL=C``), the others are written as their numbers, and no output ends in a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
            stream.reconfigure(errors="backslashreplace")


def _said(error: Exception, command: str | None) -> str | None:
    """What a user can do something about; ``None`` where the traceback says more."""
    if isinstance(error, SegbenchError):
        return str(error)
    if said := too_little_memory(error, command):
        return said
    refused = refusal(error) if isinstance(error, OSError) else None
    return None if refused is None else str(refused)


_show_elsewhere = warnings.showwarning


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
) -> None:
    """A warning of ours is a sentence for the user; those of others are shown as they are, with the place in their code."""
    if Path(__file__).parents[1] in Path(filename).parents:
        click.echo(click.style("warning: ", fg="yellow", bold=True) + str(message), err=True)
    else:
        _show_elsewhere(message, category, filename, lineno, file, line)


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
def main() -> None:
    """Benchmark and evaluate semantic segmentation: the official numbers, the protocol, and honest speed."""
