"""Datasets: `segbench data`."""

from __future__ import annotations

from pathlib import Path

import click

from segbench.cli.options import FILE, FOLDER, PLACE, WORKERS_OPTION, dataset_named


@click.group()
def data() -> None:
    """Make, look at, check and list datasets."""


@data.command("minicity")
@click.argument("folder", type=FOLDER)
@click.option("--split", type=click.Choice(["train", "val"]), help="Only this split.  [default: both]")
def data_minicity(folder: Path, split: str | None) -> None:
    """Write the built-in street scenes (400 train, 60 val) into FOLDER, in the official Cityscapes layout."""
    from segbench.console.data import draw_minicity
    from segbench.datasets.minicity import SPLITS

    for each in [split] if split else SPLITS:
        draw_minicity(folder, each)
    click.echo(f"wrote {folder}; use it with: --dataset cityscapes --data {folder}")


@data.command("show")
@click.argument("name")
@click.option("--data", type=PLACE, help="The dataset's folder, or its URL.")
@click.option("--split", help="The split.  [default: the one that the dataset is evaluated on]")
@click.option("--samples", type=click.IntRange(min=1), default=4, show_default=True, help="How many, spread evenly over the split.")
@click.option("--out", type=FILE, help="The picture.  [default: NAME-SPLIT.png]")
def data_show(name: str, data: Path | None, split: str | None, samples: int, out: Path | None) -> None:
    """Draw samples of dataset NAME: image, target colours over it, and the classes' legend."""
    from segbench.report.plots.samples import contact_sheet

    dataset = dataset_named(name, data, split)
    out = out or Path(f"{dataset.title}.png")
    contact_sheet(out, dataset, samples)
    click.echo(f"wrote {out}")


@data.command("check")
@click.argument("name", metavar="DATASET")
@click.option("--data", type=PLACE, help="The dataset's folder, or its URL.")
@click.option("--split", help="The split.  [default: the one that the dataset is evaluated on]")
@WORKERS_OPTION
def data_check(name: str, data: Path | None, split: str | None, workers: int) -> None:
    """Check a download: number of images, pairs, sizes, ids, pictures that occur twice, also in other splits; prints class frequencies."""
    from segbench.console.data import check_data
    from segbench.datasets.opening import other_splits

    dataset = dataset_named(name, data, split)
    if check_data(dataset, other_splits(dataset), workers):
        raise click.exceptions.Exit(1)


@data.command("list")
def data_list() -> None:
    """List the registered datasets."""
    from segbench.console.registered import dataset_lines

    for line in dataset_lines():
        click.echo(line)
