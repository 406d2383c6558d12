"""What is made of records: `segbench table`, `compare`, `worst`, `errors`, `calibration`, `ood`, `corruptions`, boards and more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segbench.cli.options import DATASET_OPTIONS, FILE, FOLDER, GROUPS_OPTION, dataset_named, names_in, reading
from segbench.errors import DataError
from segbench.records.groups import RULES, Draws, group_rule

if TYPE_CHECKING:
    from segbench.datasets.base import Dataset
    from segbench.records.run_record import RunRecord


@click.command()
@click.argument("records", type=FOLDER, nargs=-1, required=True, metavar="RECORDS...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "markdown", "csv", "latex", "html", "json"]),
    help="How the table is written.  [default: by OUT's ending]",
)
@click.option("--out", type=FILE, help="Write the table here (.md .csv .tex .html .json).  [default: standard output]")
@click.option("--sort", metavar="COLUMN", help="The best of this column first.  [default: mIoU]")
@click.option("--columns", metavar="NAME,NAME,...", help="Only these columns, in this order.")
@click.option("--per-class", is_flag=True, help="The IoU of every class, a column for each model.")
@click.option("--of", type=click.Choice(["IoU", "Dice", "precision", "recall"]), default="IoU", help="With --per-class: another score.")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json: a list of rows, fractions, null where undefined.")
def table(records: tuple[Path, ...], form: str | None, out: Path | None, columns: str | None, **options: Any) -> None:
    """One table of run records (files, or folders that hold them); profiles among them add their speed."""
    from segbench.console.table import write_table

    if options["of"] != "IoU" and not options["per_class"]:
        raise click.UsageError("--of says which score of the classes; it goes with --per-class")
    shown = options["of"] if options["per_class"] else None
    form = "json" if options["as_json"] else form
    write_table(records, form, out, columns=names_in(columns) if columns else (), sort=options["sort"], classes=shown)


@click.command()
@click.argument("a")
@click.argument("b")
@GROUPS_OPTION
@click.option(
    "--replicates",
    type=click.IntRange(min=1),
    metavar="N",
    help="Draw so many, however many images there are.  [default: 10000, of seeds 2000; a jackknife above 20000 images]",
)
@click.option("--images", type=click.IntRange(min=0), default=10, show_default=True, help="How many of those that changed most to list.")
@click.option(
    "--gate",
    "gates",
    multiple=True,
    metavar="'METRIC > POINTS @LEVEL'",
    help="Exit with 1 if the whole interval of B minus A is below POINTS, e.g. 'miou > -0.3 @95'; repeatable.",
)
@click.option("--ceiling", type=FILE, help="What `segbench ceiling --out` wrote: is the difference below the noise of labels?")
@click.option("--markdown", is_flag=True, help="One Markdown comment for a pull request: A is before the change, B after it.")
@click.option("--json", "as_json", is_flag=True, help="The same facts as JSON: fractions, null where undefined.")
def compare(a: str, b: str, gates: tuple[str, ...], markdown: bool, as_json: bool, **options: Any) -> None:
    """Compare the run records A and B: differences of metrics and classes with intervals, and the images that changed most.

    Quoted patterns, 'A-*.json' and 'B-*.json', compare two models with several seeds each: images and seeds are drawn.
    """
    from segbench.checks.label_noise import read_ceiling
    from segbench.console.compare import Show, compare_and_print
    from segbench.console.compare_seeds import compare_seeds_and_print
    from segbench.records.gate import parse_gate
    from segbench.records.seeds import records_of

    if markdown and as_json:
        raise click.UsageError("--markdown and --json are two forms of the same; give one of them")
    try:
        wanted = list(map(parse_gate, gates))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--gate") from None
    noise = read_ceiling(options["ceiling"]) if options["ceiling"] else None
    show = Show("json" if as_json else "markdown" if markdown else "terminal", options["images"], noise)
    first, second, draws = records_of(a), records_of(b), Draws(options["groups"], options["replicates"])
    several = len(first) > 1 or len(second) > 1
    if several and noise:
        raise click.UsageError("--ceiling stands beside the difference of two records, not of several seeds")
    every_open = (
        compare_seeds_and_print(first, second, draws, show, wanted)
        if several
        else compare_and_print(first[0], second[0], draws, show, wanted)
    )
    if not every_open:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("record", type=FILE)
@click.option("--images", type=click.IntRange(min=1), default=10, show_default=True, help="How many to list.")
@click.option("--class", "class_name", metavar="NAME", help="Those where this class fares worst.  [default: by the mIoU of the image]")
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of a table; fractions.")
def worst(record: Path, images: int, class_name: str | None, as_json: bool) -> None:
    """List the images of RECORD that fare worst."""
    from segbench.console.worst import print_worst

    print_worst(record, images, class_name, as_json=as_json)


@click.command()
@click.argument("records", type=FOLDER, nargs=-1, required=True, metavar="RECORDS...")
@click.option("--per-class", is_flag=True, help="Also print what curing each cause would gain in the IoU of every class.")
@click.option("--plot", type=FILE, help="Draw the gains of all records as stacked bars (.svg .png).")
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of tables; fractions.")
def errors(records: tuple[Path, ...], per_class: bool, plot: Path | None, as_json: bool) -> None:
    """Say by which kind of mistake the mIoU of RECORDS (files, or folders that hold them) is missing.

    `run --errors` and `score --errors` count wrong pixels by their cause: border, extent, missed, invented, confusion.
    """
    from segbench.console.errors import print_errors

    print_errors(records, per_class=per_class, plot=plot, as_json=as_json)


@click.command()
@click.argument("records", type=FOLDER, nargs=-1, required=True, metavar="RECORDS...")
@click.option("--per-class", is_flag=True, help="Also print the ECE of every class.")
@click.option("--plot", type=FILE, help="Draw the reliability of all records (.svg .png).")
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of tables; fractions.")
def calibration(records: tuple[Path, ...], per_class: bool, plot: Path | None, as_json: bool) -> None:
    """Say whether the networks of RECORDS (files, or folders that hold them) are as sure as they are right.

    `run --calibration` counts confidence: ECE, class-wise ECE, Brier, NLL, AURC, and the reliability diagram.
    """
    from segbench.console.calibration import print_calibration

    print_calibration(records, per_class=per_class, plot=plot, as_json=as_json)


@click.command()
@click.argument("records", type=FOLDER, nargs=-1, required=True, metavar="RECORDS...")
@click.option("--plot", type=FILE, help="Draw the curves of all records (.svg .png).")
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of tables; fractions.")
def trimap(records: tuple[Path, ...], plot: Path | None, as_json: bool) -> None:
    """Say how much of what RECORDS (files, or folders that hold them) miss is at outlines: the mIoU by the distance from an edge.

    `run --trimap` and `score --trimap` count the pixels within 1 to 32 pixels of an edge of the target.
    """
    from segbench.console.trimap import print_trimaps

    print_trimaps(records, plot=plot, as_json=as_json)


@click.command()
@click.argument("records", type=FOLDER, nargs=-1, required=True, metavar="RECORDS...")
@click.option("--per-class", is_flag=True, help="Also print the scores of every class.")
@click.option("--csv", "csv_file", type=FILE, help="Write every score as CSV here; fractions.")
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of tables; fractions.")
def surface(records: tuple[Path, ...], per_class: bool, csv_file: Path | None, as_json: bool) -> None:
    """Say how much of the boundaries of RECORDS (files, or folders that hold them) is where it should be, within a tolerance.

    `run --surface` and `score --surface` count surface Dice (NSD) and boundary F, pooled and as means over images.
    """
    from segbench.console.surface import print_surface

    print_surface(records, per_class=per_class, csv_file=csv_file, as_json=as_json)


@click.command()
@click.argument("records", type=FOLDER, nargs=-1, required=True, metavar="RECORDS...")
@click.option(
    "--groups",
    default="condition",
    show_default=True,
    callback=reading(group_rule),
    metavar="RULE",
    help=f"The condition of an image: {RULES}.",
)
@click.option("--against", metavar="NAME|RECORD", help="The reference: one of the conditions, or a record of other images.")
@click.option("--draw", callback=reading(group_rule), metavar="RULE", help="What the intervals draw, e.g. sequence.  [default: images]")
@click.option("--per-class", is_flag=True, help="Also print the IoU of every class in each condition.")
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of tables; fractions.")
def shift(records: tuple[Path, ...], groups: str, against: str | None, draw: str | None, per_class: bool, as_json: bool) -> None:
    """Say what RECORDS (files, or folders that hold them) score in each condition, fog or night, and how far that is from a reference.

    It needs what was counted in every image, which lies beside a record; nothing is run or scored again.
    """
    from segbench.console.shift import print_shift
    from segbench.records.shift import Asked

    print_shift(records, Asked(groups, against, draw), per_class=per_class, as_json=as_json)


@click.command()
@click.argument("records", type=FOLDER, nargs=-1, required=True, metavar="RECORDS...")
@click.option("--plot", type=FILE, help="Draw precision and recall, and ROC, of all records (.svg .png).")
@click.option("--csv", "csv_file", type=FILE, help="Write a row for each model and score here.")
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of tables; fractions.")
def ood(records: tuple[Path, ...], plot: Path | None, csv_file: Path | None, as_json: bool) -> None:
    """Say how well the networks of RECORDS (files, or folders that hold them) find what they do not know, by how unsure they are.

    `run --ood` counts four scores of every pixel (max softmax, max logit, entropy, energy): AP, AUROC, and FPR at 95 % recall.
    """
    from segbench.console.ood import print_ood

    print_ood(records, plot=plot, csv_file=csv_file, as_json=as_json)


@click.command()
@click.argument("records", type=FOLDER, nargs=-1, required=True, metavar="RECORDS...")
@click.option("--reference", metavar="NAME", help="The model by whose errors those of the others are divided: mCE.")
@click.option("--per-class", is_flag=True, help="Also print the IoU of every class under each corruption.")
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of tables; fractions.")
def corruptions(records: tuple[Path, ...], reference: str | None, per_class: bool, as_json: bool) -> None:
    """Say what networks keep on corrupted images. RECORDS are NAME.corruptions.json, or folders that hold them.

    `run --corruptions all` makes them: the mIoU under each corruption, what is left of the clean one, and mCE against a reference.
    """
    from segbench.console.corruptions import print_corruptions

    print_corruptions(records, reference, per_class=per_class, as_json=as_json)


@click.command()
@click.argument("records", type=FOLDER, nargs=-1, required=True, metavar="RECORDS...")
@click.option(
    "--average-over", metavar="CLASS,CLASS,...", help="Average over these classes alone; pixels of the others still count as errors."
)
@click.option(
    "--foreground", metavar="CLASS,CLASS,...", help="Classes of the foreground.  [default: all but `background`; the second of two]"
)
@GROUPS_OPTION
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of tables; fractions.")
def means(records: tuple[Path, ...], average_over: str | None, foreground: str | None, groups: str | None, as_json: bool) -> None:
    """Print more means of RECORDS (files, or folders that hold them): image by image, class by class, the worst images, and the foreground.

    They need what was counted in every image, which lies beside a record.
    """
    from segbench.console.means import Wanted, print_means

    print_means(
        records, Wanted(names_in(average_over) if average_over else (), names_in(foreground) if foreground else (), groups), as_json=as_json
    )


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is not what the records give.")
@click.option("--png", is_flag=True, help="Also write every plot as PNG, light and dark.")
def leaderboard(folder: Path, check: bool, png: bool) -> None:
    """Rebuild the boards of FOLDER from their records."""
    from segbench.leaderboards.board import raise_unreadable
    from segbench.report.pages import board_files as boards

    if not check:
        unreadable: list[str] = []
        for path in [*boards.write(folder, unreadable), *(boards.write_png(folder) if png else ())]:
            click.echo(f"wrote {path}")
        raise_unreadable(unreadable)
    elif differences := boards.check(folder):
        raise DataError(f"{folder}: {len(differences)} files differ from their records", differences, f"segbench leaderboard {folder}")
    else:
        click.echo(f"{folder}: every file is what its records give")


@click.command()
@click.argument("record", type=FILE)
@click.option("--board", type=FOLDER, required=True, help="The board's folder, e.g. leaderboards/minicity-val.")
def submit(record: Path, board: Path) -> None:
    """Check a run RECORD against a board's rules and copy it in, or list every reason why not."""
    from segbench.leaderboards.submission import submit as add

    for path in add(record, board):
        click.echo(f"wrote {path}")
    click.echo(f"next: segbench leaderboard {board.parent if (board.parent / 'README.md').is_file() else board}")


