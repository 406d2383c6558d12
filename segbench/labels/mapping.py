"""From the classes that a model knows to those of a dataset: by name, and by YAML where names do not say it.

    # ade20k-to-cityscapes.yaml
    by_name: true                 # the default: classes of one name, whatever their case, spaces, hyphens and underscores
    classes:                      # a class of the dataset: the classes of the model that stand for it
      vegetation: [tree, plant]
      rider: []                   # none: overrides a class of equal name
    drop: [boat]                  # classes of the model that stand for nothing, although their name is the dataset's
    uncovered: void               # classes of the dataset that no class of the model stands for: `void` or `wrong`

A prediction of a class that stands for nothing is outside: a false negative of whatever is there. Pixels of a class that is not covered are
not evaluated (``void``: nothing that a model says there counts), or they are, and it can only be wrong (``wrong``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from segbench.errors import DataError, LabelError, nearest
from segbench.files.settings import Truth, one_of
from segbench.files.yaml_schema import Key, named, plain, read_yaml, section
from segbench.labels.encodings import FOREIGN, Encoding, id_of_byte
from segbench.labels.space import LabelSpace

BY_NAME = "by-name"


@dataclass(frozen=True)
class LabelMapping:
    """A rule between two label spaces. ``target_of``: for each class of ``source`` a class index of ``target``, or C for outside.

    ``compared`` is the label space that is scored: ``target``, with the classes that nothing stands for made void unless they are wrong.
    """

    rule: MappingRule
    source: LabelSpace
    target: LabelSpace
    target_of: tuple[int, ...]
    compared: LabelSpace

    @cached_property
    def pred_index(self) -> NDArray[np.uint8]:
        """uint8[256]: class index of ``source`` to class index of ``target``; C for outside."""
        table = np.full(256, len(self.target.classes), np.uint8)
        table[: len(self.target_of)] = self.target_of
        table.flags.writeable = False
        return table

    def fold(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Pair counts int64[256, 256] over class indices of ``source`` as pair counts over those of ``target``."""
        folded = np.zeros_like(pairs)
        for index in np.flatnonzero(pairs.any(axis=0)):
            folded[:, self.pred_index[index]] += pairs[:, index]
        return folded

    def id_of_byte(self, encoding: Encoding) -> NDArray[np.int16]:
        """int16[256]: a byte that stands for a class of ``source`` to a label id of ``target``; FOREIGN for one that stands for nothing."""
        ids = id_of_byte(self.source, encoding)
        outside = outside_id(self.compared)
        ids_of_target = np.full(256, outside, np.int16)
        ids_of_target[: len(self.target.classes)] = self.target.id_of_index
        index = np.minimum(self.source.index_of_id[ids], len(self.source.classes))
        return np.where(ids == FOREIGN, np.int16(FOREIGN), ids_of_target[self.pred_index[index]]).astype(np.int16)

    @property
    def signature(self) -> str:
        """What must be equal for two mapped scores to be comparable: the rule, and the classes that are compared under it."""
        said = {"compared": self.compared.class_names, **self.rule.to_dict()}
        return f"{self.rule.name}-{hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:8]}"

    def facts(self) -> dict[str, Any]:
        """What a record says: which classes stand for which, which predictions are outside and which classes are not compared."""
        names, outside = self.source.class_names, len(self.target.classes)
        stands = {
            name: [names[i] for i, at in enumerate(self.target_of) if at == index] for index, name in enumerate(self.target.class_names)
        }
        return {
            "rule": self.rule.name,
            "source": self.source.name,
            "classes": {name: sources for name, sources in stands.items() if sources},
            "outside": [names[i] for i, at in enumerate(self.target_of) if at == outside],
            "uncovered": self.rule.uncovered,
            "uncovered_classes": [name for name, sources in stands.items() if not sources],
        }


