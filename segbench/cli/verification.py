"""What others can hold a record against: `segbench verify`, `segbench publish`."""

from __future__ import annotations

import random
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segbench.benchmark.suite import Suite
from segbench.cli.options import DATASET_OPTIONS, DEVICE_OPTION, FILE, FOLDER, MAP_OPTION, QUIET_OPTION, dataset_named, device_named, number
from segbench.errors import DataError, RecordError
from segbench.evaluation.protocol import Protocol
from segbench.files.settings import settings_of

if TYPE_CHECKING:
    from segbench.benchmark.verification import Check, Steps

ENCODINGS = click.Choice(["auto", "ids", "train-ids", "color"])


@click.command()
@click.argument("record", type=FOLDER, metavar="RECORD|BOARD")
@DATASET_OPTIONS
@MAP_OPTION
@click.option("--model", metavar="NAME", help="The model, where its own code is not segbench's: naming it says that you trust it.")
@click.option("--weights", type=FOLDER, multiple=True, help="The file of weights, or a folder to look through by checksum; repeatable.")
@click.option("--preds", type=FOLDER, help="The label maps, of a record that `segbench score` wrote.")
@click.option("--gts", type=FOLDER, help="With --preds: the folder of targets, where they are no dataset.")
@click.option("--encoding", type=ENCODINGS, default="auto", show_default=True, help="With --preds: how they are written.")
@click.option("--target-encoding", type=ENCODINGS, default="auto", show_default=True, help="With --preds: how the targets are written.")
@click.option("--sample", type=click.IntRange(min=1), help="Only N images, drawn by chance.  [default: all]")
@click.option("--seed", type=click.IntRange(min=0), help="Draw the same images again.  [default: another one each time]")
@click.option("--tolerance", default=0.05, **number(), show_default=True, help="Points of mIoU by which another machine may differ.")
@DEVICE_OPTION
@click.option("--json", "as_json", is_flag=True, help="What came out as JSON: fractions, null where undefined.")
@QUIET_OPTION
def verify(record: Path, as_json: bool, quiet: bool, **options: Any) -> None:
    """Count again what a RECORD says, on the same data and with the same weights, or all records of a BOARD; 1 if one is false."""
    from segbench.benchmark.verification import Check
    from segbench.console.terminal import be_quiet
    from segbench.console.verify import verify_and_print
    from segbench.records.reading import is_run_file

    if quiet:
        be_quiet()
    paths = [record]
    if record.is_dir():
        paths = sorted(filter(is_run_file, (record / "records").glob("*.json")))
        if not paths:
            raise DataError(f"{record}: no records/*.json here", way_out="name a record, or the folder of a board")
    seed = options["seed"] if options["seed"] is not None else random.SystemRandom().randrange(1 << 31)
    check = Check(options["sample"], seed, options["tolerance"] / 100)
    status = verify_and_print(paths, lambda path: _steps(path, options, check), as_json=as_json)
    if status:
        raise click.exceptions.Exit(status)


@click.command()
@click.argument("record", type=FILE)
@click.option("--out", type=FOLDER, help="The folder of what is written.  [default: beside RECORD]")
@click.option("--parquet", is_flag=True, help="Write the scores as Parquet too (needs pyarrow).")
@click.option("--benchmark", metavar="OWNER/DATASET:TASK", help="Write .eval_results YAML too, for this benchmark on the hub.")
@click.option("--every-eval", metavar="ORGANIZATION", help="Write JSON of Every Eval Ever too; ORGANIZATION is who publishes.")
@click.option(
    "--relationship",
    type=click.Choice(["first_party", "third_party", "collaborative", "other"]),
    default="other",
    show_default=True,
    help="With --every-eval: of ORGANIZATION to whoever made the model.",
)
@click.option("--hub", metavar="OWNER/MODEL", help="Send RECORD and what is written to this repository on the Hugging Face Hub.")
def publish(record: Path, out: Path | None, **options: Any) -> None:
    """Write RECORD as others read it: YAML for a model card on the Hugging Face Hub, CSV, a BibTeX note. Nothing is sent without --hub."""
    from segbench.console.publish import Also, upload
    from segbench.console.publish import publish as write
    from segbench.report.tables.every_eval import Evaluator
    from segbench.report.tables.publication import Benchmark

    try:
        benchmark = Benchmark.of(options["benchmark"]) if options["benchmark"] else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--benchmark") from None
    organization, hub = options["every_eval"], options["hub"]
    evaluator = Evaluator(organization, options["relationship"], hub or "") if organization else None
    written = write(record, out or record.parent, Also(benchmark, evaluator, options["parquet"]))
    for path in written:
        click.echo(f"wrote {path}")
    if hub:
        click.echo(f"sent to {upload(hub, record, written)}")


def _steps(path: Path, options: dict[str, Any], check: Check) -> Steps:
    from segbench.benchmark.verification import is_of_label_maps, verify_label_maps, verify_run
    from segbench.datasets.target_folder import target_folder
    from segbench.records.run_record import read_run

    record = read_run(path)
    if not is_of_label_maps(record):
        suite = _suite(path, record.command, options)
        dataset = dataset_named(suite.dataset, suite.data, suite.split)
        return verify_run(path, suite, dataset, device_named(options["device"]), weights=options["weights"], check=check)
    if options["preds"] is None:
        raise RecordError(f"{path} is of label maps: --preds says where they are, and --gts, or --dataset with --data, their targets")
    if options["gts"] is None:
        dataset = dataset_named(options["dataset"], options["data"], options["split"])
    else:
        dataset = target_folder(options["gts"], record.labels, str(record.dataset["split"]), None)
    encodings = options["encoding"], options["target_encoding"]
    return verify_label_maps(path, options["preds"], dataset, encodings=encodings, check=check)


def _suite(path: Path, command: str, options: dict[str, Any]) -> Suite:
    """What a record's command asks for; data, weights and code are those that were named here, never those that a file names.

    :raises RecordError: it is no such command, or the code of its model or its data is not segbench's, and nobody named it.
    """
    from segbench.cli.evaluation import run
    from segbench.datasets import DATASETS
    from segbench.models import MODELS

    words = shlex.split(command) if command.startswith("segbench run ") else []
    try:
        flags = run.make_context("segbench run", words[2:]).params if words else {}
    except click.ClickException as error:
        raise RecordError(f"{path}: its command cannot be read ({error.format_message()}): {command}") from error
    if not flags or flags["suite"]:
        raise RecordError(f"{path}: it does not say with which `segbench run` it was made, but: {command or 'nothing'}")
    flags["protocol"] = {name: value for name in settings_of(Protocol) if (value := flags.pop(name)) is not None}
    known = set(settings_of(Suite)) | {"protocol"}
    suite = Suite().overridden({name: value for name, value in flags.items() if name in known and name not in ("data", "out")})
    given = {name: options[name] for name in ("dataset", "data", "split", "map")}
    suite = suite.overridden(given | ({"models": (options["model"],)} if options["model"] else {}))
    foreign = [name for name in suite.models if name not in MODELS.table] if not options["model"] else []
    if foreign:
        raise RecordError(f"{path}: no code is run because a record names it; if you trust it, name it yourself: --model {foreign[0]}")
    if not options["dataset"] and suite.dataset not in (None, *DATASETS.table):
        raise RecordError(f"{path}: its data are {suite.dataset}; name them yourself: --dataset {suite.dataset}")
    return suite
