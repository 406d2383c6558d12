"""What the bytes of targets and of predictions stand for, and which classes are compared: decided once for a folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from segbench.labels.encodings import FOREIGN, Encoding, foreign_bytes, id_of_byte
from segbench.labels.mapping import LabelMapping
from segbench.labels.space import UNKNOWN, LabelSpace


@dataclass(frozen=True, eq=False)
class Decoding:
    """``target_ids`` and ``pred_ids``, int16[256]: byte to label id of ``labels``, the classes that are compared; FOREIGN for no label.

    ``target_labels`` is the dataset's label space, ``pred_labels`` that of the predictions; without a ``mapping`` both are ``labels``.
    """

    labels: LabelSpace
    target_labels: LabelSpace
    pred_labels: LabelSpace
    target_ids: NDArray[np.int16]
    pred_ids: NDArray[np.int16]
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
        compared = mapping.compared if mapping else labels
        pred_ids = mapping.id_of_byte(encoding) if mapping else id_of_byte(labels, encoding)
        source = mapping.source if mapping else labels
        return cls(compared, labels, source, id_of_byte(labels, target_encoding), pred_ids, target_encoding, encoding, mapping)

    @property
    def guesses_targets(self) -> bool:
        """Whether nobody said in which encoding the targets are."""
        return self.target_encoding == "auto"

    @property
    def guesses_preds(self) -> bool:
        """Likewise for predictions. Under a mapping their bytes cannot agree with the targets', so they look like nothing."""
        return self.encoding == "auto" and self.mapping is None

    @cached_property
    def target_index(self) -> NDArray[np.uint8]:
        """uint8[256]: target byte to class index; C or more for void and for no label."""
        return self._index(self.target_ids)

    @cached_property
    def pred_index(self) -> NDArray[np.uint8]:
        """uint8[256]: predicted byte to class index; C or more for no class."""
        return self._index(self.pred_ids)

    def problem(self, targets: NDArray[np.int64], preds: NDArray[np.int64]) -> str | None:
        """The bytes of histograms int64[256] that stand for nothing."""
        sides = ("target", targets, self.target_ids, self.labels), ("prediction", preds, self.pred_ids, self.pred_labels)
        for role, histogram, table, space in sides:
            if foreign := foreign_bytes(histogram, table):
                return f"{role} ids {foreign} are not in {space.name!r}"
        return None

    def _index(self, ids: NDArray[np.int16]) -> NDArray[np.uint8]:
        return np.where(ids == FOREIGN, UNKNOWN, self.labels.index_of_id[ids]).astype(np.uint8)
