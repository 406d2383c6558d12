"""What the bytes of targets and of predictions stand for, and which classes are compared: decided once for a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import LabelError
from segbench.labels.encodings import FOREIGN, Encoding, id_of_byte
from segbench.labels.mapping import LabelMapping, MappingRule, outside_id
from segbench.labels.space import BYTES, LabelSpace


@dataclass(frozen=True, eq=False)
class Decoding:
    """``target_ids`` and ``pred_ids``: byte to label id of ``labels``, the classes that are compared; FOREIGN for no label.

    Both are int16[256]; of wide label spaces int32[65536], and what is called a byte here is a pixel's value of 16 bits.

    ``target_labels`` is the dataset's label space, ``pred_labels`` that of the predictions; without a ``mapping`` both are ``labels``.
    """

    labels: LabelSpace
    target_labels: LabelSpace
    pred_labels: LabelSpace
    target_ids: NDArray[Any]
    pred_ids: NDArray[Any]
    target_encoding: Encoding = "ids"
    encoding: Encoding = "ids"
    mapping: LabelMapping | None = None

    @classmethod
    def of_files(
        cls, labels: LabelSpace, *, encoding: Encoding = "auto", target_encoding: Encoding = "auto", mapping: LabelMapping | None = None
    ) -> Decoding:
        """Of label maps in files, against targets in a dataset's label space.

        :param encoding: of the predictions.
        :param mapping: the predictions are in its source's labels, and stand for classes of the dataset as it says.
        """
        if mapping and (mapping.source.wide or mapping.target.wide):
            wide = next(space for space in (mapping.source, mapping.target) if space.wide)
            raise LabelError(f"classes are mapped between label spaces of bytes, and {wide.name!r} needs 16 bits; leave out --map")
        compared = mapping.compared if mapping else labels
        pred_ids = mapping.id_of_byte(encoding) if mapping else id_of_byte(labels, encoding)
        source = mapping.source if mapping else labels
        return cls(compared, labels, source, id_of_byte(labels, target_encoding), pred_ids, target_encoding, encoding, mapping)

    @classmethod
    def of_network(cls, labels: LabelSpace, mapping: LabelMapping | None = None) -> Decoding:
        """Of what a network predicts: class indices of the dataset, C for outside, against targets in label ids.

        :param mapping: what the network's own classes stand for; class indices are the dataset's already.
        """
        compared, classes = mapping.compared if mapping else labels, len(labels.classes)
        pred_ids = np.full(256, FOREIGN, np.int16)
        pred_ids[:classes] = labels.id_of_index
        if mapping:
            pred_ids[classes] = outside_id(compared)
        return cls(compared, labels, labels, id_of_byte(labels, "ids"), pred_ids, mapping=mapping)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; :meth:`from_dict` reads it back."""
        rule = self.mapping and {
            "rule": {"name": self.mapping.rule.name, **self.mapping.rule.to_dict()},
            "source": self.mapping.source.to_dict(),
            "target": self.mapping.target.to_dict(),
        }
        return {
            "labels": self.labels.to_dict(),
            "target_labels": self.target_labels.to_dict(),
            "pred_labels": self.pred_labels.to_dict(),
            "target_ids": _told(self.target_ids),
            "pred_ids": _told(self.pred_ids),
            "target_encoding": self.target_encoding,
            "encoding": self.encoding,
            "mapping": rule,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Decoding:
        """What :meth:`to_dict` gave.

        :raises KeyError, TypeError, ValueError, LabelError: something is missing or does not fit.
        """
        mapping = None
        if said := data["mapping"]:
            classes = {name: tuple(sources) for name, sources in said["rule"]["classes"].items()}
            rule = MappingRule(**{**said["rule"], "classes": classes, "drop": tuple(said["rule"]["drop"])})
            mapping = rule.between(LabelSpace.from_dict(said["source"]), LabelSpace.from_dict(said["target"]))
        labels, target_labels, pred_labels = (LabelSpace.from_dict(data[name]) for name in ("labels", "target_labels", "pred_labels"))
        target_ids, pred_ids = (_table(data[name]) for name in ("target_ids", "pred_ids"))
        return cls(labels, target_labels, pred_labels, target_ids, pred_ids, data["target_encoding"], data["encoding"], mapping)

    @property
    def levels(self) -> int:
        """How many values a pixel can have: 256, or 65 536."""
        return len(self.target_ids)

    @property
    def wide(self) -> bool:
        """Whether a pixel has 16 bits."""
        return self.levels > BYTES

    @property
    def guesses_targets(self) -> bool:
        """Whether nobody said in which encoding the targets are."""
        return self.target_encoding == "auto"

    @property
    def guesses_preds(self) -> bool:
        """Likewise for predictions. Under a mapping their bytes cannot agree with the targets', so they look like nothing."""
        return self.encoding == "auto" and self.mapping is None

    @cached_property
    def target_index(self) -> NDArray[Any]:
        """uint8[256], or int32[65536] of wide maps: target byte to class index; C or more for void and for no label."""
        return self._index(self.target_ids)

    @cached_property
    def pred_index(self) -> NDArray[Any]:
        """The same of the predicted byte to class index; C or more for no class."""
        return self._index(self.pred_ids)

    def problem(self, cells: NDArray[np.integer]) -> str | None:
        """Bytes that stand for nothing, of the pairs that occur: int[K], 256 (or 65 536) times the target byte plus the predicted byte."""
        if not self.wide and not self._foreign[cells].any():
            return None
        targets, preds = np.divmod(cells, self.levels)
        sides = ("target", targets, self.target_ids, self.labels), ("prediction", preds, self.pred_ids, self.pred_labels)
        found = ((role, np.unique(there[table[there] == FOREIGN]).tolist(), space) for role, there, table, space in sides)
        problems = (f"{role} ids {foreign} are not in {space.name!r}" for role, foreign, space in found if foreign)
        return next(problems, None)

    @cached_property
    def _foreign(self) -> NDArray[np.bool_]:
        """bool[65536]: whether a byte of a cell stands for nothing."""
        return np.asarray((self.target_ids == FOREIGN)[:, None] | (self.pred_ids == FOREIGN)).reshape(-1)

    def _index(self, ids: NDArray[Any]) -> NDArray[Any]:
        index = self.labels.index_of_id
        return np.where(ids == FOREIGN, self.labels.unknown, index[ids]).astype(index.dtype)


def _told(table: NDArray[Any]) -> Any:
    """A table for JSON: a list, or of wide maps the values that stand for something, and for what."""
    if len(table) == BYTES:
        return table.tolist()
    (values,) = np.nonzero(table != FOREIGN)
    return {"levels": len(table), "values": values.tolist(), "ids": table[values].tolist()}


def _table(data: Any) -> NDArray[Any]:
    """What :func:`_told` gave."""
    if not isinstance(data, Mapping):
        return np.array(data, np.int16)
    table = np.full(int(data["levels"]), FOREIGN, np.int32)
    table[data["values"]] = data["ids"]
    return table
