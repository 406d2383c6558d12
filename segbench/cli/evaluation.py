"""Models and label maps against targets: `segbench run`, `segbench score`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segbench.benchmark.suite import Suite, read_suite
from segbench.cli.numba_start import quick_start
from segbench.cli.options import (
    DATASET_OPTIONS,
    DEVICE_OPTION,
    FILE,
    FOLDER,
    GROUPS_OPTION,
    MAP_OPTION,
    QUIET_OPTION,
    WORKERS_OPTION,
    dataset_named,
    device_named,
    number,
    options_of,
)
from segbench.errors import DataError
from segbench.evaluation.protocol import Protocol
from segbench.files.atomic import require_writable
from segbench.files.settings import settings_of

if TYPE_CHECKING:
    from segbench.datasets.base import Dataset


@click.command()
@click.option("--suite", metavar="FILE|PRESET", help="A YAML file that names models, dataset, protocol and outputs; flags override it.")
@options_of(Suite, "models", "dataset", "data", "split", "map")
@options_of(Suite, "weights", "name", "set", multiple=True)
@DEVICE_OPTION
@options_of(Protocol)
@options_of(Suite, "limit", "out", "per_class", "save_predictions", "groups", "gallery", "repeats", "channels_last", "compile", "graphs")
@click.option("--json", "as_json", is_flag=True, help="Print a list of rows instead of the table: fractions, null where undefined.")
@QUIET_OPTION
def run(suite: str | None, device: str, as_json: bool, quiet: bool, **flags: Any) -> None:
    """Evaluate models and print one table; write records, CSV, Markdown and plots."""
    from segbench.benchmark.run_suite import run_suite
    from segbench.console import run as running
    from segbench.console.code_note import say_code_runs
    from segbench.console.terminal import be_quiet

    if quiet:
        be_quiet()
    flags["protocol"] = {name: value for name in settings_of(Protocol) if (value := flags.pop(name)) is not None}
    wanted = (read_suite(suite) if suite else Suite()).overridden(flags)
    if not wanted.models:
        raise click.UsageError("no models: give --models NAMES (see `segbench models`), or name them in the suite")
    say_code_runs(wanted.models)
    events = run_suite(wanted, dataset_named(wanted.dataset, wanted.data, wanted.split), device_named(device))
    running.print_run(events, per_class=wanted.per_class, as_json=as_json)


@click.command()
@click.argument("preds", type=FOLDER)
@click.argument("gts", type=FOLDER, required=False)
@DATASET_OPTIONS
@click.option("--labels", type=FILE, help="YAML with a label space of your own: name, classes, void.")
@MAP_OPTION
@click.option("--pred-labels", metavar="NAME|YAML", help="With --map: the label space that PREDS are in.")
@click.option(
    "--encoding", type=click.Choice(["auto", "ids", "train-ids", "color"]), default="auto", show_default=True, help="How PREDS are written."
)
@click.option(
    "--target-encoding",
    type=click.Choice(["auto", "ids", "train-ids", "color"]),
    default="auto",
    show_default=True,
    help="How the targets are written.",
)
@click.option("--target-names", metavar="PATTERN", help="What targets in GTS are called, e.g. '*_mask.png': what stands for * pairs them.")
@click.option("--pred-names", metavar="PATTERN", help="What predictions in PREDS are called, e.g. '*_pred.png'.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N pairs; the record says so.")
@click.option(
    "--only", metavar="LIST|predicted", help="Only those whose names a file lists, or that have a prediction; the record says so."
)
@click.option("--json", "json_file", type=FILE, help="Write the run record here.")
@click.option("--official-json", type=FILE, help="Write what cityscapesScripts writes here (null for NaN).")
@click.option("--data-name", help="What the record calls the data.  [default: the folder's name]")
@click.option("--name", help="What the record calls the predictions.  [default: the folder's name]")
@click.option("--boundary", is_flag=True, help="Also score the pixels near the edges of classes: Boundary IoU.")
@click.option(
    "--boundary-ratio",
    default=0.02,
    **number(above=True, high=1),
    show_default=True,
    help="Width of that band, as a share of the diagonal.",
)
@click.option("--explain", is_flag=True, help="Also print what the same label maps reach under the rules of other tools.")
@GROUPS_OPTION
@WORKERS_OPTION
@QUIET_OPTION
@quick_start()
def score(preds: Path, gts: Path | None, json_file: Path | None, official_json: Path | None, name: str | None, **options: Any) -> None:
    """Score the label maps in PREDS against the targets in GTS (or against --dataset with --data); both may be a single file."""
    from segbench.console import score as command
    from segbench.console.terminal import be_quiet
    from segbench.labels.decoding import Decoding
    from segbench.metrics.conventions import explain
    from segbench.metrics.image_counts import Counting
    from segbench.records.per_image import write_run
    from segbench.scoring.record import make_record, write_official
    from segbench.scoring.selection import select

    if options["quiet"]:
        be_quiet()
    dataset = _targets(gts, options)
    dataset = replace(dataset, name=options["data_name"]) if options["data_name"] else dataset
    names = options["pred_names"]
    if official_json and dataset.instances is None:
        way_out = "leave it out, or put *_gtFine_instanceIds.png beside the targets"
        raise DataError("--official-json needs Cityscapes targets with their instance maps", way_out=way_out)
    rule, known = options.pop("map"), options.pop("pred_labels")
    if (rule is None) != (known is None):
        raise click.UsageError("--map and --pred-labels go together: a rule, and the label space that it maps from")
    for file in (json_file, official_json):
        if file is not None:
            require_writable(file.parent)
    mapping = command.mapping_of(rule, known, dataset) if rule else None
    if official_json and mapping:
        raise click.UsageError("--official-json knows Cityscapes' own classes only; leave out --map")
    dataset = select(dataset, preds, names=names, limit=options["limit"], only=options["only"])
    encodings = {key: options[key] for key in ("encoding", "target_encoding")}
    boundary = options["boundary_ratio"] if options["boundary"] else None
    counting = Counting(Decoding.of_files(dataset.labels, mapping=mapping, **encodings), boundary, dataset.instances, dataset.segments)
    counted = command.score_with_progress(preds, dataset, counting, names, options["workers"])
    record = make_record(counted, dataset, name or preds.resolve().name, options["groups"])
    command.print_scores(record)
    command.print_doubts(preds, gts, dataset, counted)
    if options["explain"]:
        record = replace(record, explained=explain(counted))
        command.print_conventions(record.explained)
    if json_file:
        write_run(json_file, record, counted)
    if official_json:
        write_official(official_json, counted)


@click.command()
@click.argument("preds", type=FOLDER)
@click.option("--server", required=True, metavar="NAME", help="The dataset whose test server it is: cityscapes, pascal_voc2012.")
@click.option("--data", type=FOLDER, required=True, help="The dataset's folder, with the test images.")
@click.option(
    "--encoding", type=click.Choice(["auto", "ids", "train-ids", "color"]), default="auto", show_default=True, help="How PREDS are written."
)
@click.option("--out", type=FILE, help="The archive.  [default: PREDS-NAME.zip or .tgz, as the server has it]")
@click.option("--check", is_flag=True, help="Check only; write nothing.")
@WORKERS_OPTION
def pack(preds: Path, server: str, data: Path, out: Path | None, **options: Any) -> None:
    """Check the label maps in PREDS and pack them for a test server, as label ids; every map that it would refuse is named."""
    from segbench.console.pack import pack_with_progress

    pack_with_progress(preds, server, data, out, **options)


def _targets(gts: Path | None, options: dict[str, Any]) -> Dataset:
    """Takes what says which targets are meant out of the options of `score`."""
    from segbench.datasets.opening import label_space
    from segbench.datasets.target_folder import target_folder
    from segbench.labels.files import read_label_space

    name, data, split, labels, names = (options.pop(key) for key in ("dataset", "data", "split", "labels", "target_names"))
    if labels is not None and name is not None:
        raise DataError("--labels and --dataset both say which labels these are", way_out="give one of them")
    if gts is None:
        if names is not None:
            raise DataError("--target-names is for targets in GTS", way_out="in YAML, `targets:` is such a pattern")
        if name is None and data is None:
            raise DataError("no targets given", way_out="segbench score PREDS GTS, or segbench score PREDS --dataset NAME --data DIR")
        return dataset_named(name, data, split)
    space = read_label_space(labels) if labels else label_space(name) if name else None
    return target_folder(gts, space, split or "val", names)
