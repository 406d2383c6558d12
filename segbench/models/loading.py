"""Models by name, with the weights that were given, with those that come with segbench, or with none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from segbench.datasets.base import Dataset
from segbench.errors import UnknownNameError, WeightsError
from segbench.files.names import file_stem
from segbench.labels.space import LabelSpace, numbered_labels
from segbench.models import MODELS
from segbench.models.segmenter import Segmenter
from segbench.models.weights import build, bundled, load


def trained_models(dataset: str, weights: Mapping[str, Path]) -> list[str]:
    """The registered models that have weights for a dataset: given ones, or those that come with segbench."""
    return [name for name in MODELS.names() if name in weights or bundled(name, dataset)]


@dataclass(frozen=True)
class Wanted:
    """A model that is asked for: its registered name, what it is to be called (empty: by its name), its file and its arguments."""

    name: str
    title: str
    weights: Path | None
    arguments: Mapping[str, Any] = field(hash=False)


def load_models(
    names: Sequence[str],
    dataset: Dataset,
    weights: Mapping[str, Path],
    device: torch.device,
    *,
    titles: Mapping[str, str] = MappingProxyType({}),
    arguments: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> list[Segmenter]:
    """Models with the weights that were given, or else with those that come with segbench for this dataset, or with the model itself.

    :param weights: by name, or by ``NAME:LABEL`` for several files of one model; the label is part of what each is called.
    :param titles: what models are called, by the same keys.
    :param arguments: of models without a file, by name; those under the empty name are of every one.
    :raises WeightsError: naming every model for which there are none, and how to get some; or two models are called alike.
    """
    wanted = wanted_models(names, dataset.name, weights, titles, arguments)
    own = {each: build(each.name, dataset.labels, **each.arguments) for each in wanted if each.weights is None and not _is_builtin(each)}
    if missing := [each.name for each in wanted if each.weights is None and not (each in own and brings_weights(own[each]))]:
        raise WeightsError(_no_weights(missing, dataset))
    loaded = [own[each] if each.weights is None else load(each.weights, expected_model=each.name) for each in wanted]
    loaded = [replace(segmenter, called=each.title) for segmenter, each in zip(loaded, wanted, strict=True)]
    called = [file_stem(segmenter.title) for segmenter in loaded]
    if twice := sorted({name for name in called if called.count(name) > 1}):
        way_out = f"--name {wanted[called.index(twice[0])].name}=NAME calls one of them by another name"
        raise WeightsError(f"several models are called {' and '.join(twice)}; their records would overwrite each other: {way_out}")
    for segmenter, each in zip(loaded, wanted, strict=True):
        if segmenter.trained_on is not None and segmenter.trained_on.get("start_only"):
            raise WeightsError(
                f"the weights of {each.name} are a trunk's, and the rest is random, so there is no accuracy to measure.\n"
                f"  train them:  segbench train {each.name} {_data_options(dataset)} --init {each.weights} --out {each.name}.safetensors"
            )
    return [on_device(segmenter, device) for segmenter in loaded]


def wanted_models(
    names: Sequence[str],
    dataset: str,
    weights: Mapping[str, Path],
    titles: Mapping[str, str],
    arguments: Mapping[str, Mapping[str, Any]],
) -> list[Wanted]:
    """What names, files, titles and arguments ask for together, in the order of the names.

    :raises WeightsError: a file, a title or an argument is of no model that is asked for; or an argument is of one whose file says its own.
    """
    keys = {key: _model_of(key, names) for key in weights}
    files = {name: [key for key, owner in keys.items() if owner == name] or [name] for name in names}
    everyone = [key for members in files.values() for key in members]
    for option, given in (("weights", weights), ("name", titles), ("set", {name: 0 for name in arguments if name})):
        if unused := sorted(set(given) - set(everyone) - set(names)):
            raise WeightsError(f"--{option} names {', '.join(unused)}, which --models does not")
    wanted = []
    for name in names:
        for key in files[name]:
            file = weights.get(key) or bundled(name, dataset)
            title = titles.get(key, "" if key == name else key)
            wanted.append(Wanted(name, title, file, {**arguments.get("", {}), **arguments.get(name, {})} if file is None else {}))
            if file is not None and arguments.get(name):
                raise WeightsError(f"--set changes {name}, but {file} says what it is; leave --set out")
    if arguments.get("") and all(each.weights is not None for each in wanted):
        raise WeightsError("--set is for models without a weights file; the files of these models say what they are")
    return wanted


def _model_of(key: str, names: Sequence[str]) -> str:
    """The model of a key ``NAME`` or ``NAME:LABEL``; the key itself if there is none."""
    return key if key in names or key.rpartition(":")[0] not in names else key.rpartition(":")[0]


def _is_builtin(wanted: Wanted) -> bool:
    return wanted.name in MODELS.table


def brings_weights(segmenter: Segmenter) -> bool:
    """Whether a network that was just built knows something."""
    return segmenter.weights_sha256 is not None or segmenter.trained_on is not None


def _no_weights(missing: Sequence[str], dataset: Dataset) -> str:
    name, file, data = missing[0], f"{file_stem(missing[0])}.safetensors", _data_options(dataset)
    own = "  (a function of yours whose network is trained says so: Segmenter(..., trained_on={...}))\n" if ":" in name else ""
    return (
        f"no weights on {dataset.reference} for {', '.join(missing)}, so there is no accuracy to measure.\n"
        f"  train some:  segbench train {name} {data} --out {file}\n"
        f"  or bring in public ones:  segbench weights sources\n"
        f"  then:        segbench run --models {name} {data} --weights {name}={file}\n{own}"
        f"  speed and size alone need none:  segbench profile {name}"
    )


def _data_options(dataset: Dataset) -> str:
    """What must be typed for a dataset."""
    return f"--dataset {dataset.reference}" + ("" if dataset.builtin or dataset.is_described else f" --data {dataset.root}")


def random_models(names: Sequence[str], classes: int, device: torch.device) -> list[Segmenter]:
    """Untrained networks at full width, for measuring size and speed. Those of segbench are made on the device, which draws faster."""

    def made(name: str) -> Segmenter:
        with device if name in MODELS.table else nullcontext():
            return numbered_model(name, classes)

    return [on_device(made(name), device) for name in names]


def numbered_model(name: str, classes: int, **arguments: Any) -> Segmenter:
    """A model for classes that are called 0, 1 ..., which is enough to learn what it is like; see :func:`model_of`."""
    return model_of(name, numbered_labels(classes), **arguments)


def model_of(name: str, labels: LabelSpace, **arguments: Any) -> Segmenter:
    """A model that a command builds to look at it.

    :raises UnknownNameError: there is no such model, or it cannot be built for these classes.
    """
    try:
        return build(name, labels, **arguments)
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        classes = f"{len(labels.classes)} classes called {', '.join(labels.class_names[:3])} ..."
        way_out = "a data set beside it says its classes (segbench check NAME DATASET), and --classes their number"
        raise UnknownNameError(f"model {name!r} cannot be built for {classes}: {type(error).__name__}: {error}\n  {way_out}") from error


def on_device(segmenter: Segmenter, device: torch.device) -> Segmenter:
    """The segmenter with its network moved and in evaluation mode."""
    return replace(segmenter, network=segmenter.network.to(device).eval())
