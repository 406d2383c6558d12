"""The command line: parses, calls, prints. What it can do, Python can do in five lines; heavy imports happen inside the commands."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segbench import __version__
from segbench.errors import DataError, SegbenchError
from segbench.starting import quick_start

if TYPE_CHECKING:
    from segbench.datasets.base import Dataset

FOLDER = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)


class _Main(click.Group):
    """Errors of the input are one clear message and exit status 2; everything else keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SegbenchError as error:
            click.echo(click.style("error: ", fg="red", bold=True) + str(error), err=True)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo("\ninterrupted; nothing was written after the last finished step", err=True)
            ctx.exit(130)


@click.group(cls=_Main, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
def main() -> None:
    """Benchmark and evaluate semantic segmentation: the official numbers, the protocol, and honest speed."""


def _options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return apply


DATASET_OPTIONS = _options(
    click.option(
        "--dataset", help="A name of `segbench data list`, YAML of your own, or file.py:function.  [default: cityscapes, else minicity]"
    ),
    click.option("--data", type=FOLDER, help="The dataset's folder."),
    click.option("--split", help="The split.  [default: the one that the dataset is evaluated on]"),
)
MAP_OPTION = click.option(
    "--map", metavar="FILE|by-name", help="What a model's classes stand for in the dataset, if it knows others: YAML, or by their names."
)
GROUPS_OPTION = click.option(
    "--groups", type=click.Choice(["city", "sequence"]), help="What the intervals draw, by the images' names.  [default: images]"
)
DEVICE_OPTION = click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1 ...; auto takes a GPU if there is one.")
PROTOCOL_OPTIONS = _options(
    click.option("--precision", type=click.Choice(["fp32", "bf16", "fp16"]), help="Of the network's arithmetic.  [default: fp32]"),
    click.option("--input-size", metavar="HxW|N", help="Resize images to this, or the shorter side to N; targets keep their size."),
    click.option("--crop", metavar="HxW", help="Sliding windows of this size; logits are averaged where they overlap."),
    click.option("--stride", metavar="HxW", help="From window to window."),
    click.option("--scales", metavar="S,S,...", help="Average the scores over these enlargements, e.g. 0.75,1,1.25."),
    click.option("--flip", is_flag=True, default=None, help="Also average over the mirrored image."),
    click.option(
        "--void", type=click.Choice(["predictable", "masked"]), help="What --map maps to no class.  [default: predictable, wrong]"
    ),
    click.option("--post", type=click.Choice(["none", "dense-crf"]), help="Post-processing; it is part of the signature.  [default: none]"),
)


def _cores() -> int:
    """Those that this process may use, which in a container or under a scheduler are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@main.command()
@click.option("--suite", metavar="FILE|PRESET", help="A YAML file that names models, dataset, protocol and outputs; flags override it.")
@click.option("--models", help="Names, separated by commas, or `all` that have weights for the dataset; see `segbench models`.")
@DATASET_OPTIONS
@MAP_OPTION
@click.option("--weights", multiple=True, metavar="NAME=FILE", help="Weights of a model, as `segbench train` writes them; repeatable.")
@DEVICE_OPTION
@PROTOCOL_OPTIONS
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N images; for a quick look, the record says so.")
@click.option("--out", type=FOLDER, help="Where records, tables and plots go.  [default: runs/DATASET-SPLIT]")
@click.option("--per-class", is_flag=True, default=None, help="Also print the IoU of every class.")
@click.option("--save-predictions", is_flag=True, default=None, help="Also write class maps as label ids under OUT/predictions/MODEL.")
@GROUPS_OPTION
@click.option("--gallery", is_flag=True, default=None, help="Also draw, for each class, the image on which a model does worst.")
@click.option("--repeats", type=click.IntRange(min=0), help="Timed runs of each model; 0 measures no speed.  [default: 10]")
@click.option("--channels-last/--no-channels-last", default=None, help="Memory order of weights and images.  [default: as they are]")
@click.option("--compile", is_flag=True, default=None, help="Run networks through torch.compile.")
def run(suite: str | None, device: str, **flags: Any) -> None:
    """Evaluate models and print one table; write records, CSV, Markdown and plots."""
    from segbench.commands import run as running
    from segbench.suites import Suite, read_suite

    flags["models"] = _names(flags["models"]) if flags["models"] else ()
    flags["weights"] = _weights(flags["weights"])
    flags["protocol"] = _protocol(flags)
    wanted = (read_suite(suite) if suite else Suite()).overridden(flags)
    if not wanted.models:
        raise click.UsageError("no models: give --models NAMES (see `segbench models`), or name them in the suite")
    running.run_suite(wanted, _dataset(wanted.dataset, wanted.data, wanted.split), _device(device))


@main.command()
@click.argument("preds", type=FOLDER)
@click.argument("gts", type=FOLDER, required=False)
@DATASET_OPTIONS
@click.option("--labels", type=FILE, help="YAML with a label space of your own: name, classes, void.")
@MAP_OPTION
@click.option("--pred-labels", metavar="NAME|YAML", help="With --map: the label space that PREDS are in.")
@click.option("--encoding", type=click.Choice(["auto", "ids", "train-ids", "color"]), default="auto", show_default=True, help="Of PREDS.")
@click.option("--target-encoding", type=click.Choice(["auto", "ids", "train-ids", "color"]), default="auto", show_default=True)
@click.option("--json", "json_file", type=FILE, help="Write the run record here.")
@click.option("--official-json", type=FILE, help="Write what cityscapesScripts writes here (null for NaN).")
@click.option("--name", help="What the record calls the predictions.  [default: the folder's name]")
@click.option("--boundary", is_flag=True, help="Also score the pixels near the edges of classes: Boundary IoU.")
@click.option("--boundary-ratio", type=click.FloatRange(0, 1, min_open=True), default=0.02, show_default=True, help="Of the diagonal.")
@GROUPS_OPTION
@click.option("--workers", type=click.IntRange(min=1), default=_cores, show_default="cores")
@quick_start()
def score(preds: Path, gts: Path | None, json_file: Path | None, official_json: Path | None, name: str | None, **options: Any) -> None:
    """Score the label maps in PREDS against the targets in GTS (or against --dataset with --data)."""
    from segbench.commands import score as command

    dataset = _targets(gts, options.pop("dataset"), options.pop("data"), options.pop("split"), options.pop("labels"))
    if official_json and dataset.instances is None:
        way_out = "leave it out, or put *_gtFine_instanceIds.png beside the targets"
        raise DataError("--official-json needs Cityscapes targets with their instance maps", way_out=way_out)
    rule, known = options.pop("map"), options.pop("pred_labels")
    if (rule is None) != (known is None):
        raise click.UsageError("--map and --pred-labels go together: a rule, and the label space that it maps from")
    options["mapping"] = command.mapping_of(rule, known, dataset) if rule else None
    if official_json and options["mapping"]:
        raise click.UsageError("--official-json knows Cityscapes' own classes only; leave out --map")
    ratio, groups = options.pop("boundary_ratio"), options.pop("groups")
    result = command.score_with_progress(preds, dataset, boundary=ratio if options.pop("boundary") else None, **options)
    record = command.record_of(result, name or preds.resolve().name, groups)
    if json_file:
        command.write_record(json_file, record, result)
    if official_json:
        command.write_official(official_json, result)
    command.print_scores(record)


@main.command()
@click.argument("model")
@DATASET_OPTIONS
@click.option("--out", type=FILE, required=True, help="The weights file to write (safetensors).")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A model argument, e.g. width=0.125; repeatable.")
@click.option("--init", type=FILE, help="Continue from these weights instead of from scratch; the new file says so.")
@click.option("--recipe", metavar="paper|minicity|FILE", help="A recipe that comes along, or YAML; the options below override its fields.")
@click.option("--steps", type=click.IntRange(min=1))
@click.option("--batch-size", type=click.IntRange(min=1))
@click.option("--crop", metavar="HxW")
@click.option("--learning-rate", type=float)
@click.option("--optimizer", type=click.Choice(["adamw", "adam", "sgd"]))
@click.option("--class-weights", type=click.Choice(["none", "enet", "median"]))
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16"]))
@click.option("--seed", type=int)
@click.option("--validate-every", type=click.IntRange(min=1), default=500, show_default=True)
@click.option("--resume", is_flag=True, help="Continue from OUT.ckpt.")
@click.option("--full-precision", is_flag=True, help="Store float32 instead of float16.")
@DEVICE_OPTION
def train(model: str, dataset: str | None, data: Path | None, split: str | None, out: Path, **options: Any) -> None:
    """Train MODEL and write its weights; validates on `val` as it goes."""
    from segbench.commands import train as command
    from segbench.recipes import read_recipe

    settings = command.parse_settings(options.pop("settings"))
    run_options = {key: options.pop(key) for key in ("validate_every", "resume", "full_precision", "init")}
    device = _device(options.pop("device"))
    recipe = read_recipe(options.pop("recipe"), options, model)
    train_set = _dataset(dataset, data, split or "train")
    command.train_with_progress(model, settings, train_set, _dataset(dataset, data, "val"), recipe, out, device, **run_options)


@main.command()
@click.argument("names", required=False, metavar="[NAMES]")
@click.option("--models", help="Names, separated by commas, or `all` that are registered; may stand without `--models` too.")
@click.option("--sizes", "--size", "sizes", default="512x1024", show_default=True, metavar="HxW,...", help="Of the images.")
@click.option(
    "--batch", "--batch-size", "batch", default="1", show_default=True, metavar="N,...|auto", help="auto: double it while that gains."
)
@click.option(
    "--backends", default="eager", show_default=True, help="Ways to run: eager, amp, channels-last, compile, cuda-graphs, onnx; or `all`."
)
@click.option("--classes", type=click.IntRange(min=1), default=19, show_default=True)
@click.option("--repeats", type=click.IntRange(min=1), default=500, show_default=True, help="Timed passes of each, at most.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    help="Of timed passes for each; three at least.",
)
@click.option(
    "--restarts", type=click.IntRange(min=0), default=0, show_default=True, help="Fresh processes for each; 0: all in turn in this one."
)
@click.option("--out", type=FOLDER, help="A board: records, table and plots. What is measured there already is kept.")
@DEVICE_OPTION
@click.pass_context
def profile(
    ctx: click.Context, names: str | None, models: str | None, sizes: str, batch: str, backends: str, out: Path | None, **options: Any
) -> None:
    """Measure size and speed of networks; needs no weights and no data."""
    from segbench.backends import BACKENDS
    from segbench.commands.profile import Plan, run_profiles
    from segbench.models import BUILTIN, GROUP
    from segbench.registry import names as list_names
    from segbench.timing import Effort

    if (chosen := models or names) is None or (models and names):
        raise click.UsageError("name the models once: segbench profile --models fcn8s,segnet")
    plan = Plan(
        names=list_names(BUILTIN, GROUP) if chosen == "all" else _names(chosen),
        classes=options["classes"],
        sizes=[parse_size(size) for size in sizes.split(",")],
        batches=_batches(batch),
        backends=list(BACKENDS) if backends == "all" else _names(backends),
        effort=Effort(repeats=options["repeats"], seconds=options["seconds"]),
        restarts=options["restarts"],
        device=_device(options["device"]),
        command=f"segbench profile {chosen} {_typed(ctx, 'sizes', 'batch', 'backends', *options)}".strip(),
    )
    run_profiles(plan, out)


@main.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of a table.")
@click.option("--classes", type=click.IntRange(min=1), default=19, show_default=True)
@click.option("--refresh", is_flag=True, help="In a checkout: count again, and rewrite the committed table and README.md's.")
@click.pass_context
def models(ctx: click.Context, as_json: bool, classes: int, refresh: bool) -> None:
    """List the registered models with paper, year, parameters and MACs at 1024x2048."""
    from segbench.commands import models as command

    if refresh:
        for path in command.refresh():
            click.echo(f"wrote {path}")
    elif ctx.invoked_subcommand is None:
        command.list_models(classes, as_json=as_json)


@models.command("show")
@click.argument("name")
@click.option("--size", default="1024x2048", show_default=True, metavar="HxW")
@click.option("--classes", type=click.IntRange(min=1), default=19, show_default=True)
def models_show(name: str, size: str, classes: int) -> None:
    """Print the stages of model NAME with their output sizes."""
    from segbench.commands.anatomy import show_model

    show_model(name, parse_size(size), classes)


@main.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A model argument, e.g. width=0.25; repeatable.")
@click.option("--full", is_flag=True, help="Check networks as wide as published, not at an eighth of it.")
@click.option("--classes", type=click.IntRange(min=2), default=19, show_default=True)
@click.option("--data", type=FOLDER, help="The dataset's folder.")
@click.option("--split", help="The dataset's split.  [default: the one that it is evaluated on]")
def check(names: tuple[str, ...], settings: tuple[str, ...], full: bool, classes: int, data: Path | None, split: str | None) -> None:
    """Check that models and datasets keep to the contract; NAME is registered, file.py:function, or `all` models."""
    from segbench.commands.check import check as check_names
    from segbench.commands.train import parse_settings

    arguments = parse_settings(settings)
    if check_names(names, arguments, full=full, classes=classes, open_dataset=lambda name: _dataset(name, data, split)):
        raise click.exceptions.Exit(1)


@main.group()
def weights() -> None:
    """Bring in public weights of other code bases."""


@weights.command("import")
@click.argument("model")
@click.argument("file", type=FILE)
@click.option("--out", type=FILE, help="The weights file to write (safetensors).  [default: FILE-MODEL.safetensors]")
@click.option("--labels", metavar="NAME|YAML", help="Which classes its scores are.  [default: what its source was trained on]")
@click.option("--normalize", metavar="HOW", help="imagenet, unit (0..1) or MEAN/STD/ORDER in bytes.  [default: the source's]")
@click.option("--half", is_flag=True, help="Store float16 instead of float32.")
def weights_import(model: str, file: Path, out: Path | None, **options: Any) -> None:
    """Translate the public weights in FILE (PyTorch or safetensors) for MODEL; every tensor fits, or the file is refused."""
    from segbench.commands.weights import import_weights

    import_weights(model, file, out, **options)


@weights.command("sources")
def weights_sources() -> None:
    """List the public weights that each model can take."""
    from segbench.commands.weights import list_sources

    list_sources()


@main.command()
@click.argument("model")
@click.option("--weights", type=FILE, required=True, help="Weights of MODEL, as `segbench train` writes them.")
@click.option("--format", "kind", type=click.Choice(["onnx", "torchscript", "pt2"]), required=True)
@click.option("--out", type=FILE, required=True, help="The file to write.")
@click.option("--size", default="1024x2048", show_default=True, metavar="HxW", help="Of the images that it will be given.")
@DEVICE_OPTION
def export(model: str, weights: Path, kind: str, out: Path, size: str, device: str) -> None:
    """Write MODEL as one file for another runtime; it says itself what it must be fed, and is compared with the network."""
    from segbench.commands.export import export_model

    export_model(model, weights, kind, out, parse_size(size), _device(device))


@main.command()
@click.argument("records", type=FOLDER, nargs=-1, required=True, metavar="RECORDS...")
@click.option("--format", "form", type=click.Choice(["terminal", "markdown", "csv", "latex", "html"]), help="[default: by OUT's ending]")
@click.option("--out", type=FILE, help="Write the table here (.md .csv .tex .html).  [default: standard output]")
@click.option("--sort", metavar="COLUMN", help="The best of this column first.  [default: mIoU]")
@click.option("--columns", metavar="NAME,NAME,...", help="Only these columns, in this order.")
@click.option("--per-class", is_flag=True, help="The IoU of every class, a column for each model.")
def table(records: tuple[Path, ...], form: str | None, out: Path | None, sort: str | None, columns: str | None, per_class: bool) -> None:
    """One table of run records (files, or folders that hold them); profiles among them add their speed."""
    from segbench.commands.table import write_table

    write_table(records, form, out, columns=_names(columns) if columns else (), sort=sort, classes=per_class)


@main.command()
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@GROUPS_OPTION
@click.option("--images", type=click.IntRange(min=0), default=10, show_default=True, help="How many of those that changed most to list.")
def compare(a: Path, b: Path, groups: str | None, images: int) -> None:
    """Compare the run records A and B: differences of metrics and classes with intervals, and the images that changed most."""
    from segbench.commands.compare import compare_and_print

    compare_and_print(a, b, groups, images)


@main.command()
@click.argument("folder", type=FOLDER)
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is not what the records give.")
@click.option("--png", is_flag=True, help="Also write every plot as PNG, light and dark.")
def leaderboard(folder: Path, check: bool, png: bool) -> None:
    """Rebuild the boards of FOLDER from their records."""
    from segbench.report import leaderboard as boards

    if not check:
        for path in [*boards.write(folder), *(boards.write_png(folder) if png else ())]:
            click.echo(f"wrote {path}")
    elif differences := boards.check(folder):
        raise DataError(f"{folder}: {len(differences)} files differ from their records", differences, f"segbench leaderboard {folder}")
    else:
        click.echo(f"{folder}: every file is what its records give")


@main.command()
@click.argument("record", type=FILE)
@click.option("--board", type=FOLDER, required=True, help="The board's folder, e.g. leaderboards/minicity-val.")
def submit(record: Path, board: Path) -> None:
    """Check a run RECORD against a board's rules and copy it in, or list every reason why not."""
    from segbench.submission import submit as add

    for path in add(record, board):
        click.echo(f"wrote {path}")
    click.echo(f"next: segbench leaderboard {board.parent if (board.parent / 'README.md').is_file() else board}")


@main.group()
def data() -> None:
    """Make, look at, check and list datasets."""


@data.command("minicity")
@click.argument("folder", type=FOLDER)
@click.option("--split", type=click.Choice(["train", "val"]), help="Only this split.  [default: both]")
def data_minicity(folder: Path, split: str | None) -> None:
    """Write the built-in street scenes (400 train, 60 val) into FOLDER, in the official Cityscapes layout."""
    from segbench.datasets.minicity import SPLITS, write_minicity

    write_minicity(folder, (split,) if split else tuple(SPLITS))
    click.echo(f"wrote {folder}; use it with: --dataset cityscapes --data {folder}")


@data.command("show")
@click.argument("name")
@click.option("--data", type=FOLDER, help="The dataset's folder.")
@click.option("--split", help="The split.  [default: the one that the dataset is evaluated on]")
@click.option("--samples", type=click.IntRange(min=1), default=4, show_default=True, help="How many, spread evenly over the split.")
@click.option("--out", type=FILE, help="The picture.  [default: NAME-SPLIT.png]")
def data_show(name: str, data: Path | None, split: str | None, samples: int, out: Path | None) -> None:
    """Draw samples of dataset NAME: image, target colours over it, and the classes' legend."""
    from segbench.report.samples import contact_sheet

    dataset = _dataset(name, data, split)
    out = out or Path(f"{dataset.title}.png")
    contact_sheet(out, dataset, samples)
    click.echo(f"wrote {out}")


@data.command("check")
@click.argument("name", metavar="DATASET")
@click.option("--data", type=FOLDER, help="The dataset's folder.")
@click.option("--split", help="The split.  [default: the one that the dataset is evaluated on]")
@click.option("--workers", type=click.IntRange(min=1), default=os.cpu_count() or 1, show_default="cores")
def data_check(name: str, data: Path | None, split: str | None, workers: int) -> None:
    """Check a download: number of images, pairs, sizes, ids, pictures that occur twice; prints how often each class occurs."""
    from segbench.commands.data import check_data

    if check_data(_dataset(name, data, split), workers):
        raise click.exceptions.Exit(1)


@data.command("list")
@click.option("--refresh", is_flag=True, help="In a checkout: rewrite README.md's table of datasets.")
def data_list(refresh: bool) -> None:
    """List the registered datasets."""
    from segbench.commands.readme import datasets_table, rewrite
    from segbench.datasets import BUILTIN, GROUP
    from segbench.registry import names

    if refresh:
        click.echo(f"wrote {rewrite({'datasets': datasets_table()})}")
    for name in () if refresh else names(BUILTIN, GROUP):
        click.echo(name)


def _dataset(name: str | None, data: Path | None, split: str | None) -> Dataset:
    """The dataset that was asked for; without a name Cityscapes where its folder is known, else the built-in data."""
    from segbench.datasets.opening import open_dataset

    if name is None and (data is not None or "CITYSCAPES_DATASET" in os.environ):
        name = "cityscapes"
    if name is None:
        click.echo("no --dataset and no CITYSCAPES_DATASET: using minicity, the built-in generated street scenes", err=True)
        name = "minicity"
    if name == "cityscapes" and data is None and "CITYSCAPES_DATASET" in os.environ:
        data = Path(os.environ["CITYSCAPES_DATASET"])
    if name == "minicity" and data is None and "SEGBENCH_CACHE" in os.environ:
        data = Path(os.environ["SEGBENCH_CACHE"]) / "minicity-v1"
    return open_dataset(name, data, split)


def _targets(gts: Path | None, name: str | None, data: Path | None, split: str | None, labels: Path | None) -> Dataset:
    from segbench.datasets.folder import read_label_space, target_folder
    from segbench.datasets.opening import label_space

    if labels is not None and name is not None:
        raise DataError("--labels and --dataset both say which labels these are", way_out="give one of them")
    if gts is None:
        if name is None and data is None:
            raise DataError("no targets given", way_out="segbench score PREDS GTS, or segbench score PREDS --dataset NAME --data DIR")
        return _dataset(name, data, split)
    space = read_label_space(labels) if labels else label_space(name) if name else None
    return target_folder(gts, space, split or "val")


def _names(models: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in models.split(",") if name.strip()))
    if not names:
        raise click.BadParameter("name at least one")
    return names


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


