"""Public weights into our networks: every tensor finds its place, or the file is refused and each one that does not is named."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segbench.errors import UnknownNameError, WeightsError
from segbench.labels.space import LabelSpace, numbered_labels
from segbench.models.segmenter import Normalize, Segmenter
from segbench.models.sources.base import COUNTER, Source, State, below
from segbench.models.weights import build, load_strictly
from segbench.registry import Registry

# Model to the sources of its weights; each is a tuple of Source, the likeliest first.
SOURCES = Registry(
    "model with public weights",
    {
        "fcn32s": "segbench.models.sources.torchvision:FCN",
        "fcn16s": "segbench.models.sources.torchvision:FCN",
        "fcn8s": "segbench.models.sources.torchvision:FCN",
        "fcn8s_atonce": "segbench.models.sources.torchvision:FCN",
        "deconvnet": "segbench.models.sources.torchvision:VGG16_BN_ENCODER",
        "segnet": "segbench.models.sources.torchvision:VGG16_BN_ENCODER",
        "bayesian_segnet": "segbench.models.sources.torchvision:VGG16_BN_ENCODER",
        "deeplab_v1": "segbench.models.sources.torchvision:VGG16_FEATURES",
        "deeplab_v2": "segbench.models.sources.torchvision:DEEPLAB_V2",
        "deeplab_v2_vgg16": "segbench.models.sources.torchvision:VGG16_FEATURES",
        "deeplab_v3": "segbench.models.sources.torchvision:DEEPLAB_V3",
        "deeplab_v3_r50": "segbench.models.sources.torchvision:DEEPLAB_V3_R50",
        "deeplab_v3plus_r101": "segbench.models.sources.torchvision:DEEPLAB_V3PLUS_R101",
        "gcn": "segbench.models.sources.torchvision:GCN",
        "gcn_k7": "segbench.models.sources.torchvision:GCN",
        "dfn": "segbench.models.sources.torchseg:DFN",
        "enet": "segbench.models.sources.enet:ENET",
        "bisenet_x39": "segbench.models.sources.torchseg:BISENET_X39",
        "bisenet_r18": "segbench.models.sources.coincheung:BISENET_R18",
        "bisenet_v2": "segbench.models.sources.coincheung:BISENET_V2",
        "fanet18": "segbench.models.sources.torchvision:FANET18",
        "fanet34": "segbench.models.sources.torchvision:FANET34",
        "rednet": "segbench.models.sources.torchvision:REDNET",
        "pspnet_r50": "segbench.models.sources.unrenamed:PSPNET_R50",
        "pspnet_r101": "segbench.models.sources.unrenamed:PSPNET_R101",
        "erfnet": "segbench.models.sources.erfnet:ERFNET",
        "fast_scnn": "segbench.models.sources.fast_scnn:FAST_SCNN",
        "ddrnet23_slim": "segbench.models.sources.unrenamed:DDRNET23_SLIM",
        "pidnet_s": "segbench.models.sources.unrenamed:PIDNET_S",
        "segformer_b0": "segbench.models.sources.segformer:SEGFORMER_B0",
        "segformer_b2": "segbench.models.sources.segformer:SEGFORMER_B2",
        "hrnet_w48": "segbench.models.sources.unrenamed:HRNET_W48",
        "hrnet_w48_ocr": "segbench.models.sources.unrenamed:HRNET_W48_OCR",
    },
)

FIRST = 10
"""Tensors of a foreign file that are shown."""


@dataclass(frozen=True)
class Imported:
    """A segmenter with public weights, in evaluation mode.

    :param random: modules that the source does not have, still random.
    :param start: some of those are needed for inference: good to start training from, and never to be evaluated.
    :param left_out: what the file holds and the network does not need, to the reason.
    """

    segmenter: Segmenter
    source: Source
    random: tuple[str, ...]
    start: bool
    left_out: Mapping[str, str]


def sources_of(model: str) -> tuple[Source, ...]:
    """The public weights that a model can take.

    :raises UnknownNameError: there is no map for it.
    """
    if model not in SOURCES.table:
        way_out = "a network of yours runs as it is, as file.py:function"
        raise UnknownNameError(f"no public weights are known for model {model!r}; they are for {', '.join(SOURCES.table)}; {way_out}")
    found: tuple[Source, ...] = SOURCES.resolve(model)
    return found


def identify(model: str, state: State, file: object, settings: Mapping[str, Any] | None = None) -> Source:
    """Which of a model's sources a state dict is from, with the settings among its arguments.

    :param settings: arguments of the model. They choose where a file can be of two kinds, and change what no source decides.
    :raises WeightsError: none; every key that does not fit the nearest of them is named. Or two that compute otherwise.
    """
    fits = [Fit(model, source, state) for source in _agreeing(model, settings or {})]
    best = min(fits, key=lambda fit: len(fit.problems))
    fitting = [fit.source for fit in fits if not fit.problems]
    if any(source.arguments != best.source.arguments for source in fitting):
        reason = f"its tensors are those of {len(fitting)} networks that compute otherwise; say with --set"
        lines = [f"{_shown(source.arguments)} for {source.name}" for source in fitting]
        raise WeightsError("\n  ".join([f"{file}: {reason}", *lines]))
    if best.problems and not best.source.differs and 2 * len(best.unknown) > len(state):
        raise WeightsError(_foreign(model, state, file, [fit.source.name for fit in fits if not fit.source.differs]))
    if best.problems:
        reason = best.source.differs or f"these are not the weights that {model!r} takes from {best.source.name}"
        known = "; ".join(fit.source.name for fit in fits if not fit.source.differs)
        lines = [f"{file}: {reason}. {len(best.problems)} tensors do not fit:", *best.problems]
        raise WeightsError("\n  ".join(lines) + f"\n{model!r} can take: {known}")
    return best.source


def _foreign(model: str, state: State, file: object, known: Sequence[str]) -> str:
    """What is said of a file of another network: its first tensors, by which a person knows it, and what to do with it."""
    first = [f"  {key} {list(value.shape)}" for key, value in list(state.items())[:FIRST]]
    more = [f"  and {len(state) - FIRST} more"] if len(state) > FIRST else []
    return "\n".join(
        [
            f"{file}: these are tensors of another network than {model!r}, which can take: {'; '.join(known)}. It begins with",
            *first,
            *more,
            "a network of yours runs as it is: write a function net(labels) that returns a Segmenter around it, and name it as file.py:net",
        ]
    )


def _agreeing(model: str, settings: Mapping[str, Any]) -> list[Source]:
    """The sources whose arguments are not others than the settings, with these among them."""
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    sources = sources_of(model)
    agreeing = [source for source in sources if settings.items() <= (settings | dict(source.arguments)).items()]
    if not agreeing:
        known = "; ".join(f"{_shown(source.arguments)} ({source.name})" for source in sources)
        raise WeightsError(
            f"--set {_shown(settings)}: no public weights of {model!r} have these arguments; those that are known have {known}"
        )
    return [replace(source, arguments=dict(source.arguments) | settings) for source in agreeing]


def _shown(arguments: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={json.dumps(value)}".replace('"', "") for key, value in arguments.items()) or "nothing set"


def adopt(model: str, source: Source, state: State, labels: LabelSpace, *, file: object, normalize: Normalize | None = None) -> Imported:
    """A model for ``labels`` with the values of a state dict from ``source``.

    :raises WeightsError: the scores are not as many as the labels' classes.
    """
    fit = Fit(model, source, state)
    values = fit.without_void(labels, file)
    with torch.random.fork_rng([]):
        torch.manual_seed(0)  # what stays random is the same each time
        segmenter = build(model, labels, **source.arguments)
    own = segmenter.network.state_dict()
    load_strictly(segmenter.network, own | values, file)
    random = [key for key in own if key not in values and not key.endswith(COUNTER)]
    start = any(not _under(key, segmenter.training_only) for key in random)
    segmenter = replace(segmenter, normalize=normalize or source.normalize)
    left_out = dict(fit.left_out)
    if fit.classes == len(labels.classes) + 1:
        left_out |= {f"score {source.void_channel} of {fit.classes}": "not a class: it stands for what is not evaluated"}
    return Imported(segmenter, source, tuple(roots(random, values)), start, left_out)


class Fit:
    """How a state dict fits a source of a model: with as many classes as the state has scores."""

    def __init__(self, model: str, source: Source, state: State) -> None:
        self.model, self.source, self.unlike = model, source, source.unlike(state)
        foreign = source.prepare(state)
        self.left_out = {key: reason for key in foreign if (reason := source.reason_left_out(key))}
        wanted = {key: source.ours(key) for key in foreign if key not in self.left_out}
        self.unknown = [key for key, ours in wanted.items() if ours is None]
        self.foreign_name = {ours: key for key, ours in wanted.items() if ours is not None}
        self.values: State = {ours: foreign[key] for ours, key in self.foreign_name.items()}

    @cached_property
    def class_dims(self) -> dict[str, int]:
        """For each of our tensors that gives a source's scores, the dimension of the classes: where networks of 2 and 3 classes differ."""
        two, three = (on_meta(self.model, classes, self.source).network.state_dict() for classes in (2, 3))
        modules = [self.source.ours(module) or module for module in self.source.scores]
        keys = [key for module in modules for key in two if below(key, module)]
        return {key: next(d for d in range(two[key].ndim) if two[key].shape[d] != three[key].shape[d]) for key in keys}

    @cached_property
    def classes(self) -> int | None:
        """How many scores the state has; ``None`` if it has none."""
        return next((self.values[k].shape[d] for k, d in self.class_dims.items() if k in self.values and d < self.values[k].ndim), None)

    @cached_property
    def problems(self) -> list[str]:
        """A line for each tensor that is missing, left over or of another shape, by its foreign name; and for what the source is not."""
        segmenter = on_meta(self.model, self.classes or 2, self.source)
        own = segmenter.network.state_dict()
        absent = [module for module in segmenter.training_only if not any(below(key, module) for key in self.values)]
        missing = [key for key in own if key not in self.values and not key.endswith(COUNTER) and not _under(key, absent)]
        theirs = {key: self.source.theirs(key) for key in missing}
        lines = [self.unlike] if self.unlike else []
        lines += [f"missing: {_both(name or '(no name)', key)}" for key, name in theirs.items() if name or not self.source.trunk]
        lines += [f"left over: {key}" for key in (*self.unknown, *(name for key, name in self.foreign_name.items() if key not in own))]
        lines += [
            f"shape of {_both(self.foreign_name[key], key)}: {list(value.shape)}, the network has {list(own[key].shape)}"
            for key, value in self.values.items()
            if key in own and value.shape != own[key].shape
        ]
        return lines

    def without_void(self, labels: LabelSpace, file: object) -> State:
        """The values, with the score that belongs to no class taken away if that makes them as many as the classes of ``labels``.

        :raises WeightsError: it does not.
        """
        wanted, void = len(labels.classes), self.source.void_channel
        if self.classes in (None, wanted):
            return self.values
        if void is None or self.classes != wanted + 1:
            raise WeightsError(
                f"{file}: gives {self.classes} scores, and label space {labels.name!r} has {wanted} classes; "
                "say with --labels which classes they are, in their order: a dataset's name or a YAML file"
            )
        kept = torch.tensor([score for score in range(self.classes) if score != void])
        return {k: v.index_select(self.class_dims[k], kept) if k in self.class_dims else v for k, v in self.values.items()}


