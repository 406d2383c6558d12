"""Label spaces: the only thing that gives the bytes of a label map a meaning.

A label map holds *label ids*, one byte per pixel. A :class:`LabelSpace` lists the classes that are evaluated, the ids that each class
owns, and the void ids that are known but not evaluated. Everything else about ids (train ids, a network's output channels, a void output
channel) is a lookup table of 256 entries that is derived from it.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import LabelError, nearest

UNKNOWN = 255
"""Entry of a lookup table for a byte that neither a class nor void owns."""

MAX_CLASSES = 254
"""Classes that bytes tell apart, beside void and :data:`UNKNOWN`."""

MAX_WIDE_CLASSES = 65_535
"""Classes of maps with 16 bits a pixel, beside void; their confusion matrices are held as the cells that occur."""

KNOWN, ANOMALY, LEFT_OUT = 0, 1, 2
"""Entries of :attr:`LabelSpace.role_of_id`."""

ROLES = {"known": KNOWN, "anomaly": ANOMALY, "": LEFT_OUT}
"""What a void label may be where anomalies are looked for."""

BYTES, WORDS = 256, 65_536
"""How many values a pixel of 8, and of 16 bits can have: the ``levels`` of a label space."""


@dataclass(frozen=True)
class LabelClass:
    """A class or a void label: its name, the label ids that stand for it, and how it is drawn.

    ``ids`` may hold ids outside 0..255 (Cityscapes' license plate is -1): they own no byte, and only wider files can hold them.
    ``other_colors`` are those that other tools draw it in. ``own_color``: the colour is the label's own, and not one that was made up.
    ``averaged``: whether means over classes hold it; its pixels count as errors of the others in any case.
    ``role``: of a void label, what its pixels are where anomalies are looked for: ``anomaly``; ``known``, which is of one of the classes,
    though the target does not say of which; or nothing, and they are left out. Pixels of classes are known.

    >>> import segbench
    >>> car = segbench.LabelClass("car", ids=(26,), color=(0, 0, 142), category="vehicle", has_instances=True)
    >>> car.byte_ids
    (26,)
    """

    name: str
    ids: tuple[int, ...]
    color: tuple[int, int, int]
    category: str | None = None
    has_instances: bool = False
    other_colors: tuple[tuple[int, int, int], ...] = field(default=(), compare=False)
    own_color: bool = field(default=True, compare=False)
    averaged: bool = True
    role: str = ""

    @property
    def byte_ids(self) -> tuple[int, ...]:
        """The ids that can stand in a label map of bytes."""
        return tuple(i for i in self.ids if 0 <= i <= 255)


@dataclass(frozen=True)
class LabelSpace:
    """The classes that are evaluated, in order, and the void labels that are known but not evaluated.

    :raises LabelError: two labels own one id or share a name, or there are no or too many classes.

    >>> import segbench
    >>> road, car = segbench.LabelClass("road", (7,), (128, 64, 128)), segbench.LabelClass("car", (26,), (0, 0, 142))
    >>> labels = segbench.LabelSpace("two", (road, car), void=(segbench.LabelClass("void", (0,), (0, 0, 0)),))
    >>> labels.class_names
    ('road', 'car')
    >>> labels.index_of_id[[7, 26, 0, 1]].tolist()  # void is 2, the number of classes; nobody owns id 1
    [0, 1, 2, 255]
    """

    name: str
    classes: tuple[LabelClass, ...]
    void: tuple[LabelClass, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < len(self.classes) <= MAX_WIDE_CLASSES:
            raise LabelError(f"label space {self.name!r} has {len(self.classes)} classes; it needs 1 to {MAX_WIDE_CLASSES}")
        if repeated := _repeated(label.name for label in self.labels):
            raise LabelError(f"label space {self.name!r} names {', '.join(repeated)} more than once")
        if repeated_ids := _repeated(i for label in self.labels for i in label.ids):
            raise LabelError(f"label space {self.name!r} gives the ids {repeated_ids} to more than one label")
        for label in self.classes:
            if not self.ids_of(label):
                raise LabelError(f"class {label.name!r} of label space {self.name!r} has no id in 0..{self.levels - 1}")
        if wrong := [label.name for label in self.labels if label.role not in ROLES or (label.role and label in self.classes)]:
            raise LabelError(f"label space {self.name!r}: the role of a label of void is known or anomaly, and classes have none: {wrong}")
        if not any(label.averaged for label in self.classes):
            raise LabelError(f"label space {self.name!r} leaves every class out of the mean")

    @property
    def labels(self) -> tuple[LabelClass, ...]:
        """Classes, then void."""
        return self.classes + self.void

    @cached_property
    def levels(self) -> int:
        """How many values a pixel of its maps can have: 65 536 where bytes do not do for its classes, else 256."""
        few = len(self.classes) <= MAX_CLASSES and all(label.byte_ids for label in self.classes)
        return BYTES if few else WORDS

    @property
    def wide(self) -> bool:
        """Whether its maps need 16 bits a pixel."""
        return self.levels > BYTES

    @property
    def unknown(self) -> int:
        """Entry of :attr:`index_of_id` for an id that neither a class nor void owns."""
        return WORDS if self.wide else UNKNOWN

    def ids_of(self, label: LabelClass) -> tuple[int, ...]:
        """The ids of a label that can stand in a map of this label space."""
        return tuple(i for i in label.ids if 0 <= i < self.levels)

    @property
    def void_ids(self) -> tuple[int, ...]:
        """The ids of void that can stand in a map."""
        return tuple(i for label in self.void for i in self.ids_of(label))

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """Names of the evaluated classes, in order."""
        return tuple(label.name for label in self.classes)

    @cached_property
    def averaged(self) -> tuple[int, ...]:
        """The class indices that means over classes hold; mostly all."""
        return tuple(index for index, label in enumerate(self.classes) if label.averaged)

    def averaging(self, names: Iterable[str]) -> LabelSpace:
        """The same classes, of which means over classes hold these alone.

        :raises LabelError: there is no such class, or none is left.
        """
        names, known = dict.fromkeys(names), set(self.class_names)
        if unknown := [name for name in names if name not in known]:
            raise LabelError(f"no class {unknown[0]!r} in {self.name}; {nearest(unknown[0], self.class_names)}")
        return replace(self, classes=tuple(replace(label, averaged=label.name in names) for label in self.classes))

    @cached_property
    def index_of_id(self) -> NDArray[Any]:
        """Label id to class index; ``len(classes)`` for void, :attr:`unknown` for an id that nobody owns. uint8[256], or int32[65536]."""
        table = np.full(self.levels, self.unknown, np.int32 if self.wide else np.uint8)
        table[list(self.void_ids)] = len(self.classes)
        for index, label in enumerate(self.classes):
            table[list(self.ids_of(label))] = index
        table.flags.writeable = False
        return table

    @cached_property
    def role_of_id(self) -> NDArray[Any]:
        """Label id to :data:`KNOWN` (of a class, or of void that is known), :data:`ANOMALY` or :data:`LEFT_OUT`, uint8."""
        table = np.full(self.levels, LEFT_OUT, np.uint8)
        for label in self.labels:
            table[list(self.ids_of(label))] = KNOWN if label in self.classes else ROLES[label.role]
        table.flags.writeable = False
        return table

    @property
    def marks_anomalies(self) -> bool:
        """Whether there is an id for anomalies."""
        return any(label.role == "anomaly" for label in self.void)

    def marking(self, *, anomaly: Iterable[int] = (), known: Iterable[int] = ()) -> LabelSpace:
        """The same classes, where these ids are anomalies, and those are known though of no class that is told.

        Ids that void owned change their owner.

        :raises LabelError: an id belongs to a class or is given twice, or void has a label of this name already.
        """
        ids = {"anomaly": tuple(anomaly), "known": tuple(known)}
        taken = {*ids["anomaly"], *ids["known"]}
        if of_classes := sorted(taken & {i for label in self.classes for i in label.ids}):
            raise LabelError(
                f"the ids {of_classes} belong to classes of {self.name!r}, so they are neither anomalies nor known beside them"
            )
        rest = (replace(label, ids=tuple(i for i in label.ids if i not in taken)) for label in self.void)
        marked = (LabelClass(name, own, _MARKED[name], own_color=False, role=name) for name, own in ids.items() if own)
        return replace(self, void=(*(label for label in rest if label.ids), *marked))

    @cached_property
    def id_of_index(self) -> NDArray[Any]:
        """Class index to the first of the class's ids: uint8[C], or uint16[C] of wide maps."""
        table = np.array([self.ids_of(label)[0] for label in self.classes], np.uint16 if self.wide else np.uint8)
        table.flags.writeable = False
        return table

    @cached_property
    def known_ids(self) -> frozenset[int]:
        """Every value of a pixel that a class or void owns."""
        return frozenset(i for label in self.labels for i in self.ids_of(label))

    @cached_property
    def byte_of_wide_id(self) -> Mapping[int, int]:
        """What stands in a map for an id that has no place there: the first of its label's ids, or else of void's for a label of void."""
        bytes_of = [(label, self.ids_of(label) or (self.void_ids if label in self.void else ())) for label in self.labels]
        return {i: found[0] for label, found in bytes_of if found for i in label.ids if not 0 <= i < self.levels}

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Categories of the evaluated classes, in order of first appearance."""
        return tuple(dict.fromkeys(label.category for label in self.classes if label.category is not None))

    @cached_property
    def category_of_class(self) -> NDArray[np.int64]:
        """int64[C]: where the category of each class stands in :attr:`categories`; their number for a class that has none."""
        place: dict[str | None, int] = {name: index for index, name in enumerate(self.categories)}
        return np.array([place.get(label.category, len(place)) for label in self.classes], np.int64)

    def index_from(self, other: LabelSpace) -> NDArray[Any]:
        """Class index of ``other`` to class index here, by class name; ``len(classes)`` where there is no
        such class. uint8[256], or int32[65536] of wide maps.

        This is the ``pred_index`` of a network that was trained in another label space.
        """
        mine = {label.name: index for index, label in enumerate(self.classes)}
        wide = self.wide or other.wide
        table = np.full(WORDS if wide else BYTES, len(self.classes), np.int32 if wide else np.uint8)
        for index, label in enumerate(other.classes):
            table[index] = mine.get(label.name, len(self.classes))
        return table

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as written to records and weights files; :meth:`from_dict` reads it back."""

        def plain(label: LabelClass) -> dict[str, Any]:
            entry: dict[str, Any] = {"name": label.name, "ids": list(label.ids), "color": list(label.color)}
            if label.category is not None:
                entry["category"] = label.category
            if label.has_instances:
                entry["has_instances"] = True
            if not label.averaged:
                entry["averaged"] = False
            if label.role:
                entry["role"] = label.role
            return entry

        return {"name": self.name, "classes": [plain(c) for c in self.classes], "void": [plain(c) for c in self.void]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LabelSpace:
        """Read a label space from plain data (a record, a weights file or a YAML file).

        ``classes`` and ``void`` are lists of mappings with ``name``, ``ids`` (or ``id``), and optionally ``color`` (R, G, B),
        ``category``, ``has_instances`` and ``averaged``; void may have a ``role``. A class without ids owns its position in the list.

        :raises LabelError: a key is missing or unknown, or a value has the wrong type.
        """
        if not isinstance(data, Mapping) or not isinstance(data.get("classes"), list):
            raise LabelError("a label space is a mapping with a list 'classes' of {name, ids, color}, and optionally 'name' and 'void'")
        if unknown := sorted(set(data) - {"name", "classes", "void"}):
            raise LabelError(f"unknown keys {unknown} in a label space; it has name, classes and void")
        if not isinstance(data.get("void") or [], list):
            raise LabelError("'void' of a label space is a list of {name, ids, color}")
        classes = tuple(_label(entry, index, data) for index, entry in enumerate(data["classes"]))
        void = tuple(_label(entry, None, data) for entry in data.get("void") or ())
        return cls(name=str(data.get("name", "custom")), classes=classes, void=void_in_bytes(classes, void))


_MARKED = {"anomaly": (255, 102, 0), "known": (90, 90, 90)}


def _repeated(values: Iterable[Any]) -> list[Any]:
    return sorted(value for value, times in Counter(values).items() if times > 1)


def void_in_bytes(classes: tuple[LabelClass, ...], void: tuple[LabelClass, ...]) -> tuple[LabelClass, ...]:
    """Void that has only ids that no map can hold, with a value in which it is counted: the highest below 255 (65535) that is free.

    Not 255, which files hold that mean something else by it.

    :raises LabelError: the classes make no label space.
    """
    space = LabelSpace("classes", classes, void) if classes else None
    if space is None or not void or space.void_ids:
        return void
    taken = {i for label in space.labels for i in label.ids}
    free = next(i for i in range(space.levels - 2, -1, -1) if i not in taken)
    return (replace(void[0], ids=(*void[0].ids, free)), *void[1:])


def numbered_labels(classes: int) -> LabelSpace:
    """Classes that are called 0, 1 ..., for networks of which only size and speed matter.

    :raises LabelError: there are no or too many.
    """
    return LabelSpace("numbered", tuple(LabelClass(str(i), (i,), (i % 256,) * 3) for i in range(classes)))


def _label(entry: Any, position: int | None, space: Mapping[str, Any]) -> LabelClass:
    where = f"label {entry!r} of label space {space.get('name', 'custom')!r}"
    if isinstance(entry, str):
        entry = {"name": entry}
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise LabelError(f"{where} has no name")
    if unknown := sorted(set(entry) - {"name", "id", "ids", "color", "category", "has_instances", "averaged", "role"}):
        raise LabelError(f"{where} has unknown keys {unknown}")
    ids = entry.get("ids", [entry["id"]] if "id" in entry else None)
    if ids is None:
        if position is None:
            raise LabelError(f"{where} is void and needs 'ids'")
        ids = [position]
    color = entry.get("color", (0, 0, 0))
    try:
        ids = tuple(operator.index(i) for i in ids)
        red, green, blue = (operator.index(channel) for channel in color)
    except (TypeError, ValueError):
        raise LabelError(f"{where}: ids are a list of whole numbers and color is three whole numbers") from None
    if not all(0 <= channel <= 255 for channel in (red, green, blue)):
        raise LabelError(f"{where}: color is three numbers in 0..255")
    return LabelClass(
        str(entry["name"]),
        ids,
        (red, green, blue),
        entry.get("category"),
        bool(entry.get("has_instances", False)),
        own_color="color" in entry,
        averaged=bool(entry.get("averaged", True)),
        role=str(entry.get("role", "")),
    )
