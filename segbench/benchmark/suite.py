"""Suites: what one `segbench run` does, as a YAML file. Presets are suites that come with segbench and leave the models to you.

    models: [enet, segnet]
    weights: {enet: enet.safetensors}      # paths are relative to the file
    dataset: cityscapes
    data: /data/cityscapes
    map: by-name
    protocol: {scales: [0.75, 1.0, 1.25], flip: true}
    out: runs/two

Every problem of a file is found in one pass, and named with its line, its key and the nearest key that exists.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segbench.errors import DataError, nearest
from segbench.evaluation.protocol import Protocol
from segbench.files.settings import Location, Truth, Whole, names, number_in, setting, takes, text, typed_pairs
from segbench.records.groups import RULES, Draws, group_rule

if TYPE_CHECKING:
    from segbench.evaluation.execution import Execution
    from segbench.metrics.image_counts import Beside


def _mapping_of(values: Mapping[str, Any], form: str) -> dict[str, Any]:
    """JSON Schema of a mapping of models, or of the texts that the command line takes."""
    texts = {"type": "array", "items": {"type": "string", "pattern": form}}
    return {"anyOf": [{"type": "object", "additionalProperties": values}, texts]}


@takes(_mapping_of({"type": "string"}, ".=."))
def weight_files(value: Any) -> dict[str, Path]:
    """Files of weights by model, from a mapping or from texts ``NAME=FILE``.

    :raises ValueError: it is something else.
    """
    if isinstance(value, Mapping):
        return {str(name): Path(str(file)) for name, file in value.items()}
    return {name: Path(file) for name, file in typed_pairs(value, "NAME=FILE", "; tell them apart: {name}:first=FILE {name}:second=FILE")}


@takes(_mapping_of({"type": ["string", "number"]}, ".=."))
def titles(value: Any) -> dict[str, str]:
    """What models are called, from a mapping or from texts ``NAME=TITLE``.

    :raises ValueError: it is something else.
    """
    return {str(name): str(title) for name, title in (value.items() if isinstance(value, Mapping) else typed_pairs(value, "NAME=TITLE"))}


@takes(_mapping_of({"type": "object"}, ".=."))
def arguments(value: Any) -> dict[str, dict[str, Any]]:
    """Arguments by model, from a mapping of mappings or from texts ``KEY=VALUE`` (of every model: the name is empty) or ``NAME.KEY=VALUE``.

    Values are read as YAML.

    :raises ValueError: it is something else.
    """
    if isinstance(value, Mapping):
        if wrong := [name for name, given in value.items() if not isinstance(given, Mapping)]:
            raise ValueError(f"{wrong[0]}: arguments are a mapping")
        return {str(name): dict(given) for name, given in value.items()}
    from segbench.files.yaml_schema import read_value

    result: dict[str, dict[str, Any]] = {}
    for key, given in typed_pairs(value, "[NAME.]KEY=VALUE"):
        name, _, argument = key.rpartition(".")
        result.setdefault(name, {})[argument] = read_value(given)
    return result


@takes({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})
def corruption_names(value: Any) -> tuple[str, ...]:
    """Names of corruptions, each once, in their own order; of ``all`` every one.

    :raises ValueError: one is unknown.
    """
    from segbench.images.corruptions.corrupting import CORRUPTIONS

    given = names(value)
    if list(given) == ["all"]:
        return CORRUPTIONS
    if unknown := [name for name in given if name not in CORRUPTIONS]:
        raise ValueError(f"no corruption {unknown[0]!r}; {nearest(unknown[0], ['all', *CORRUPTIONS], 'there are')}")
    return tuple(name for name in CORRUPTIONS if name in given)


@takes({"type": ["string", "number"]})
def temperature_source(value: Any) -> str:
    """A temperature as text, or the name of a file of them.

    :raises ValueError: it is a number that is no temperature, or no text.
    """
    try:
        number = float(value)
    except ValueError:
        return text(value)
    except TypeError:
        raise ValueError(f"{value!r} is neither a temperature nor a file") from None
    if isinstance(value, bool) or not 0 < number < float("inf"):
        raise ValueError(f"a temperature is above 0 and finite, not {value!r}")
    return f"{number:g}" if float(f"{number:g}") == number else repr(number)


_SEVERITY = {"type": "integer", "minimum": 1, "maximum": 5}


@takes({"anyOf": [_SEVERITY, {"type": "string"}, {"type": "array", "items": _SEVERITY}]})
def severities(value: Any) -> tuple[int, ...]:
    """Severities from 1 to 5: numbers and ranges such as 1-5, separated by commas, or a list.

    :raises ValueError: they are something else.
    """
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    found = set[int]()
    for part in parts:
        first, *rest = str(part).strip().split("-")
        last = rest[0] if rest else first
        if len(rest) > 1 or not {first, last} <= set("12345") or first > last:
            raise ValueError(f"{value!r} is no severity from 1 to 5 and no range of them, e.g. 1-5")
        found |= set(range(int(first), int(last) + 1))
    return tuple(sorted(found))


_TOLERANCE = {"type": "number", "minimum": 0, "maximum": 1000}


@takes({"anyOf": [_TOLERANCE, {"type": "string"}, {"type": "array", "items": _TOLERANCE}]})
def tolerances(value: Any) -> tuple[float, ...]:
    """Tolerances of boundaries: pixels, or below 1 shares of the diagonal.

    :raises ValueError: they are something else.
    """
    from segbench.metrics.surface import parse_tolerances  # numpy

    return parse_tolerances(value)


def severity_text(chosen: tuple[int, ...]) -> str:
    """What must be typed for these severities."""
    return ",".join(map(str, chosen))


def protocol_values(values: dict[str, Any]) -> dict[str, Any]:
    """The fields of a protocol that were given.

    :raises ProtocolError: they contradict each other.
    """
    Protocol(**values)
    return values


@dataclass(frozen=True)
class Suite:
    """The arguments of a run; ``None`` leaves the choice to the run. ``protocol`` holds the fields of a Protocol that were given.

    ``groups`` is a rule of :mod:`segbench.records.groups`. ``map`` is a file of :mod:`segbench.labels.mapping`, or ``by-name``.
    """

    models: tuple[str, ...] = setting(
        (), names, "Names, separated by commas, or `all` that have weights for the dataset; see `segbench models`."
    )
    weights: Mapping[str, Path] = setting(
        {}, weight_files, "Weights of a model, as `segbench train` writes them; repeatable.", metavar="NAME=FILE"
    )
    name: Mapping[str, str] = setting(
        {}, titles, "What tables call a model; repeatable.  [default: its own name, and NAME:LABEL of --weights]", metavar="NAME=TITLE"
    )
    set: Mapping[str, Mapping[str, Any]] = setting(
        {}, arguments, "An argument of a model without weights of its own, e.g. width=0.5; repeatable.", metavar="[NAME.]KEY=VALUE"
    )
    dataset: str | None = setting(
        None, text, "A name of `segbench data list`, YAML of your own, or file.py:function.  [default: cityscapes, else minicity]"
    )
    data: Path | None = setting(None, Location(folder=True, remote=True), "The dataset's folder, or its URL.")
    split: str | None = setting(None, text, "The split.  [default: the one that the dataset is evaluated on]")
    map: str | None = setting(
        None,
        text,
        "What a model's classes stand for in the dataset, if it knows others: YAML, or by their names.",
        metavar="FILE|by-name",
    )
    protocol: Mapping[str, Any] = setting({}, protocol_values, section=Protocol)
    limit: int | None = setting(None, Whole(1), "Only the first N images; for a quick look, the record says so.")
    repeats: int = setting(10, Whole(0), "Timed runs of each model; 0 measures no speed.  [default: 10]")
    out: Path | None = setting(None, Location(folder=True), "Where records, tables and plots go.  [default: runs/DATASET-SPLIT]")
    per_class: bool = setting(False, Truth(), "Also print the IoU of every class.")
    save_predictions: bool = setting(False, Truth(), "Also write class maps as label ids under OUT/predictions/MODEL.")
    gallery: bool = setting(False, Truth(), "Also draw, for each class, the image on which a model does worst.")
    average_over: tuple[str, ...] = setting(
        (),
        names,
        "Average over these classes alone; pixels of the others still count as errors.",
        metavar="CLASS,CLASS,...",
        write=lambda value: shlex.quote(",".join(value)),
    )
    errors: bool = setting(False, Truth(), "Also say by which kind of mistake the mIoU is missing: errors by cause.")
    error_border: int = setting(3, Whole(1, 100), "With --errors: pixels from an edge that are near it.  [default: 3]")
    trimap: bool = setting(False, Truth(), "Also score pixels by their distance from an edge of the target: the trimap curve.")
    surface: tuple[float, ...] | None = setting(
        None,
        tolerances,
        "Also score boundaries within a tolerance: surface Dice (NSD) and boundary F. Pixels; below 1 a share of the diagonal, e.g. 0.008.",
        metavar="PIXELS[,PIXELS...]",
        write=lambda value: ",".join(f"{each:g}" for each in value),
    )
    size_strata: int | None = setting(
        None, Whole(2, 20), "Also say what is found of segments by their size: so many strata, cut at quantiles of the data set's segments."
    )
    calibration: bool = setting(False, Truth(), "Also say whether the softmax means what it says: ECE, Brier, NLL, AURC.")
    ood: bool = setting(False, Truth(), "Also say whether anomalies are found by how unsure a network is: AP, AUROC, FPR95.")
    temperature: str | None = setting(
        None,
        temperature_source,
        "With --calibration or --ood: divide logits by this before the softmax; a file is of `segbench temperature`.",
        metavar="T|FILE",
    )
    allow_fitted_split: bool = setting(False, Truth(), "With --temperature FILE: even on the split on which it was fitted.")
    corruptions: tuple[str, ...] = setting(
        (), corruption_names, "Also run on corrupted images: `all`, or names separated by commas.", metavar="all|NAME,...", write=",".join
    )
    severity: tuple[int, ...] = setting(
        (1, 2, 3, 4, 5), severities, "With --corruptions: how strong, e.g. 3 or 1-5.  [default: 1-5]", metavar="N|N-M", write=severity_text
    )
    groups: str | None = setting(None, group_rule, f"What the intervals draw: {RULES}.  [default: images]", metavar="RULE")
    replicates: int | None = setting(
        None,
        Whole(1),
        "Intervals by a bootstrap of so many replicates, however many images there are.  [default: 10000; a jackknife above 20000 images]",
    )
    channels_last: bool | None = setting(None, Truth(both=True), "Memory order of weights and images.  [default: as they are]")
    compile: bool = setting(False, Truth(), "Run networks through torch.compile.")
    graphs: bool = setting(True, Truth(both=True), "On a GPU, replay passes from CUDA graphs.  [default: where that works]")

    @property
    def draws(self) -> Draws:
        """What intervals draw."""
        return Draws(self.groups, self.replicates)

    @property
    def beside(self) -> Beside:
        """What is counted beside pairs."""
        from segbench.metrics.image_counts import Beside  # numpy

        errors, strata = self.error_border if self.errors else None, self.size_strata
        of_network = {"calibration": self.calibration, "ood": self.ood}
        return Beside(errors=errors, trimap=self.trimap, surface=self.surface, strata=strata, **of_network)

    @property
    def conditions(self) -> list[tuple[str, int]]:
        """The corruptions and severities under which models are run beside the images as they are."""
        return [(name, severity) for name in self.corruptions for severity in self.severity]

    @property
    def execution(self) -> Execution:
        """How networks are executed."""
        from segbench.evaluation.execution import Execution  # torch

        return Execution(self.channels_last, self.compile, self.graphs)

    def overridden(self, flags: Mapping[str, Any]) -> Suite:
        """The suite with what the command line said instead; ``None`` and an empty collection say nothing."""
        given = {key: value for key, value in flags.items() if value not in (None, (), {})}
        merged: dict[str, Any] = {
            key: {**getattr(self, key), **given[key]} for key in ("weights", "protocol", "name", "set") if key in given
        }
        changed: dict[str, Any] = {**given, **merged}
        return replace(self, **changed)


def preset_names() -> list[str]:
    """The suites that come with segbench."""
    return sorted(path.name.removesuffix(".yaml") for path in _presets().iterdir() if path.name.endswith(".yaml"))


def read_suite(source: str) -> Suite:
    """The suite of a YAML file, or of a preset's name.

    :raises DataError: there is no such file or preset, or it has problems: each is named with its line.
    """
    from segbench.files.yaml_schema import read_yaml, readers_of, section

    path = Path(source)
    if not path.is_file() and source in preset_names():
        path = Path(str(_presets() / f"{source}.yaml"))
    try:
        return _relative_to(read_yaml(path, section("suite", readers_of(Suite), lambda values: Suite(**values))), path.parent)
    except FileNotFoundError:
        raise DataError(f"{source}: no such file, nor a preset", way_out=f"presets: {', '.join(preset_names())}") from None


def _relative_to(suite: Suite, folder: Path) -> Suite:
    """Paths as they are meant: from the folder of the suite's file. ``out`` is where the run is started."""
    from segbench.labels.mapping import BY_NAME

    temperature = suite.temperature
    is_file = temperature is not None and number_in(temperature) is None
    return replace(
        suite,
        weights={name: folder / path for name, path in suite.weights.items()},
        data=None if suite.data is None else folder / suite.data,
        temperature=str(folder / str(temperature)) if is_file else temperature,
        map=suite.map if suite.map in (None, BY_NAME) else str(folder / suite.map),
    )


def _presets() -> Any:
    from importlib.resources import files

    return files("segbench") / "benchmark" / "presets"
