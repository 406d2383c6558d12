"""Options that several commands share, and what is read from them. Here alone the environment is looked at."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from segbench.benchmark.ranks import ALONE, Ranks
from segbench.benchmark.suite import Suite
from segbench.errors import UsageError
from segbench.files.remote import is_url, locate
from segbench.files.settings import Location, Number, OneOf, Setting, Truth, Whole, settings_of, typed_pairs
from segbench.records.shard import Shard

if TYPE_CHECKING:
    import torch

    from segbench.datasets.base import Dataset


class LocalPath(click.Path):
    """A path on this machine."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuses what would make a folder that is called as a URL."""
        if is_url(value):
            self.fail(f"{value!r} is a URL: this is a local path", param, ctx)
        return super().convert(value, param, ctx)


class Place(click.Path):
    """A path, or a URL."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; see :mod:`segbench.files.remote`."""
        return locate(value) if is_url(value) else super().convert(value, param, ctx)


FOLDER = LocalPath(path_type=Path)
FILE = LocalPath(path_type=Path, dir_okay=False)
PLACE = Place(path_type=Path)


def together(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator, in the order in which help lists them."""

    def apply(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return apply


def options_of(kind: type, *names: str, **more: Any) -> Callable[[Any], Any]:
    """The options of a dataclass that declares settings, all or those that are named; ``None`` where one was not given.

    :param more: of :func:`click.option`, other than the setting says.
    """
    known = settings_of(kind)
    return together(*(_option(name, known[name], **more) for name in names or known if known[name].section is None))


def _option(name: str, each: Setting, **more: Any) -> Callable[[Any], Any]:
    flag, read, rest = name.replace("_", "-"), each.read, {"help": each.help, "metavar": each.metavar, **more}
    if isinstance(read, Truth):
        return click.option(f"--{flag}/--no-{flag}" if read.both else f"--{flag}", is_flag=True, default=None, **rest)
    if isinstance(read, OneOf):
        return click.option(f"--{flag}", type=click.Choice(read.choices), **rest)
    if isinstance(read, Whole):
        return click.option(f"--{flag}", type=click.IntRange(min=read.low, max=read.high), **rest)
    if isinstance(read, Number):
        return click.option(f"--{flag}", type=float, callback=reading(read), **rest)
    if isinstance(read, Location):
        return click.option(f"--{flag}", type=PLACE if read.remote else FOLDER if read.folder else FILE, **rest)
    return click.option(f"--{flag}", callback=reading(read), **rest)


def reading(read: Callable[[Any], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """What click calls to read what was typed; an option that was not given stays ``None`` (or empty, if it is repeatable)."""

    def callback(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if value in (None, ()):
            return value
        try:
            return read(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


def number(low: float = 0, *, above: bool = False, high: float | None = None) -> dict[str, Any]:
    """How an option for a finite number is read; click's own ranges take NaN."""
    return {"type": float, "callback": reading(Number(low, above, high))}


def set_option(help: str) -> Callable[[Any], Any]:
    """The option for the arguments of one model, as a mapping ``settings``: ``--set KEY=VALUE``, values as YAML has them."""
    return click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", callback=_arguments, help=f"{help}; repeatable.")


def _arguments(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, Any]:
    from segbench.files.yaml_schema import read_value

    try:
        return {key: read_value(text) for key, text in typed_pairs(value, "KEY=VALUE")}
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


DATASET_OPTIONS = options_of(Suite, "dataset", "data", "split")
QUIET_OPTION = click.option("--quiet", is_flag=True, help="Print results, warnings and errors alone: no progress, no notes.")
MAP_OPTION = options_of(Suite, "map")
GROUPS_OPTION = options_of(Suite, "groups")
DEVICE_OPTION = click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1 ...; auto takes a GPU if there is one.")


def cores() -> int:
    """Those that this process may use, which in a container or under a scheduler are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


WORKERS_OPTION = click.option(
    "--workers", type=click.IntRange(min=1), default=cores, show_default="cores", help="Threads that read and count."
)


SHARD_OPTION = click.option(
    "--shard",
    metavar="I/N",
    callback=reading(Shard.parse),
    help="Count the images I, I+N, I+2N ... alone, and write a partial; `segbench merge` makes the record of all N.",
)


def launched() -> Ranks:
    """Which of the processes that a launcher started this is, by torchrun's RANK, WORLD_SIZE and LOCAL_RANK; alone without them."""
    said = {name: os.environ.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    if not said["RANK"] or said["WORLD_SIZE"] in ("", "1"):
        return ALONE
    try:
        rank, size, local = (int(said[name] or said["RANK"]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    except ValueError:
        raise UsageError(f"{said}: these are whole numbers, as torchrun sets them") from None
    if not 0 <= rank < size:
        raise UsageError(f"RANK {rank} is not below WORLD_SIZE {size}: unset both, or let torchrun set them")
    return Ranks(rank, size, local)


def dataset_named(name: str | None, data: Path | None, split: str | None) -> Dataset:
    """The dataset that was asked for; without a name Cityscapes where its folder is known, else the built-in data."""
    from segbench.datasets.opening import open_dataset

    if name is None and (data is not None or "CITYSCAPES_DATASET" in os.environ):
        name = "cityscapes"
    if name is None:
        click.echo("no --dataset and no CITYSCAPES_DATASET: using minicity, the built-in generated street scenes", err=True)
        name = "minicity"
    if name == "cityscapes" and data is None and "CITYSCAPES_DATASET" in os.environ:
        data = locate(os.environ["CITYSCAPES_DATASET"])
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


def device_named(name: str, local_rank: int | None = None) -> torch.device:
    """The device of :data:`DEVICE_OPTION`, which must be here; ``cuda`` alone is each rank's own, if there are several."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and local_rank is not None and torch.cuda.is_available():
        name = f"cuda:{local_rank % torch.cuda.device_count()}"
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
