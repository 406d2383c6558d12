"""Scores inside somebody's own loop: batches in, one confusion matrix over all of them out, exact to the last pixel."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segbench.errors import DataError, LabelError, UsageError
from segbench.kernels.counting import count_pairs
from segbench.kernels.counting_torch import count_pairs as count_pairs_torch
from segbench.kernels.index_bytes import STRAY, VOID, index_bytes
from segbench.kernels.upsampling import count_enlarged, kernels_run
from segbench.labels.decoding import Decoding
from segbench.labels.encodings import id_of_byte
from segbench.labels.space import MAX_CLASSES, LabelSpace, numbered_labels
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.image_counts import Counted, Counting, ImageCounts
from segbench.metrics.pair_counts import PairCounts
from segbench.metrics.scores import Scores, score
from segbench.models.outputs import largest_magnitude

if TYPE_CHECKING:
    from segbench.datasets.base import Dataset
from segbench.records.run_record import RunRecord

COMMAND = "segbench.Meter"
"""What a record says in place of the command that made it."""

Maps = Tensor | NDArray[Any]
Encoding = Literal["index", "ids"]


class Meter:
    """Adds up what a network says over batches, and gives scores over the whole data set, never a mean of batches.

    :param labels: a label space, the name of a builtin dataset, or a number of classes.
    :param ignore_index: the value of targets that are not evaluated, as losses take it.
    :param encoding: ``index``: targets hold class indices; ``ids``: label ids of the label space, and ``ignore_index`` means nothing.
    :raises UsageError: there are more classes than bytes tell apart, or ``ignore_index`` is a class.

    >>> import segbench, torch
    >>> meter = segbench.Meter(3, ignore_index=255)
    >>> meter.update(torch.tensor([[[0, 1], [2, 2]]]), torch.tensor([[[0, 1], [2, 255]]]))
    >>> meter.compute().miou
    1.0
    """

    def __init__(self, labels: LabelSpace | str | int, *, ignore_index: int = 255, encoding: Encoding = "index") -> None:
        self.labels = _label_space(labels)
        if self.labels.wide:
            raise UsageError(
                f"a meter counts up to {MAX_CLASSES} classes, and {self.labels.name!r} needs 16 bits a pixel; "
                "segbench.score_folder counts class maps of 16 bits"
            )
        if encoding == "index" and 0 <= ignore_index < len(self.labels.classes):
            raise UsageError(f"ignore_index {ignore_index} is the index of class {self.labels.class_names[ignore_index]!r}")
        self.ignore_index = ignore_index
        self.encoding = encoding
        self.reset()

    def reset(self) -> None:
        """Forget everything that was counted."""
        self._pairs: Tensor | None = None
        self._largest: Tensor | None = None
        self._images: dict[str, PairCounts] = {}
        self._count = 0

    def update(self, preds: Maps, targets: Maps, ids: Iterable[str] | None = None) -> None:
        """Count a batch.

        On a CUDA device nothing waits; what was wrong in a batch is said by :meth:`compute`.

        :param preds: class maps, integers [N, H, W], where a value that is no class is wrong everywhere; or logits, floating point
            [N, C, h, w] at any stride, which are enlarged to the targets (bilinear, ``align_corners=False``) before the argmax.
        :param targets: integers [N, H, W] on the same device.
        :param ids: one for each image. An image whose id was counted before is left out: samplers of distributed loaders repeat images.
        :raises UsageError: shapes, types or devices do not fit.
        """
        preds, targets = torch.as_tensor(preds).detach(), torch.as_tensor(targets).detach()
        self._refuse_unfit(preds, targets)
        names = None if ids is None else [str(name) for name in ids]
        if names is not None and len(names) != len(targets):
            raise UsageError(f"{len(names)} ids for {len(targets)} images")
        if names is None and self._images and self._count:
            raise UsageError("the batches before had ids, and this one has none")
        bytes_ = self._target_bytes(targets)
        if preds.is_floating_point():
            counts = count_enlarged(preds, (targets.shape[1], targets.shape[2]), bytes_)[1]
            masked = preds.shape[2:] == targets.shape[1:] and preds.numel()  # nothing is interpolated between minus infinity and a number
            largest = preds.amax().float().abs() if masked else largest_magnitude(preds)
            self._largest = largest if self._largest is None else torch.maximum(self._largest.to(largest.device), largest)
        else:
            counts = _count(bytes_, self._pred_bytes(preds))
        self._add(counts, names)

    def compute(self) -> Scores:
        """Scores over everything that was counted; NaN where nothing was.

        :raises LabelError: a target held a value that is neither a class index (or label id) nor void.
        :raises DataError: logits were NaN or infinite. Minus infinity rules a class out where logits are of the targets' size.
        """
        return score(self.confusion)

    @property
    def confusion(self) -> ConfusionMatrix:
        """The confusion matrix, int64[C, C+1], of everything that was counted; raises as :meth:`compute` does."""
        if self._largest is not None and not float(self._largest) < math.inf:
            raise DataError("some logits are NaN or infinite", way_out="a diverged training? a division by zero in the network?")
        return self._folded(np.zeros((256, 256), np.int64) if self._pairs is None else self._pairs.cpu().numpy())

    def per_image(self) -> dict[str, ConfusionMatrix]:
        """The confusion matrix of each image by its id, where ids were given."""
        return {name: self._folded(pairs.dense()) for name, pairs in self._images.items()}

    def counted(self, dataset: Dataset) -> Counted:
        """What was counted in every image of a data set, in its order: what intervals, comparisons and records are made of.

        :param dataset: the images whose ids were given to :meth:`update`.
        :raises UsageError: no ids were given, or the label spaces differ.
        :raises DataError: images of the data set were not counted, or others were; both are named.
        :raises LabelError: a target held a value that is neither a class (or label id) nor void.
        """
        if self._count and not self._images:
            raise UsageError("a record is of images by name: give update(preds, targets, ids=...) the ids of the data set's samples")
        if self.labels != dataset.labels:
            raise UsageError(
                f"this meter counts the classes of {self.labels.name!r}, and the data set has those of {dataset.labels.name!r}"
            )
        _ = self.confusion  # what was wrong with logits or targets is said first
        ids = [sample.id for sample in dataset.samples]
        problems = [f"{name}: not counted" for name in ids if name not in self._images]
        problems += [f"{name}: counted, and not in the data set" for name in self._images if name not in set(ids)]
        if problems:
            summary = f"this meter counted other images than {dataset.title} has"
            raise DataError(summary, problems, "count every image once; dataset.first(n) is a part of it")
        decoding = Decoding.of_network(self.labels)
        if self.encoding == "index":
            decoding = replace(decoding, target_ids=id_of_byte(self.labels, "train-ids"), target_encoding="train-ids")
        counted = Counted.of(Counting(decoding), ((name, ImageCounts(self._images[name])) for name in ids))
        if foreign := [f"{name}: {problem}" for name in ids if (problem := decoding.problem(self._images[name].cells & 0xFF00))]:
            raise LabelError("\n  ".join(["some targets hold bytes that stand for nothing:", *foreign]))
        return counted

    def record(self, dataset: Dataset, name: str, groups: str | None = None) -> RunRecord:
        """The run record of what was counted: the same as `segbench score` makes of the same label maps, but for the command.

        :param dataset: as for :meth:`counted`.
        :param name: what tables call the predictions.
        :param groups: what intervals draw instead of images, by a rule of :mod:`segbench.records.groups`.
        :raises SegbenchError: as :meth:`counted`; or the images' names have no such groups.
        """
        from segbench.records.groups import Draws
        from segbench.records.run_record import RunRecord

        model, protocol = {"name": name, "arguments": {}}, {"source": "label maps"}
        return RunRecord.of(self.counted(dataset), dataset, model=model, protocol=protocol, command=COMMAND, draws=Draws(groups))

    def write_record(self, path: Path | str, dataset: Dataset, name: str, groups: str | None = None) -> RunRecord:
        """Write the record, and what was counted in every image beside it, so that `segbench compare` works on it; return it."""
        from segbench.records.per_image import write_run

        record = self.record(dataset, name, groups)
        write_run(Path(path), record, self.counted(dataset))
        return record

    def merge(self, other: Meter) -> None:
        """Add what another meter of the same label space counted; images that both counted are added once.

        :raises LabelError: the meters do not fit together, or counted an image differently.
        """
        if (self.labels, self.ignore_index, self.encoding) != (other.labels, other.ignore_index, other.encoding):
            raise LabelError("meters of other label spaces, ignore_index or encoding do not add up")
        if bool(self._images) != bool(other._images) and self._count and other._count:
            raise LabelError("one meter was given ids, and the other was not")
        if apart := [name for name, pairs in other._images.items() if name in self._images and not self._images[name].equals(pairs)]:
            raise LabelError(f"two meters counted the same image differently: {', '.join(apart[:5])}")
        new = {name: pairs for name, pairs in other._images.items() if name not in self._images}
        self._count += len(new) if other._images else other._count
        pairs = sum((each.dense() for each in new.values()), np.zeros((256, 256), np.int64)) if other._images else other._pairs
        if pairs is not None:
            self._add_pairs(torch.as_tensor(pairs))
        self._images |= new
        if other._largest is not None:
            self._largest = other._largest if self._largest is None else torch.maximum(self._largest.cpu(), other._largest.cpu())

    def sync(self, group: Any = None) -> Meter:
        """A meter of what all processes of ``torch.distributed`` counted; this one stays as it is, so that it can go on.

        Integers are added: the result is the same for any number of processes, as long as repeated images have ids.
        """
        import torch.distributed as dist

        states: list[Any] = [None] * dist.get_world_size(group)
        dist.all_gather_object(states, self.state_dict(), group=group)
        total = Meter(self.labels, ignore_index=self.ignore_index, encoding=self.encoding)
        for state in states:
            other = Meter(self.labels, ignore_index=self.ignore_index, encoding=self.encoding)
            other.load_state_dict(state)
            total.merge(other)
        return total

    def state_dict(self) -> dict[str, Any]:
        """What was counted, as plain tensors and numbers on the CPU, for a checkpoint."""
        return {
            "pairs": torch.zeros(256, 256, dtype=torch.int64) if self._pairs is None else self._pairs.cpu(),
            "largest": None if self._largest is None else float(self._largest),
            "count": self._count,
            "images": {name: (torch.from_numpy(p.cells), torch.from_numpy(p.pixels)) for name, p in self._images.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Replace what was counted by what :meth:`state_dict` gave."""
        self._pairs, self._count = state["pairs"].clone(), int(state["count"])
        self._largest = None if state["largest"] is None else torch.tensor(state["largest"])
        self._images = {name: PairCounts(cells.numpy(), pixels.numpy()) for name, (cells, pixels) in state["images"].items()}

    def to(self, device: torch.device | str) -> Meter:
        """Move the sums; batches of any device can be counted wherever they are."""
        self._pairs = None if self._pairs is None else self._pairs.to(device)
        return self

    def __len__(self) -> int:
        """Images that were counted."""
        return self._count

    def _refuse_unfit(self, preds: Tensor, targets: Tensor) -> None:
        classes = len(self.labels.classes)
        if targets.ndim != 3 or targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
            raise UsageError(f"targets are integers [N, H, W], not {_kind(targets)}")
        if preds.is_floating_point():
            if preds.ndim != 4 or preds.shape[1] != classes or len(preds) != len(targets):
                raise UsageError(
                    f"logits are [{len(targets)}, {classes}, h, w] for {classes} classes and these targets, not {_kind(preds)}"
                )
        elif preds.shape != targets.shape or preds.is_complex() or preds.dtype == torch.bool:
            raise UsageError(f"class maps are integers {list(targets.shape)} as the targets, not {_kind(preds)}")
        if preds.device != targets.device:
            raise UsageError(f"predictions are on {preds.device}, and targets on {targets.device}")

    def _target_bytes(self, targets: Tensor) -> Tensor:
        if self.encoding == "ids":
            return targets if targets.dtype == torch.uint8 else _as_bytes(targets, 255)
        if targets.dtype == torch.uint8 and self.ignore_index == VOID:
            return targets
        if targets.device.type == "cpu":
            return torch.from_numpy(index_bytes(targets.numpy(), len(self.labels.classes), self.ignore_index))
        stray = _as_bytes(targets, STRAY)
        stray = torch.where(stray >= len(self.labels.classes), STRAY, stray)
        return torch.where(targets == self.ignore_index, VOID, stray).to(torch.uint8)

    def _pred_bytes(self, preds: Tensor) -> Tensor:
        return preds if preds.dtype == torch.uint8 else _as_bytes(preds, 255)

    def _add(self, counts: Tensor, names: Sequence[str] | None) -> None:
        """Add int64[N, 256, 256] of the images."""
        if names is None:
            self._add_pairs(counts[0] if len(counts) == 1 else counts.sum(0))
            self._count += len(counts)
            return
        for name, one in zip(names, counts, strict=True):
            if name not in self._images:
                self._images[name] = PairCounts.of(one.cpu().numpy())
                self._add_pairs(one)
                self._count += 1

    def _add_pairs(self, pairs: Tensor) -> None:
        if self._pairs is None:
            self._pairs = pairs.clone()
        elif self._pairs.device.type == "cpu":
            total = self._pairs.numpy()
            np.add(total, pairs.cpu().numpy(), out=total)  # torch would wake its threads for a tenth of a millisecond of work
        else:
            self._pairs += pairs.to(self._pairs.device)

    def _folded(self, pairs: NDArray[np.int64]) -> ConfusionMatrix:
        classes = len(self.labels.classes)
        index = np.arange(256, dtype=np.uint8)
        if self.encoding == "ids":
            return ConfusionMatrix.from_pairs(self.labels, pairs, index)
        if stray := int(pairs[classes:VOID].sum()):
            values = f"0 to {classes - 1}, and {self.ignore_index} where it is not evaluated"
            raise LabelError(f"{stray} pixels of the targets hold neither a class index nor ignore_index: a target holds {values}")
        counts = np.zeros((classes, classes + 1), np.int64)
        counts[:, :classes] = pairs[:classes, :classes]
        counts[:, classes] = pairs[:classes, classes:].sum(axis=1)
        return ConfusionMatrix(self.labels, counts)


def _label_space(labels: LabelSpace | str | int) -> LabelSpace:
    if isinstance(labels, LabelSpace):
        return labels
    if isinstance(labels, str):
        from segbench.datasets.opening import label_space

        return label_space(labels)
    return numbered_labels(labels)


def _count(targets: Tensor, preds: Tensor) -> Tensor:
    """int64[N, 256, 256], where the maps are."""
    if targets.is_cuda and kernels_run(targets.device):
        from segbench.kernels.counting_cuda import count_pairs as count_on_cuda

        return count_on_cuda(targets, preds)
    if targets.device.type != "cpu":
        return torch.stack([count_pairs_torch(target, pred) for target, pred in zip(targets, preds, strict=True)])
    maps = zip(targets.numpy(), preds.numpy(), strict=True)
    return torch.from_numpy(np.stack([count_pairs(*map(np.ascontiguousarray, pair)) for pair in maps]))


def _as_bytes(values: Tensor, otherwise: int) -> Tensor:
    """uint8 of the same shape; what is no byte becomes ``otherwise``."""
    return torch.where((values < 0) | (values > 255), otherwise, values).to(torch.uint8)


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
