"""Training recipes: data, read from YAML; those of the papers lie in ``recipes/``.

A recipe says everything that a training does besides its network and its data. What a paper does and a recipe cannot say stands as a
comment in its file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml

from segbench.errors import RecordError, nearest

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
NAMES = ("paper", "minicity", "fair-camvid")


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

    steps: int = 2000
    batch_size: int = 8
    crop: tuple[int, int] = (256, 512)
    scale: tuple[float, float] = (0.75, 1.5)
    flip: bool = True
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    momentum: float = 0.9
    power: float = 0.9
    warmup: int = 50
    clip_norm: float | None = 5.0
    class_weights: Literal["none", "enet", "median"] = "enet"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: int = 0
    schedule: Literal["poly", "step", "constant"] = "poly"
    step_every: int = 1000
    step_factor: float = 0.1
    learning_rate_factors: Mapping[str, float] = field(default_factory=dict)
    decay_all: bool = False
    loss: Literal["cross_entropy", "ohem"] = "cross_entropy"
    reduction: Literal["mean", "sum"] = "mean"
    ohem_threshold: float = 0.7
    ohem_min_kept: float = 0.0625
    ohem_heads: Literal["all", "main"] = "all"
    pixel_weights: Literal["none", "unet_border"] = "none"
    accumulate: int = 1
    ema: float = 0.0
    keep: Literal["last", "best"] = "last"
    patience: int = 0

    def __post_init__(self) -> None:
        problems = []
        for name, read in _READERS.items():
            try:
                object.__setattr__(self, name, read(getattr(self, name)))
            except (TypeError, ValueError) as error:
                problems.append(f"{name}: {error}")
        if problems:
            raise RecordError("\n".join(problems))

    def learning_rate_at(self, step: int, share: float | None = None) -> float:
        """Before the factors of parts.

        :param share: of the training that lies behind the step; by default that of the steps.
        """
        share = step / self.steps if share is None else share
        falls = {
            "poly": lambda: max(0.0, 1 - share) ** self.power,
            "step": lambda: self.step_factor ** (int(share * self.steps + 1e-6) // self.step_every),
            "constant": lambda: 1.0,
        }
        return self.learning_rate * min(1.0, (step + 1) / max(self.warmup, 1)) * falls[self.schedule]()

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
    :raises RecordError: the model has no such recipe, the file is missing or no YAML mapping, or a field does not exist or cannot be read.
    """
    path = None if source is None else recipe_file(str(source), model) if str(source) in NAMES else Path(source)
    what = f"recipe {path or dict(overrides)}"
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecordError(f"{what}: {error}; --recipe is {', '.join(NAMES)} or a YAML file") from error
    if not isinstance(given, dict):
        raise RecordError(f"{what}: a recipe is a mapping of {', '.join(_READERS)}")
    rates = given.pop("learning_rates", None) or {}
    if isinstance(rates, dict) and model in rates:
        given["learning_rate"] = rates[model]
    given |= {key: value for key, value in overrides.items() if value is not None}
    problems = [_unknown(key) for key in given if key not in _READERS]
    try:
        recipe = Recipe(**{key: value for key, value in given.items() if key in _READERS})
    except RecordError as error:
        problems.extend(str(error).splitlines())
    if problems:
        raise RecordError("\n  ".join([f"{what}: {len(problems)} problems", *problems]))
    return recipe


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


def _unknown(key: object) -> str:
    return f"a recipe has no field {key!r}; {nearest(key, _READERS, 'its fields are')}"


def _number(kind: type, low: float, *, above: bool = False) -> Callable[[Any], Any]:
    """A reader of numbers from ``low`` on, or only those above it."""

    def read(value: Any) -> Any:
        whole = kind is int
        if isinstance(value, str) and not whole:
            value = float(value)  # YAML reads 1e-3 as text: its numbers have a dot
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise ValueError(f"{value!r} is not a {'whole ' if whole else ''}number")
        if not (value > low if above else value >= low):
            raise ValueError(f"{value!r} is not {'above' if above else 'at least'} {low:g}")
        return kind(value)

    return read


def _share(value: Any) -> float:
    if not _number(float, 0)(value) <= 1:
        raise ValueError(f"{value!r} is not at most 1")
    return float(value)


def _pair(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read_both(value: Any) -> tuple[Any, Any]:
        parts = [int(part) for part in value.lower().split("x")] if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or len(parts) != 2:
            raise ValueError(f"{value!r} is not a list of two numbers")
        return read(parts[0]), read(parts[1])

    return read_both


def _range(value: Any) -> tuple[float, float]:
    low, high = _pair(_number(float, 0, above=True))(value)
    if low > high:
        raise ValueError(f"{value!r} is not from low to high")
    return low, high


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return str(value)

    return read


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is not true or false")
    return value


def _factors(value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is not a mapping of a part of the network to its factor")
    return {str(part): _number(float, 0)(factor) for part, factor in value.items()}


_READERS: dict[str, Callable[[Any], Any]] = {
    "steps": _number(int, 1),
    "batch_size": _number(int, 1),
    "crop": _pair(_number(int, 1)),
    "scale": _range,
    "flip": _truth,
    "optimizer": _one_of("adamw", "adam", "sgd"),
    "learning_rate": _number(float, 0),
    "weight_decay": _number(float, 0),
    "momentum": _number(float, 0),
    "power": _number(float, 0),
    "warmup": _number(int, 0),
    "clip_norm": lambda value: None if value is None else _number(float, 0, above=True)(value),
    "class_weights": _one_of("none", "enet", "median"),
    "precision": _one_of("auto", "fp32", "bf16"),
    "seed": _number(int, 0),
    "schedule": _one_of("poly", "step", "constant"),
    "step_every": _number(int, 1),
    "step_factor": _number(float, 0, above=True),
    "learning_rate_factors": _factors,
    "decay_all": _truth,
    "loss": _one_of("cross_entropy", "ohem"),
    "reduction": _one_of("mean", "sum"),
    "ohem_threshold": _number(float, 0, above=True),
    "ohem_min_kept": _share,
    "ohem_heads": _one_of("all", "main"),
    "pixel_weights": _one_of("none", "unet_border"),
    "accumulate": _number(int, 1),
    "ema": _share,
    "keep": _one_of("last", "best"),
    "patience": _number(int, 0),
}
