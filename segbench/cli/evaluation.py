"""Models and label maps against targets: `segbench run`, `score`, `merge`, `pack`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segbench.benchmark.ranks import ALONE
from segbench.benchmark.suite import Suite, read_suite
from segbench.cli.numba_start import quick_start
from segbench.cli.options import (
    DATASET_OPTIONS,
    DEVICE_OPTION,
    FILE,
    FOLDER,
    GROUPS_OPTION,
    MAP_OPTION,
    PLACE,
    QUIET_OPTION,
    SHARD_OPTION,
    WORKERS_OPTION,
    dataset_named,
    device_named,
    launched,
    number,
    options_of,
)
from segbench.errors import DataError
from segbench.evaluation.protocol import Protocol
from segbench.files.atomic import require_writable
from segbench.files.settings import settings_of
from segbench.records.groups import Draws
from segbench.records.shard import WHOLE, Shard

if TYPE_CHECKING:
    from segbench.benchmark.ranks import Ranks
    from segbench.datasets.base import Dataset
    from segbench.metrics.image_counts import Counted
    from segbench.scoring.task import Scoring


@click.command()
@click.option("--suite", metavar="FILE|PRESET", help="A YAML file that names models, dataset, protocol and outputs; flags override it.")
@options_of(Suite, "models", "dataset", "data", "split", "map")
@options_of(Suite, "weights", "name", "set", multiple=True)
@DEVICE_OPTION
@options_of(Protocol)
@options_of(
    Suite,
    "limit",
    "out",
    "per_class",
    "save_predictions",
    "groups",
    "replicates",
    "gallery",
    "average_over",
    "errors",
    "error_border",
    "trimap",
    "surface",
    "size_strata",
    "calibration",
    "ood",
    "temperature",
    "allow_fitted_split",
    "corruptions",
    "severity",
    "repeats",
    "channels_last",
    "compile",
    "graphs",
)
@click.option("--json", "as_json", is_flag=True, help="Print a list of rows instead of the table: fractions, null where undefined.")
@SHARD_OPTION
@QUIET_OPTION
def run(suite: str | None, device: str, as_json: bool, quiet: bool, shard: Shard | None, **flags: Any) -> None:
    """Evaluate models and print one table; write records, CSV, Markdown and plots."""
    from segbench.benchmark.run_suite import run_suite
    from segbench.console import run as running
    from segbench.console.code_note import say_code_runs
    from segbench.console.terminal import be_quiet

    flags["protocol"] = {name: value for name in settings_of(Protocol) if (value := flags.pop(name)) is not None}
    wanted = (read_suite(suite) if suite else Suite()).overridden(flags)
    if not wanted.models:
        raise click.UsageError("no models: give --models NAMES (see `segbench models`), or name them in the suite")
    ranks = ALONE if shard else launched()
    if quiet or not ranks.leads:
        be_quiet()
    if ranks.leads:
        say_code_runs(wanted.models)
    with ranks.joined():
        with ranks.one_first():
            dataset = dataset_named(wanted.dataset, wanted.data, wanted.split)
        on = device_named(device, ranks.local if ranks.size > 1 else None)
        events = run_suite(wanted, dataset, on, ranks=ranks, shard=shard or WHOLE)
        if not ranks.leads:
            deque(events, maxlen=0)
        elif not running.print_run(events, per_class=wanted.per_class, as_json=as_json):
            raise click.exceptions.Exit(2)


@click.command()
@click.argument("preds", type=PLACE)
@click.argument("gts", type=PLACE, required=False)
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
@options_of(Suite, "average_over")
@click.option("--errors", is_flag=True, help="Also say by which kind of mistake the mIoU is missing: errors by cause.")
@click.option(
    "--error-border", type=click.IntRange(1, 100), default=3, show_default=True, help="With --errors: pixels from an edge that are near it."
)
@click.option("--trimap", is_flag=True, help="Also score pixels by their distance from an edge of the target: the trimap curve.")
@options_of(Suite, "surface", "size_strata")
@click.option("--explain", is_flag=True, help="Also print what the same label maps reach under the rules of other tools.")
@click.option("--out", type=FOLDER, default=Path("partials"), help="With --shard, or under torchrun: where counts go.  [default: partials]")
@SHARD_OPTION
@GROUPS_OPTION
@options_of(Suite, "replicates")
@WORKERS_OPTION
@QUIET_OPTION
@quick_start()
def score(preds: Path, gts: Path | None, json_file: Path | None, official_json: Path | None, shard: Shard | None, **options: Any) -> None:
    """Score the label maps in PREDS against the targets in GTS (or against --dataset with --data); both may be a single file, or URLs."""
    from segbench.console import score as command
    from segbench.console.terminal import be_quiet
    from segbench.metrics.conventions import explain
    from segbench.records.per_image import write_run
    from segbench.scoring.record import make_record, write_official

    ranks = ALONE if shard else launched()
    if options["quiet"] or not ranks.leads:
        be_quiet()
    for file in (json_file, official_json):
        if file is not None:
            if shard:
                raise click.UsageError("--shard writes a partial; give --json and --official-json to `segbench merge`")
            require_writable(file.parent)
    with ranks.joined():
        with ranks.one_first():
            dataset = _targets(gts, options)
        dataset = replace(dataset, name=options["data_name"]) if options["data_name"] else dataset
        scoring = _scoring(preds, dataset, official_json, options)
        counted, forget = _count(scoring, options, ranks, shard)
    if counted is None:
        return
    record = make_record(counted, scoring.dataset, scoring.name, scoring.draws)
    command.print_scores(record)
    command.print_doubts(preds, gts, scoring.dataset, counted)
    if scoring.explain:
        record = replace(record, explained=explain(counted))
        command.print_conventions(record.explained)
    if json_file:
        write_run(json_file, record, counted)
    if official_json:
        write_official(official_json, counted)
    forget()


def _scoring(preds: Path, dataset: Dataset, official_json: Path | None, options: dict[str, Any]) -> Scoring:
    """What is scored, and how, as the options of `score` say."""
    from segbench.console.score import mapping_of
    from segbench.labels.decoding import Decoding
    from segbench.metrics.image_counts import Counting
    from segbench.scoring.selection import select
    from segbench.scoring.task import Scoring

    names = options["pred_names"]
    if official_json and dataset.instances is None:
        way_out = "leave it out, or put *_gtFine_instanceIds.png beside the targets"
        raise DataError("--official-json needs Cityscapes targets with their instance maps", way_out=way_out)
    rule, known = options.pop("map"), options.pop("pred_labels")
    if (rule is None) != (known is None):
        raise click.UsageError("--map and --pred-labels go together: a rule, and the label space that it maps from")
    mapping = mapping_of(rule, known, dataset) if rule else None
    if official_json and mapping:
        raise click.UsageError("--official-json knows Cityscapes' own classes only; leave out --map")
    if options["average_over"]:
        dataset = _averaging(dataset, options)
    dataset = select(dataset, preds, names=names, limit=options["limit"], only=options["only"])
    encodings = {key: options[key] for key in ("encoding", "target_encoding")}
    asked: dict[str, Any] = {name: options[name] for name in ("trimap", "surface")} | {"strata": options["size_strata"]}
    asked |= {"boundary": options["boundary_ratio"] if options["boundary"] else None}
    asked |= {"errors": options["error_border"] if options["errors"] else None}
    decoding = Decoding.of_files(dataset.labels, mapping=mapping, **encodings)
    counting = Counting(decoding, instances=dataset.instances, segments=dataset.segments, **asked)
    name = options["name"] or preds.resolve().name
    return Scoring(preds, dataset, counting, names, name, Draws(options["groups"], options["replicates"]), options["explain"])


def _averaging(dataset: Dataset, options: dict[str, Any]) -> Dataset:
    if options["explain"]:
        raise click.UsageError("--explain says what other tools make of all classes; leave out --average-over")
    return replace(dataset, labels=dataset.labels.averaging(options["average_over"]))


def _count(scoring: Scoring, options: dict[str, Any], ranks: Ranks, shard: Shard | None) -> tuple[Counted | None, Callable[[], None]]:
    """What was counted of all pairs, and what to call when it is written; nothing where this process counts a part for others to merge."""
    from segbench.console import score as command

    out, workers = options["out"], options["workers"]
    if shard is None and ranks.size == 1:
        return command.score_with_progress(scoring, workers), lambda: None
    from segbench.benchmark.journals import Journals
    from segbench.benchmark.shared_scoring import score_by_ranks, score_shard
    from segbench.console.parts import print_parts
    from segbench.scoring.folder import require_scorable

    require_writable(out)
    if shard:
        print_parts(score_shard(scoring, out, shard, workers))
        return None, lambda: None
    journals = Journals.agreed(out, scoring.task, ranks)
    counted = print_parts(score_by_ranks(scoring, journals, workers))
    if counted is not None:
        require_scorable(counted)
    return counted, journals.remove


@click.command()
@click.argument("partials", type=FOLDER, nargs=-1, required=True, metavar="PARTIALS...")
@click.option("--out", type=FOLDER, help="Where records, tables and plots go.  [default: of `run` the folder of the first partial]")
@click.option("--json", "json_file", type=FILE, help="Write the run record here, if it is one.")
@click.option("--official-json", type=FILE, help="Write what cityscapesScripts writes here (null for NaN).")
@click.option("--per-class", is_flag=True, help="Also print the IoU of every class of the models of `run`.")
def merge(partials: tuple[Path, ...], out: Path | None, **options: Any) -> None:
    """Make the record of all shards that `run` or `score` counted with --shard: the very one that a single process writes.

    PARTIALS are files, or folders that hold them. An image that is missing, there twice or of something else is refused by name.
    """
    from segbench.console.merge import merge_and_print

    if not merge_and_print(partials, out, **options):
        raise click.exceptions.Exit(2)


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
