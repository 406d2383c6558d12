"""Options that several commands share, and what is read from them. Here alone the environment is looked at."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import torch

    from segbench.datasets.base import Dataset

FOLDER = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)


def together(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator, in the order in which help lists them."""

    def apply(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return apply


DATASET_OPTIONS = together(
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


def cores() -> int:
    """Those that this process may use, which in a container or under a scheduler are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def dataset_named(name: str | None, data: Path | None, split: str | None) -> Dataset:
    """The dataset that was asked for; without a name Cityscapes where its folder is known, else the built-in data."""
    from segbench.datasets.opening import open_dataset

    if name is None and (data is not None or "CITYSCAPES_DATASET" in os.environ):
        name = "cityscapes"
    if name is None:
        click.echo("no --dataset and no CITYSCAPES_DATASET: using minicity, the built-in generated street scenes", err=True)
        name = "minicity"
    if name == "cityscapes" and data is None and "CITYSCAPES_DATASET" in os.environ:
        data = Path(os.environ["CITYSCAPES_DATASET"])
    if name == "minicity":
        from segbench.console.data import draw_minicity

        data = cache_folder() / "minicity-v1" if data is None else data
        draw_minicity(data, split or "val")
    return open_dataset(name, data, split)


def cache_folder() -> Path:
    """Where this user's caches are."""
    from platformdirs import user_cache_dir

    return Path(os.environ.get("SEGBENCH_CACHE") or user_cache_dir("segbench"))


def names_in(text: str) -> list[str]:
    """Names that are separated by commas, each once."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise click.BadParameter("name at least one")
    return names


def device_named(name: str) -> torch.device:
    """The device of :data:`DEVICE_OPTION`, which must be here."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise click.BadParameter(f"{name!r} is not a device", param_hint="--device") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise click.BadParameter("this torch finds no CUDA device", param_hint="--device")
    if device.type == "cuda":
        if (device.index or 0) >= (there := torch.cuda.device_count()):
            raise click.BadParameter(f"there is no {name}: this torch finds {there}, the last is cuda:{there - 1}", param_hint="--device")
        torch.cuda.set_device(device.index or 0)  # what names no device (streams, graphs, kernels) goes there too
    return device


def size_in(text: str) -> tuple[int, int]:
    """``HxW`` as (height, width)."""
    from segbench.evaluation.parsing import parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--size") from None
