"""Training recipes: data, read from YAML; those of the papers lie in ``recipes/``.

A recipe says everything that a training does besides its network and its data. What a paper does and a recipe cannot say stands as a
comment in its file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from segbench.errors import DataError, RecordError, nearest
from segbench.evaluation.parsing import parse_size, size_text
from segbench.files.settings import Maybe, Number, Truth, Whole, misfits, one_of, setting, settings_of

# Recipes of papers: the models that share a file. Those of the other models do not state enough to be followed.
PAPER: dict[str, tuple[str, ...]] = {
    "fcn": ("fcn32s", "fcn16s", "fcn8s"),
    "fcn_atonce": ("fcn8s_atonce",),
    "fcn_alexnet": ("fcn32s_alexnet",),
    "fcn_googlenet": ("fcn32s_googlenet",),
    "unet": ("unet",),
    "deconvnet": ("deconvnet",),
    "segnet": ("segnet", "segnet_basic", "bayesian_segnet"),
    "deeplab_v1": ("deeplab_v1",),
    "deeplab_v2": ("deeplab_v2",),
    "deeplab_v2_vgg16": ("deeplab_v2_vgg16",),
    "deeplab_v3": ("deeplab_v3", "deeplab_v3_r50", "deeplab_v3plus", "deeplab_v3plus_r101"),
    "gcn": ("gcn", "gcn_k7"),
    "dfn": ("dfn",),
    "enet": ("enet",),
    "bisenet": ("bisenet_x39", "bisenet_r18"),
    "bisenet_v2": ("bisenet_v2",),
    "fanet": ("fanet18", "fanet34"),
    "rednet": ("rednet",),
    "pspnet": ("pspnet_r50", "pspnet_r101"),
    "erfnet": ("erfnet",),
    "fast_scnn": ("fast_scnn",),
    "ddrnet": ("ddrnet23_slim",),
    "pidnet": ("pidnet_s",),
    "segformer": ("segformer_b0", "segformer_b2"),
    "hrnet": ("hrnet_w18", "hrnet_w48", "hrnet_w48_ocr"),
}
# The small recipe of the weights that come along. Networks without normalisation diverge at the learning rate of the others.
MINICITY: dict[str, tuple[str, ...]] = {
    "minicity_slow": (
        *("fcn32s", "fcn16s", "fcn8s", "fcn8s_atonce", "fcn32s_alexnet", "fcn32s_googlenet"),
        *("unet", "deeplab_v1", "deeplab_v2_vgg16"),
    )
}
NAMES = ("paper", "minicity", "fair-camvid", "equal-camvid")


def _range(value: Any) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"{value!r} is not a list of two numbers")
    low, high = map(Number(above=True), value)
    if low > high:
        raise ValueError(f"{value!r}: the first number is larger than the second")
    return low, high


def _factors(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is not a mapping of a part of the network to its factor")
    return {str(part): Number()(factor) for part, factor in value.items()}


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. ``crop`` is (height, width) in pixels, ``scale`` the range of the random enlargement.

    ``precision`` of the forward pass: ``auto`` is bf16 on a GPU (fp16 with loss scaling on one that has no bf16) and fp32 elsewhere; bf16
    also speeds up recent CPUs.
    The learning rate warms up linearly for ``warmup`` steps, and falls by the ``schedule``: ``poly`` to zero with a ``power``, ``step`` by
    ``step_factor`` after every ``step_every`` steps, or ``constant``. ``learning_rate_factors`` multiply it for the parts of the network
    that they name (the longest name counts). ``weight_decay`` is of weights, with ``decay_all`` also of biases and normalisation; in
    ``adam`` and ``sgd`` it is part of the gradient. ``clip_norm`` bounds the gradient; ``None`` does not.

    ``loss``: cross entropy, or over hard pixels alone (``ohem``): those whose truth is less probable than ``ohem_threshold``, at least the
    share ``ohem_min_kept`` of all pixels; in all heads, or in the main one while the auxiliary ones see every pixel. ``pixel_weights``:
    U-Net's map, from the dataset's instances, or its segments (ISBI 2012).

    ``accumulate``: batches whose gradients are added up in a step. ``ema``: the decay of a running mean of the weights, which is validated
    and written instead of them; 0 for none. ``keep``: the weights of the last step are written, or those with the best mIoU in a
    validation; ``patience``: so many validations without a better one end the training, 0 for never.

    :raises RecordError: naming every field that cannot be.
    """

    steps: int = setting(2000, Whole(1), "How many steps the training takes.")
    batch_size: int = setting(8, Whole(1), "Images in a batch.")
    crop: tuple[int, int] = setting(
        (256, 512), parse_size, "Size of the random crops that the network sees.", metavar="HxW", write=size_text
    )
    scale: tuple[float, float] = setting((0.75, 1.5), _range, "Range of the random enlargement before the crop.")
    flip: bool = setting(True, Truth(), "Mirror half of the crops.")
    optimizer: Literal["adamw", "adam", "sgd"] = setting("adamw", one_of("adamw", "adam", "sgd"), "What turns gradients into steps.")
    learning_rate: float = setting(1e-3, Number(), "The highest learning rate.")
    weight_decay: float = setting(1e-4, Number(), "Weight decay; biases and norms are left out unless `decay_all` says otherwise.")
    momentum: float = setting(0.9, Number(), "Momentum of sgd.")
    power: float = setting(0.9, Number(), "Power of the schedule `poly`.")
    warmup: int = setting(50, Whole(0), "Steps in which the learning rate rises to its highest.")
    clip_norm: float | None = setting(5.0, Maybe(Number(above=True)), "The largest norm of a gradient; null for any.")
    class_weights: Literal["none", "enet", "median"] = setting(
        "enet", one_of("none", "enet", "median"), "Weights of classes in the loss: by log frequency (enet), by median frequency, or none."
    )
    precision: Literal["auto", "fp32", "bf16"] = setting(
        "auto", one_of("auto", "fp32", "bf16"), "Precision of the forward pass; auto is mixed precision on a GPU, fp32 elsewhere."
    )
    seed: int = setting(0, Whole(0), "Seed of the first weights, the crops and their order.")
    schedule: Literal["poly", "step", "constant"] = setting("poly", one_of("poly", "step", "constant"), "How the learning rate falls.")
    step_every: int = setting(1000, Whole(1), "Steps between two falls of the learning rate, with schedule `step`.")
    step_factor: float = setting(0.1, Number(above=True), "What each fall multiplies the learning rate with, with schedule `step`.")
    learning_rate_factors: Mapping[str, float] = setting(
        {}, _factors, "What the learning rate is multiplied with in a part of the network, by its name."
    )
    decay_all: bool = setting(False, Truth(), "Let biases and norms decay too.")
    loss: Literal["cross_entropy", "ohem"] = setting(
        "cross_entropy", one_of("cross_entropy", "ohem"), "Cross entropy of all pixels, or of hard ones alone (ohem)."
    )
    reduction: Literal["mean", "sum"] = setting("mean", one_of("mean", "sum"), "Mean or sum of the loss over pixels.")
    ohem_threshold: float = setting(0.7, Number(above=True), "A pixel is hard (ohem) if its class is less probable than this.")
    ohem_min_kept: float = setting(0.0625, Number(high=1), "The least share of pixels that counts (ohem).")
    ohem_heads: Literal["all", "main"] = setting(
        "all", one_of("all", "main"), "Hard pixels alone (ohem) in all heads, or in the main one while the others see every pixel."
    )
    pixel_weights: Literal["none", "unet_border"] = setting(
        "none", one_of("none", "unet_border"), "Weights of pixels between touching objects, as U-Net's paper has them, or none."
    )
    accumulate: int = setting(1, Whole(1), "Batches whose gradients are added up in a step.")
    ema: float = setting(
        0.0, Number(high=1), "Decay of a running mean of the weights, which is then what is validated and written; 0 for none."
    )
    keep: Literal["last", "best"] = setting(
        "last", one_of("last", "best"), "Write the weights of the last step, or those of the best validation."
    )
    patience: int = setting(0, Whole(0), "End after so many validations without a better one; 0 for never.")

    def __post_init__(self) -> None:
        if problems := misfits(self):
            raise RecordError("\n".join(problems))

    def learning_rate_at(self, step: int, share: float | None = None) -> float:
        """Before the factors of parts.

        :param share: of the training that lies behind the step; by default that of the steps.
        """
        share = step / self.steps if share is None else share
        falls: dict[str, Callable[[], float]] = {
            "poly": lambda: max(0.0, 1 - share) ** self.power,
            "step": lambda: self.step_factor ** (int(share * self.steps + 1e-6) // self.step_every),
            "constant": lambda: 1.0,
        }
        return float(self.learning_rate * min(1.0, (step + 1) / max(self.warmup, 1)) * falls[self.schedule]())

    def identity(self) -> dict[str, Any]:
        """Its fields; those that came after the first checkpoints only if they are set, so that older checkpoints can be resumed."""
        names, default = [f.name for f in fields(self)], Recipe()
        first = names[: names.index("seed") + 1]
        return {key: value for key, value in asdict(self).items() if key in first or value != getattr(default, key)}


def read_recipe(source: Path | str | None, overrides: Mapping[str, Any], model: str = "") -> Recipe:
    """The recipe of a YAML file (or the default one) with the overrides that are not ``None``; a crop may be written ``HxW``.

    A file may hold ``learning_rates``, by model: the one of ``model``, if it is there, stands for ``learning_rate``.

    :param source: a file, or one of :data:`NAMES` for those that come along.
    :param model: whose recipe these are; others need none.
    :raises RecordError: the model has no such recipe, or an override cannot be read.
    :raises DataError: the file is missing or has problems: each is named with its line.
    """
    path = None if source is None else recipe_file(str(source), model) if str(source) in NAMES else Path(source)
    return replace(Recipe() if path is None else _read_file(path, model), **_read_overrides(overrides))


def _read_overrides(overrides: Mapping[str, Any]) -> dict[str, Any]:
    readers, values, problems = settings_of(Recipe), dict[str, Any](), list[str]()
    for key, value in overrides.items():
        try:
            if key not in readers:
                raise ValueError(f"a recipe has no field {key!r}; {nearest(key, readers, 'its fields are')}")
            values |= {} if value is None else {key: readers[key].read(value)}
        except ValueError as error:
            problems.append(f"{key}: {error}")
    if problems:
        raise RecordError("\n  ".join(["these fields of a recipe cannot be read:", *problems]))
    return values


def _read_file(path: Path, model: str) -> Recipe:
    from segbench.files.yaml_schema import (  # yaml: the command line declares options with Recipe
        named,
        plain,
        read_yaml,
        readers_of,
        section,
    )

    keys = readers_of(Recipe) | {"learning_rates": named(plain(Number()))}
    try:
        given: dict[str, Any] = read_yaml(path, section("recipe", keys))
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such recipe", way_out=f"--recipe is {', '.join(NAMES)} or a YAML file") from None
    rates = given.pop("learning_rates", {})
    return Recipe(**given | ({"learning_rate": rates[model]} if model in rates else {}))


def recipe_file(name: str, model: str) -> Path:
    """The file of a recipe that comes along.

    :param name: one of :data:`NAMES`.
    :raises RecordError: there is no such recipe for the model.
    """
    table = {"paper": PAPER, "minicity": MINICITY}.get(name, {})
    stems = {one: stem for stem, models in table.items() for one in models}
    if name == "paper" and model not in stems:
        raise RecordError(f"there is no recipe of a paper for {model!r}; these models have one: {', '.join(stems)}")
    return Path(str(files("segbench") / "training" / "recipes" / f"{stems.get(model, name.replace('-', '_'))}.yaml"))