def on_meta(model: str, classes: int, source: Source) -> Segmenter:
    """A source's network without memory for its parameters. It is shared: leave it as it is."""
    return _on_meta(model, classes, tuple(source.arguments.items()))


@lru_cache(maxsize=32)
def _on_meta(model: str, classes: int, arguments: tuple[tuple[str, Any], ...]) -> Segmenter:
    with torch.device("meta"):
        return build(model, numbered_labels(classes), **dict(arguments))


def roots(chosen: Iterable[str], others: Mapping[str, Tensor]) -> list[str]:
    """The largest modules that hold only chosen keys, and none of the others."""
    found: dict[str, None] = {}
    for key in chosen:
        parts = key.split(".")
        names = (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        found[next(name for name in names if not any(below(other, name) for other in others))] = None
    return list(found)


def provenance(imported: Imported, file: Path, sha256: str) -> dict[str, Any]:
    """What a weights file says of imported weights: ``trained_on``, with the file that they come from and what is not from there."""
    source = imported.source
    facts: dict[str, Any] = {
        "dataset": source.trained_on,
        "imported": {"source": source.name, "url": source.url, "file": file.name, "sha256": sha256, "left_out": dict(imported.left_out)},
    }
    if source.note:
        facts["imported"]["note"] = source.note
    if imported.random:
        facts |= {"random": list(imported.random), "start_only": imported.start}
    return facts


def _under(key: str, modules: Iterable[str]) -> bool:
    return any(below(key, module) for module in modules)


def _both(foreign: str, ours: str) -> str:
    return foreign if foreign == ours else f"{foreign} (here {ours})"
