"""What a source of public weights is: where its names go in our network, and what its values expect of their input.

A source is data. ``modules`` maps the reference's modules to ours, whole subtrees at once; the longest name that fits decides. Everything
else about a file (wrappers such as ``module.``, the number of classes, precision) is read off the file by
``segbench.models.public_weights``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from segbench.labels.space import LabelSpace
from segbench.models.segmenter import Normalize

State = dict[str, Tensor]
COUNTER = "num_batches_tracked"
"""How torch's norms call the number of batches that they saw. Nothing in evaluation depends on it, and old files have none."""

UNIT = Normalize((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
"""Bytes to 0..1, as torchvision's ``ToTensor`` and nothing after it."""


def as_it_is(state: State) -> State:
    """No preparation."""
    return state


def like_any(state: State) -> str:
    """No source has the same tensors and means something else by them."""
    return ""


@dataclass(frozen=True)
class Source:
    """Public weights of one model.

    :param name: the code base, the variant and the data, as a person would look for it.
    :param trained_on: what the published values know, in words.
    :param modules: foreign module to ours; the empty name is the root.
    :param left_out: foreign module that our network has no use for, to the reason.
    :param scores: foreign modules that give class scores, the one of the result first. Each has a bias, or there are none.
    :param void_channel: the score of what is not evaluated, a class of the authors' training and none of ours. ``None`` if there is none.
    :param labels: the label space of the scores, by its dataset's name or as it is; ``None`` where there are no scores or nobody knows.
    :param trunk: only part of the network is meant; what no foreign module maps to stays random.
    :param absent: our modules that a trunk has below a mapped one and the source has not; they stay random too.
    :param arguments: of our model, that make it the reference's network.
    :param prepare: values that differ in more than their name, in foreign names.
    :param unlike: says why a state, in foreign names, is of another source whose tensors have the same shapes; empty if it is not.
    :param differs: why these weights cannot fit, although they are taken for this model's; they are refused, key by key.
    :param note: what whoever compares numbers should know.
    """

    name: str
    url: str
    trained_on: str
    modules: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)
    scores: tuple[str, ...] = ()
    void_channel: int | None = None
    labels: str | LabelSpace | None = None
    normalize: Normalize = field(default_factory=Normalize)
    trunk: bool = False
    absent: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[State], State] = as_it_is
    unlike: Callable[[State], str] = like_any
    differs: str = ""
    note: str = ""

    def ours(self, key: str) -> str | None:
        """Our name of a foreign key; ``None`` if the map does not know it."""
        return moved(key, self.modules.items())

    def theirs(self, key: str) -> str | None:
        """The foreign name of one of our keys; ``None`` if the source has nothing for it."""
        if any(below(key, module) for module in self.absent):
            return None
        return moved(key, ((ours, foreign) for foreign, ours in self.modules.items()))

    def reason_left_out(self, key: str) -> str | None:
        """Why a foreign key is not wanted; ``None`` if it is."""
        return next((reason for module, reason in self.left_out.items() if below(key, module)), None)


def below(key: str, module: str) -> bool:
    """Whether a key is in a module, or is it."""
    return module == "" or key == module or key.startswith(module + ".")


def moved(key: str, pairs: Iterable[tuple[str, str]]) -> str | None:
    """``key`` with the longest of the first names that it is below replaced by the second."""
    fitting = [pair for pair in pairs if below(key, pair[0])]
    if not fitting:
        return None
    before, after = max(fitting, key=lambda pair: len(pair[0]))
    rest = key[len(before) :].lstrip(".")
    return ".".join(part for part in (after, rest) if part)


def within(foreign: str, ours: str, names: Mapping[str, str]) -> dict[str, str]:
    """A map of names inside one module on either side."""
    return {f"{foreign}.{before}": f"{ours}.{after}" for before, after in names.items()}


def reshaped(state: State, key: str, shape: tuple[int, ...]) -> State:
    """A linear layer's weight as a convolution's: the same values in the same order. A tensor that does not fit stays as it is."""
    if key not in state or state[key].ndim != 2 or state[key].shape[1] != _product(shape):
        return state
    return state | {key: state[key].reshape(state[key].shape[0], *shape)}


def _product(shape: tuple[int, ...]) -> int:
    channels, height, width = shape
    return channels * height * width
