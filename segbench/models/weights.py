"""Self-describing weights: one safetensors file that says which network it is, what it was trained on, and how.

The metadata key ``segbench`` holds JSON: schema, model, arguments, labels, normalize, grid, trained_on (dataset, split, images,
fingerprint) and the recipe. A file is loaded with every key matched, or not at all. One without a grid is from the time when every network
was trained on half pixels, and is used so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from segbench.errors import UnknownNameError, UsageError, WeightsError
from segbench.files.atomic import replacing
from segbench.files.foreign import plain
from segbench.files.shapes import FACTS, TEXT, Shape, require_shape
from segbench.kernels.bilinear import GRIDS
from segbench.labels.space import LabelSpace
from segbench.models import MODELS
from segbench.models.finite import infinite, said
from segbench.models.segmenter import Normalize, Segmenter

SCHEMA = "segbench.weights/1"
DESCRIPTION: Shape = {"model": TEXT, "arguments": FACTS, "labels": FACTS, "normalize": FACTS, "trained_on": FACTS, "recipe": FACTS}


def build(name: str, labels: LabelSpace, **arguments: Any) -> Segmenter:
    """A registered model with random weights, in evaluation mode.

    :raises UnknownNameError: no such model, or it does not take one of the arguments.

    >>> import segbench
    >>> segmenter = segbench.build_model("enet", segbench.label_space("camvid"), width=0.125)
    >>> sum(parameter.numel() for parameter in segmenter.network.parameters())
    7363
    """
    factory = MODELS.resolve(name)
    try:
        segmenter = factory(labels, **arguments)
    except TypeError as error:
        raise UnknownNameError(f"model {name!r} cannot be built with {arguments}: {error}") from error
    if not isinstance(segmenter, Segmenter):
        raise UnknownNameError(f"{name!r} gave a {type(segmenter).__name__}; a model factory returns a Segmenter")
    segmenter.network.eval()
    code = MODELS.code_sha256(name)
    return segmenter if code is None else replace(segmenter, runtime=replace(segmenter.runtime, code_sha256=code))


def save(path: Path, segmenter: Segmenter, *, trained_on: Mapping[str, Any], recipe: Mapping[str, Any], half: bool = True) -> None:
    """Write a segmenter's weights, in half precision unless told otherwise, atomically. What half precision cannot hold stays as it is."""
    description = {
        "schema": SCHEMA,
        "model": segmenter.name,
        "arguments": dict(segmenter.arguments),
        "labels": segmenter.labels.to_dict(),
        "normalize": asdict(segmenter.normalize),
        "grid": segmenter.grid,
        "trained_on": dict(trained_on),
        "recipe": dict(recipe),
    }
    state = {key: (_halved(value) if half else value).contiguous().cpu() for key, value in segmenter.network.state_dict().items()}
    with replacing(path) as partial:
        save_file(state, partial, metadata={"segbench": json.dumps(description, sort_keys=True)})


def _halved(value: torch.Tensor) -> torch.Tensor:
    """A tensor in half precision, or as it is where it holds no such numbers, or some that would be infinite there."""
    if not value.is_floating_point():
        return value
    half = value.half()
    return value if infinite([("", half, False)]) else half


