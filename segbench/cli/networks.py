"""Networks and their weights: `segbench models`, `check`, `train`, `temperature`, `weights`, `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from segbench.benchmark.suite import Suite
from segbench.cli.options import (
    DEVICE_OPTION,
    FILE,
    PLACE,
    QUIET_OPTION,
    dataset_named,
    device_named,
    launched,
    number,
    options_of,
    set_option,
    size_in,
)
from segbench.evaluation.protocol import Protocol
from segbench.files.settings import settings_of
from segbench.training.recipe import Recipe, read_recipe


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of a table.")
@click.option("--classes", type=click.IntRange(min=1), default=19, show_default=True, help="How many classes.")
@click.option("--refresh", is_flag=True, help="In a checkout: count again, and rewrite the committed table.")
@click.pass_context
def models(ctx: click.Context, as_json: bool, classes: int, refresh: bool) -> None:
    """List the registered models with paper, year, parameters and MACs at 1024x2048."""
    from segbench.console import models as command

    if refresh:
        click.echo(f"wrote {command.refresh()}")
    elif ctx.invoked_subcommand is None:
        command.list_models(classes, as_json=as_json)


@models.command("show")
@click.argument("name")
@click.option("--size", default="1024x2048", show_default=True, metavar="HxW", help="Size of the image.")
@click.option("--classes", type=click.IntRange(min=1), default=19, show_default=True, help="How many classes.")
def models_show(name: str, size: str, classes: int) -> None:
    """Print the stages of model NAME with their output sizes."""
    from segbench.console.anatomy import show_model

    show_model(name, size_in(size), classes)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@set_option("A model argument, e.g. width=0.25")
@click.option("--full", is_flag=True, help="Check networks as wide as published, not at an eighth of it.")
@click.option(
    "--classes",
    type=click.IntRange(min=2),
    default=19,
    help="How many classes models have.  [default: those of a dataset that is named too, or 19]",
)
@click.option("--data", type=PLACE, help="The dataset's folder, or its URL.")
@click.option("--split", help="The dataset's split.  [default: the one that it is evaluated on]")
def check(names: tuple[str, ...], settings: dict[str, Any], full: bool, classes: int, data: Path | None, split: str | None) -> None:
    """Check that models and datasets keep to the contract; NAME is registered, file.py:function, or `all` models."""
    from segbench.console.check import check as check_names

    if check_names(names, settings, full=full, classes=classes, open_dataset=lambda name: dataset_named(name, data, split)):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("model")
@options_of(Suite, "dataset", "data")
@click.option("--split", help="The split to train on.  [default: train]")
@click.option("--out", type=FILE, required=True, help="The weights file to write (safetensors).")
@set_option("A model argument, e.g. width=0.125")
@click.option("--init", type=FILE, help="Continue from these weights instead of from scratch; the new file says so.")
@click.option(
    "--recipe", metavar="NAME|FILE", help="paper, minicity, fair-camvid, equal-camvid, or YAML; the options below override its fields."
)
@options_of(Recipe, "steps", "batch_size", "crop", "learning_rate", "optimizer", "class_weights", "precision", "seed")
@click.option("--validate-every", type=click.IntRange(min=1), default=500, show_default=True, help="Steps between two validations.")
@click.option(
    "--time-budget",
    metavar="MINUTES",
    help="End after so many minutes; the learning rate falls until then.",
    **number(above=True),
)
@click.option("--resume", is_flag=True, help="Continue from OUT.ckpt.")
@click.option("--sync-norm", is_flag=True, help="Under torchrun: batch normalisation sees the whole batch, not each process its share.")
@click.option("--full-precision", is_flag=True, help="Store float32 instead of float16.")
@DEVICE_OPTION
def train(model: str, dataset: str | None, data: Path | None, split: str | None, out: Path, **options: Any) -> None:
    """Train MODEL and write its weights; validates on `val` as it goes. Under torchrun each process takes its share of every batch."""
    from segbench.console import train as command
    from segbench.console.terminal import be_quiet
    from segbench.training.trainer import Routine

    settings = options.pop("settings")
    start = command.Start(model, settings, options.pop("init"))
    minutes, half = options.pop("time_budget"), not options.pop("full_precision")
    seconds = None if minutes is None else 60 * minutes
    routine = Routine(options.pop("validate_every"), options.pop("resume"), half, seconds, options.pop("sync_norm"))
    ranks = launched()
    if not ranks.leads:
        be_quiet()
    device = device_named(options.pop("device"), ranks.local if ranks.size > 1 else None)
    recipe = read_recipe(options.pop("recipe"), options, model)
    with ranks.joined():
        with ranks.one_first():
            train_set, validation = (dataset_named(dataset, data, each) for each in (split or "train", "val"))
        command.train_with_progress(start, command.Data(train_set, validation), recipe, out, device, routine, ranks)


@click.command()
@options_of(Suite, "models", "dataset", "data", "split")
@options_of(Suite, "weights", "name", "set", multiple=True)
@DEVICE_OPTION
@options_of(Protocol)
@options_of(Suite, "limit")
@click.option("--out", type=FILE, default=Path("temperature.json"), help="The file to write.  [default: temperature.json]")
@QUIET_OPTION
def temperature(device: str, out: Path, quiet: bool, **flags: Any) -> None:
    """Find the temperature at which the NLL of each model is the lowest on a split; `run --temperature FILE` divides logits by it."""
    from segbench.benchmark.temperatures import find_temperatures
    from segbench.console.temperature import print_temperatures
    from segbench.console.terminal import be_quiet

    flags["protocol"] = {name: value for name in settings_of(Protocol) if (value := flags.pop(name)) is not None}
    suite = Suite().overridden(flags)
    if not suite.models:
        raise click.UsageError("no models: give --models NAMES (see `segbench models`)")
    if quiet:
        be_quiet()
    dataset = dataset_named(suite.dataset, suite.data, suite.split)
    print_temperatures(find_temperatures(suite, dataset, device_named(device), out))


@click.group()
def weights() -> None:
    """Bring in public weights of other code bases."""


@weights.command("import")
@click.argument("model")
@click.argument("file", type=FILE)
@click.option("--out", type=FILE, help="The weights file to write (safetensors).  [default: FILE-MODEL.safetensors]")
@click.option("--labels", metavar="NAME|YAML", help="Which classes its scores are.  [default: what its source was trained on]")
@click.option("--normalize", metavar="HOW", help="imagenet, unit (0..1) or MEAN/STD/ORDER in bytes.  [default: the source's]")
@set_option("A model argument, where a file can be of two kinds")
@click.option("--half", is_flag=True, help="Store float16 instead of float32.")
def weights_import(model: str, file: Path, out: Path | None, settings: dict[str, Any], **options: Any) -> None:
    """Translate the public weights in FILE (PyTorch or safetensors) for MODEL; every tensor fits, or the file is refused."""
    from segbench.console.weights import import_weights

    import_weights(model, file, out, settings=settings, **options)


@weights.command("sources")
def weights_sources() -> None:
    """List the public weights that each model can take."""
    from segbench.console.weights import list_sources

    list_sources()


@click.command()
@click.argument("model")
@click.option("--weights", type=FILE, required=True, help="Weights of MODEL, as `segbench train` writes them.")
@click.option("--format", "kind", type=click.Choice(["onnx", "torchscript", "pt2"]), required=True, help="The runtime that reads the file.")
@click.option("--out", type=FILE, required=True, help="The file to write.")
@click.option("--size", default="1024x2048", show_default=True, metavar="HxW", help="Size of the images that it will be given.")
@DEVICE_OPTION
def export(model: str, weights: Path, kind: str, out: Path, size: str, device: str) -> None:
    """Write MODEL as one file for another runtime; it says itself what it must be fed, and is compared with the network."""
    from segbench.console.export import export_model

    export_model(model, weights, kind, out, size_in(size), device_named(device))