@click.command()
@click.argument("run", type=FOLDER)
@DATASET_OPTIONS
@click.option("--port", type=click.IntRange(min=0, max=65535), default=0, help="Where it is served.  [default: a port that is free]")
def view(run: Path, port: int, **options: Any) -> None:
    """Show the folder of a RUN in a browser on this machine: the boards' page, and the picture of any image if predictions were kept.

    Without --dataset the data are those that the records name.
    """
    from segbench.console.view import view as show
    from segbench.datasets import DATASETS

    def open_data(record: RunRecord) -> Dataset:
        name = options["dataset"] or str(record.dataset["name"])
        if options["dataset"] is None and name not in DATASETS.table:
            raise DataError(
                f"{run}: its data are called {name!r}, which is no dataset of segbench", way_out="name them: --dataset and --data"
            )
        return dataset_named(name, options["data"], options["split"] or str(record.dataset["split"]))

    show(run, open_data, port)


@click.command()
@click.argument("kind", type=click.Choice(["run", "profile", "suite", "board"]), required=False)
@click.option("--out", type=FOLDER, help="Write KIND.schema.json of every kind into this folder.")
def schema(kind: str | None, out: Path | None) -> None:
    """Print the JSON Schema of a KIND of file: run records, profiles, suites, the rules of boards.

    Editors complete a YAML file whose first line is `# yaml-language-server: $schema=suite.schema.json`.
    """
    from segbench.console.schema import schema_text, write_schemas

    if (kind is None) == (out is None):
        raise click.UsageError("give a KIND to print, or --out FOLDER to write them all")
    if kind is not None:
        click.echo(schema_text(kind), nl=False)
    for path in write_schemas(out) if out else ():
        click.echo(f"wrote {path}")