def describe(path: Path) -> dict[str, Any]:
    """The description of a weights file, without its tensors.

    :raises WeightsError: the file is missing, is no safetensors file or was not written by segbench.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: the weights file is missing")
    try:
        with safe_open(path, framework="pt") as handle:
            metadata = handle.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: not a safetensors file ({error})") from error
    if "segbench" not in metadata:
        raise WeightsError(f"{path}: this safetensors file does not describe itself; `segbench train` writes files that do")
    try:
        description = plain(json.loads(metadata["segbench"]))
        if not isinstance(description, dict) or description.get("schema") != SCHEMA:
            found = description.get("schema") if isinstance(description, dict) else type(description).__name__
            raise WeightsError(f"{path}: schema {found!r}; this segbench reads {SCHEMA!r}")
        require_shape(description, DESCRIPTION)
        if missing := [key for key in DESCRIPTION if key not in description]:
            raise ValueError(f"it has no {', '.join(missing)}")
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: its description cannot be read ({error})") from error
    return description


def load(path: Path | str, expected_model: str | None = None) -> Segmenter:
    """Load the segmenter that a weights file describes, in evaluation mode, float32.

    :raises WeightsError: the file is foreign, holds another model than expected or an unknown grid; or a tensor does not fit, or is NaN or
        infinite: all are named.

    >>> import segbench
    >>> segbench.load_model("enet.safetensors").labels.class_names
    ('road', 'car', 'person')
    """
    path = Path(path)
    description = describe(path)
    name = description["model"]
    if expected_model is not None and name != expected_model:
        raise WeightsError(f"{path}: these are weights of {name!r}, not of {expected_model!r}")
    if name != expected_model and name not in MODELS.names():
        way_out = f"if you trust it, name it yourself: --models {name} --weights {name}={path}"
        raise WeightsError(f"{path}: these are weights of {name!r}; no code is run because a file names it; {way_out}")
    try:
        labels = LabelSpace.from_dict(description["labels"])
        _require_fit(path, name, labels, description["arguments"])
        segmenter = build(name, labels, **description["arguments"])
    except (TypeError, ValueError, ArithmeticError, MemoryError, RuntimeError) as error:
        raise WeightsError(
            f"{path}: {name} cannot be built with the arguments that the file gives, {description['arguments']}: {error}"
        ) from error
    grid = description.get("grid", "half_pixel")
    if grid not in GRIDS:
        raise WeightsError(f"{path}: its logits lie on a grid {grid!r}; this segbench knows {', '.join(GRIDS)}")
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in description["normalize"].items()}
    try:
        normalize = Normalize(**given)
    except (TypeError, UsageError) as error:
        raise WeightsError(f"{path}: {error}") from error
    with safe_open(path, framework="pt") as handle:
        state = {key: handle.get_tensor(key) for key in handle.keys()}  # noqa: SIM118 (not a mapping)
    load_strictly(segmenter.network, state, path)
    return replace(
        segmenter,
        normalize=normalize,
        grid=grid,
        trained_on=description["trained_on"] | {"recipe": description["recipe"]},
        weights_sha256=sha256_of(path),
    )


def _require_fit(path: Path, name: str, labels: LabelSpace, arguments: Mapping[str, Any]) -> None:
    """Check that a registered network has the shapes of a file before it is made: a file may name a width that fills the memory.

    :raises WeightsError: naming every tensor that does not fit.
    """
    if name not in MODELS.table:
        return
    with torch.device("meta"):
        own = _forms(build(name, labels, **arguments).network.state_dict())
    with safe_open(path, framework="pt") as handle:
        slices = {key: handle.get_slice(key) for key in handle.keys()}  # noqa: SIM118 (not a mapping)
        given = {key: (list(each.get_shape()), _kind_called(each.get_dtype())) for key, each in slices.items()}
    _refuse_unfit(own, given, path)


def load_strictly(network: torch.nn.Module, state: Mapping[str, torch.Tensor], source: object) -> None:
    """Load a state dict whose keys, shapes and kinds of numbers must all fit, whatever its precision.

    :raises WeightsError: naming every key that is missing, left over, of another shape or kind, NaN or infinite.
    """
    own = network.state_dict()
    _refuse_unfit(_forms(own), _forms(state), source)
    if unsound := infinite((key, value, False) for key, value in state.items()):
        raise WeightsError(f"{source}: {said(unsound)}")
    network.load_state_dict({key: value.to(own[key].dtype) for key, value in state.items()}, strict=True)


WHOLE, REAL, COMPLEX = "whole numbers", "floating-point numbers", "complex numbers"

Form = tuple[list[int], str]
"""A tensor's shape, and what kind of numbers it holds."""


def _forms(state: Mapping[str, torch.Tensor]) -> dict[str, Form]:
    return {key: (list(value.shape), _kind(value)) for key, value in state.items()}


def _kind(tensor: torch.Tensor) -> str:
    return COMPLEX if tensor.is_complex() else REAL if tensor.is_floating_point() else WHOLE


def _kind_called(dtype: str) -> str:
    """The kind of numbers by the name that safetensors has for them: F32, BF16, C64, I64, BOOL."""
    return COMPLEX if dtype.startswith("C") else REAL if dtype.startswith(("F", "BF")) else WHOLE


def _refuse_unfit(own: Mapping[str, Form], given: Mapping[str, Form], source: object) -> None:
    both = [(key, form, given[key]) for key, form in own.items() if key in given]
    problems = [f"missing: {key}" for key in own if key not in given]
    problems += [f"left over: {key}" for key in given if key not in own]
    problems += [f"shape of {key}: {found}, the network has {shape}" for key, (shape, _), (found, _) in both if found != shape]
    problems += [f"numbers of {key}: {found}, the network has {kind}" for key, (_, kind), (_, found) in both if found != kind]
    if problems:
        raise WeightsError("\n  ".join([f"{source}: {len(problems)} tensors do not fit", *problems]))


def bundled(name: str, dataset: str) -> Path | None:
    """The weights that come with segbench for a model on a dataset, or ``None``."""
    path = Path(str(files("segbench.models") / "bundled" / f"{dataset}-{name}.safetensors"))
    return path if path.is_file() else None


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
