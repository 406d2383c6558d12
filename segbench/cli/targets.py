"""What targets themselves are worth: `segbench ceiling`, `segbench suspects`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from segbench.cli.options import DATASET_OPTIONS, FILE, FOLDER, WORKERS_OPTION, dataset_named, number


@click.command()
@click.argument("name", metavar="DATASET")
@click.option("--data", type=FOLDER, help="The dataset's folder.")
@click.option("--split", help="The split.  [default: the one that the dataset is evaluated on]")
@click.option(
    "--jitter", default=2.0, **number(), show_default=True, help="Pixels by which edges are redrawn elsewhere (standard deviation)."
)
@click.option("--drawings", type=click.IntRange(min=1), default=3, show_default=True, help="How often every target is redrawn.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Other drawings.")
@click.option("--out", type=FILE, help="Write it here as JSON, which `segbench compare --ceiling` reads.")
@click.option("--json", "as_json", is_flag=True, help="Print the same JSON; fractions.")
@WORKERS_OPTION
def ceiling(name: str, data: Path | None, split: str | None, as_json: bool, **options: Any) -> None:
    """Score plausible redrawings of the targets of DATASET against the targets: what another annotator would reach."""
    from segbench.console.targets import print_ceiling

    print_ceiling(dataset_named(name, data, split), as_json=as_json, **options)


@click.command()
@click.argument("records", type=FILE, nargs=-1, required=True, metavar="RECORDS...")
@DATASET_OPTIONS
@click.option(
    "--least", type=click.IntRange(min=1), default=64, show_default=True, help="Pixels of the smallest segment that is looked at."
)
@click.option("--images", type=click.IntRange(min=0), default=20, show_default=True, help="How many segments to list, and to draw.")
@click.option("--csv", "csv_file", type=FILE, help="Write every suspect here.")
@click.option("--gallery", type=FILE, help="Draw the first ones here (.png): image, target, what the networks say.")
@click.option("--json", "as_json", is_flag=True, help="A list of objects instead of a table.")
def suspects(records: tuple[Path, ...], dataset: str | None, data: Path | None, split: str | None, **options: Any) -> None:
    """List segments of targets on which the networks of RECORDS agree against the target; `run --save-predictions` made the records."""
    from segbench.console.targets import print_suspects
    from segbench.records.run_record import read_run

    runs = [read_run(path) for path in records]
    known = runs[0].dataset
    opened = dataset_named(dataset or known["name"], data, split or (known["split"] if dataset is None else None))
    print_suspects(dict(zip(records, runs, strict=True)), opened, **options)
