"""How large and how fast networks are: `segbench profile`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from segbench.cli.options import DEVICE_OPTION, FOLDER, device_named, names_in, number, size_in


@click.command()
@click.argument("names", required=False, metavar="[NAMES]")
@click.option("--models", help="Names, separated by commas, or `all` that are registered; --models itself may be left out.")
@click.option("--sizes", "--size", "sizes", default="512x1024", show_default=True, metavar="HxW,...", help="Sizes of the images.")
@click.option(
    "--batch",
    "--batch-size",
    "batch",
    default="1",
    show_default=True,
    metavar="N,...|auto",
    help="Images in a batch; auto doubles it while that gains.",
)
@click.option(
    "--backends",
    default="eager",
    show_default=True,
    help="Ways to run: eager, amp, channels-last, compile, cuda-graphs, tf32-graphs, bf16-graphs, onnx; or `all`.",
)
@click.option("--classes", type=click.IntRange(min=1), default=19, show_default=True, help="How many classes.")
@click.option("--repeats", type=click.IntRange(min=1), default=500, show_default=True, help="Most timed passes of each network.")
@click.option(
    "--seconds",
    default=10,
    show_default=True,
    help="Seconds of timed passes for each network; three passes at least.",
    **number(above=True),
)
@click.option(
    "--restarts",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Fresh processes for each network; 0: all in turn in this one.",
)
@click.option("--out", type=FOLDER, help="A board: records, table and plots. What is measured there already is kept.")
@DEVICE_OPTION
@click.pass_context
def profile(ctx: click.Context, /, names: str | None, models: str | None, out: Path | None, **options: Any) -> None:
    """Measure size and speed of networks; needs no weights and no data."""
    from segbench.console.profile import Plan, run_profiles
    from segbench.models import MODELS
    from segbench.profiling.backends import BACKENDS
    from segbench.profiling.timing import Effort

    if (chosen := models or names) is None or (models and names):
        raise click.UsageError("name the models once: segbench profile --models fcn8s,segnet")
    plan = Plan(
        names=MODELS.names() if chosen == "all" else names_in(chosen),
        classes=options["classes"],
        sizes=[size_in(size) for size in options["sizes"].split(",")],
        batches=_batches(options["batch"]),
        backends=list(BACKENDS) if options["backends"] == "all" else names_in(options["backends"]),
        effort=Effort(repeats=options["repeats"], seconds=options["seconds"]),
        restarts=options["restarts"],
        device=device_named(options["device"]),
        command=f"segbench profile {chosen} {_typed(ctx, *options)}".strip(),
    )
    run_profiles(plan, out)


def _typed(ctx: click.Context, *names: str) -> str:
    """The options among these that were typed, as they were."""
    typed = [name for name in names if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE]
    return " ".join(f"--{name} {ctx.params[name]}" for name in typed)


def _batches(text: str) -> list[int]:
    """Batch sizes; none for ``auto``."""
    if text == "auto":
        return []
    if not all(part.isdecimal() and int(part) for part in text.split(",")):
        raise click.BadParameter(f"{text!r} is neither `auto` nor whole numbers, e.g. 1,2,4", param_hint="--batch")
    return [int(part) for part in text.split(",")]