def _weights(pairs: tuple[str, ...]) -> dict[str, Path]:
    weights = {}
    for pair in pairs:
        name, equals, file = pair.partition("=")
        if not (name and equals and file):
            raise click.BadParameter(f"{pair!r} is not NAME=FILE", param_hint="--weights")
        weights[name] = Path(file)
    return weights


def _protocol(flags: dict[str, Any]) -> dict[str, Any]:
    """Takes the flags of :data:`PROTOCOL_OPTIONS` out; those that were given, as fields of a Protocol."""
    from segbench.suites import parse_input_size, parse_scales, parse_size

    readers = {"input_size": parse_input_size, "crop": parse_size, "stride": parse_size, "scales": parse_scales}
    given = {key: flags.pop(key) for key in ("precision", "flip", "post", "void", *readers)}
    try:
        return {key: readers[key](value) if key in readers else value for key, value in given.items() if value is not None}
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _device(name: str) -> Any:
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise click.BadParameter(f"{name!r} is not a device", param_hint="--device") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise click.BadParameter("this torch finds no CUDA device", param_hint="--device")
    return device


def parse_size(text: str) -> tuple[int, int]:
    """``HxW`` as (height, width)."""
    height, _, width = text.lower().partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise click.BadParameter(f"{text!r} is not HxW, e.g. 512x1024", param_hint="size")
    return int(height), int(width)