@dataclass(frozen=True)
class MappingRule:
    """What a YAML file says, or ``by-name``. ``classes``: class of the dataset to the classes of the model that stand for it."""

    name: str = BY_NAME
    by_name: bool = True
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    uncovered: Literal["void", "wrong"] = "void"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without the name."""
        classes = {name: list(sources) for name, sources in self.classes.items()}
        return {"by_name": self.by_name, "classes": classes, "drop": list(self.drop), "uncovered": self.uncovered}

    def between(self, source: LabelSpace, target: LabelSpace) -> LabelMapping:
        """The rule for a model's classes and a dataset's.

        :raises LabelError: the rule names classes that are not there (all are named), or one twice, or nothing stands for anything.
        """
        if problems := [*self._problems(source, target)]:
            raise LabelError("\n  ".join([f"mapping {self.name} from {source.name!r} to {target.name!r}:", *problems]))
        explicit = {name: target.class_names.index(goal) for goal, names in self.classes.items() for name in names}
        explicit |= dict.fromkeys(self.drop, len(target.classes))
        free = {_plain(name): i for i, name in enumerate(target.class_names) if self.by_name and name not in self.classes}
        target_of = tuple(explicit.get(name, free.get(_plain(name), len(target.classes))) for name in source.class_names)
        if min(target_of) == len(target.classes):
            raise LabelError(
                f"mapping {self.name}: no class of {source.name!r} stands for one of {target.name!r}; write a YAML file with "
                f"classes: {{{target.class_names[0]}: [{source.class_names[0]}], ...}} and give it as --map FILE"
            )
        return LabelMapping(self, source, target, target_of, self._compared(target, target_of))

    def _problems(self, source: LabelSpace, target: LabelSpace) -> Iterator[str]:
        named = [name for names in self.classes.values() for name in names] + list(self.drop)
        yield from (_no_class(name, target) for name in self.classes if name not in target.class_names)
        yield from (_no_class(name, source) for name in named if name not in source.class_names)
        yield from (f"{name!r} stands there twice" for name in sorted({name for name in named if named.count(name) > 1}))
        if self.by_name:
            # Two classes of the model may merge by their names; a name that fits two classes of the dataset decides nothing.
            plain = [_plain(name) for name in target.class_names if name not in self.classes]
            twice = sorted({name for name in plain if plain.count(name) > 1} & {_plain(n) for n in source.class_names if n not in named})
            yield from (f"{name!r} fits two classes of {target.name!r}; say which" for name in twice)

    def _compared(self, target: LabelSpace, target_of: tuple[int, ...]) -> LabelSpace:
        covered = set(target_of)
        if self.uncovered == "wrong" or covered >= set(range(len(target.classes))):
            return target
        classes = tuple(label for index, label in enumerate(target.classes) if index in covered)
        void = tuple(label for index, label in enumerate(target.classes) if index not in covered)
        return LabelSpace(f"{target.name}-{len(classes)}of{len(target.classes)}", classes, target.void + void)


def describe_mapping(mapping: LabelMapping, *, masked: bool = False) -> str:
    """One line for people: how many classes are compared, how the others count; ``masked``: they cannot be predicted."""
    facts = mapping.facts()
    outside, uncovered = facts["outside"], facts["uncovered_classes"]
    compared = f"{len(facts['classes'])} of {len(mapping.target.classes)} classes of {mapping.target.name} covered by {mapping.source.name}"
    parts = [f"{compared} ({mapping.rule.name})"]
    if uncovered:
        how = "are not evaluated" if mapping.rule.uncovered == "void" else "count as wrong"
        parts.append(f"{len(uncovered)} {how}: {', '.join(uncovered)}")
    if outside:
        how = "scores of {} classes are left out" if masked else "predictions of {} classes are false negatives"
        parts.append(f"{how.format(len(outside))}: {_some(outside)}")
    return "; ".join(parts)


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def outside_id(labels: LabelSpace) -> int:
    """A label id that no class owns: the first of void's, or else of the bytes that nobody owns."""
    void = [i for label in labels.void for i in label.byte_ids]
    return (void or sorted(set(range(256)) - labels.known_ids))[0]


def read_mapping(source: str) -> MappingRule:
    """The rule ``by-name``, or that of a YAML file.

    :raises DataError: the file is missing or has problems: each is named with its line.
    """
    if source == BY_NAME:
        return MappingRule()
    path = Path(source)
    try:
        rule: MappingRule = read_yaml(path, section("mapping", KEYS, lambda said: MappingRule(path.stem, **said)))
    except FileNotFoundError:
        raise DataError(f"{source}: no such file", way_out=f"--map takes a YAML file, or {BY_NAME}") from None
    return rule


def _class_names(value: Any) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value or []
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise ValueError(f"{value!r} is not a list of class names")
    return tuple(given)


KEYS = {
    "by_name": Key(
        plain(Truth()),
        "true or false",
        "Whether classes of one name stand for each other; case, spaces, hyphens and underscores do not matter. Default: true.",
    ),
    "classes": Key(
        named(plain(_class_names), empty=True),
        "a class of the dataset: a list of classes of the model",
        "Which classes of the model stand for a class of the dataset. An empty list: none, whatever their names.",
    ),
    "drop": Key(
        plain(_class_names), "a list of classes of the model", "Classes that stand for nothing, although the dataset has one of their name."
    ),
    "uncovered": Key(
        plain(one_of("void", "wrong")),
        "`void` or `wrong`",
        "Classes of the dataset that no class of the model stands for: not evaluated, or never right. Default: void.",
    ),
}


def _plain(name: str) -> str:
    return name.casefold().translate(str.maketrans("", "", " -_"))


def _no_class(name: str, space: LabelSpace) -> str:
    hint = nearest(name, space.class_names, "")
    return f"{space.name!r} has no class {name!r}" + (f"; {hint}" if hint else "")
