"""Models by name, with the weights that were given, with those that come with segbench, or with none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from segbench.datasets.base import Dataset
from segbench.errors import UnknownNameError, WeightsError
from segbench.files.names import file_stem
from segbench.labels.space import numbered_labels
from segbench.models import MODELS
from segbench.models.segmenter import Segmenter
from segbench.models.weights import build, bundled, load


def trained_models(dataset: str, weights: Mapping[str, Path]) -> list[str]:
    """The registered models that have weights for a dataset: given ones, or those that come with segbench."""
    return [name for name in MODELS.names() if name in weights or bundled(name, dataset)]


def load_models(names: Sequence[str], dataset: Dataset, weights: Mapping[str, Path], device: torch.device) -> list[Segmenter]:
    """Models with the weights that were given, or else with those that come with segbench for this dataset, or with the model itself.

    :raises WeightsError: naming every model for which there are none, and how to get some; or two models are called alike.
    """
    if unused := sorted(set(weights) - set(names)):
        raise WeightsError(f"--weights names {', '.join(unused)}, which --models does not")
    files = {name: weights.get(name) or bundled(name, dataset.name) for name in names}
    own = {name: build(name, dataset.labels) for name, file in files.items() if file is None and name not in MODELS.table}
    if missing := [name for name, file in files.items() if file is None and not (name in own and brings_weights(own[name]))]:
        raise WeightsError(_no_weights(missing, dataset.reference))
    loaded = [own[name] if file is None else load(file, expected_model=name) for name, file in files.items()]
    called = [segmenter.name for segmenter in loaded]
    if twice := sorted({name for name in called if called.count(name) > 1}):
        raise WeightsError(f"several models are called {' and '.join(twice)}; their records would overwrite each other: rename the files")
    if starts := [s.name for s in loaded if s.trained_on is not None and s.trained_on.get("start_only")]:
        raise WeightsError(
            f"the weights of {', '.join(starts)} are a trunk's, and the rest is random, so there is no accuracy to measure.\n"
            f"  train them:  segbench train {starts[0]} --dataset {dataset.reference} --init {files[starts[0]]} "
            f"--out {starts[0]}.safetensors"
        )
    return [on_device(segmenter, device) for segmenter in loaded]


def brings_weights(segmenter: Segmenter) -> bool:
    """Whether a network that was just built knows something."""
    return segmenter.weights_sha256 is not None or segmenter.trained_on is not None


def _no_weights(missing: Sequence[str], dataset: str) -> str:
    name, file = missing[0], f"{file_stem(missing[0])}.safetensors"
    own = "  (a function of yours whose network is trained says so: Segmenter(..., trained_on={...}))\n" if ":" in name else ""
    return (
        f"no weights on {dataset} for {', '.join(missing)}, so there is no accuracy to measure.\n"
        f"  train some:  segbench train {name} --dataset {dataset} --out {file}\n"
        f"  then:        segbench run --models {name} --dataset {dataset} --weights {name}={file}\n{own}"
        f"  speed and size alone need none:  segbench profile {name}"
    )


def random_models(names: Sequence[str], classes: int, device: torch.device) -> list[Segmenter]:
    """Untrained networks at full width, for measuring size and speed. Those of segbench are made on the device, which draws faster."""

    def made(name: str) -> Segmenter:
        with device if name in MODELS.table else nullcontext():
            return numbered_model(name, classes)

    return [on_device(made(name), device) for name in names]


def numbered_model(name: str, classes: int, **arguments: Any) -> Segmenter:
    """A model for classes that are called 0, 1 ..., which is enough to learn what it is like.

    :raises UnknownNameError: there is no such model, or it can be built for certain classes only.
    """
    try:
        return build(name, numbered_labels(classes), **arguments)
    except (KeyError, IndexError, ValueError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise UnknownNameError(f"model {name!r} cannot be built for {classes} classes called 0, 1 ..., as it must be: {problem}") from error


def on_device(segmenter: Segmenter, device: torch.device) -> Segmenter:
    """The segmenter with its network moved and in evaluation mode."""
    return replace(segmenter, network=segmenter.network.to(device).eval())
