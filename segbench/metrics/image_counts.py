"""What one image gives, and what many give together: the unit that is read, summed, kept in a journal and told in a record.

    ImageCounts     of one image: pair counts over bytes, and what else was counted in it
    Counted         of many, under one meaning of their bytes: sums, scores, and arrays by image

Everything in it is whole numbers but V_rand, V_info and sums of probabilities, which are added in the order of the data set. So images can
be counted anywhere, in any order, and put together afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segbench.errors import LabelError, UsageError
from segbench.files.name_list import NameList
from segbench.labels.decoding import Decoding
from segbench.labels.encodings import pairs_to_ids, to_ids
from segbench.labels.space import LabelSpace
from segbench.metrics.cells import added
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.extra import Extra
from segbench.metrics.extras import EXTRAS, Extras, in_order
from segbench.metrics.image_scores import image_miou
from segbench.metrics.instance_iou import InstanceRule, InstanceScores, InstanceTable, Rows, weighted_sums
from segbench.metrics.matrices import CellLog, Matrices
from segbench.metrics.pair_counts import PairCounts
from segbench.metrics.per_image import PerImage
from segbench.metrics.scores import Scores, score

IMAGE_EXTRAS: dict[str, Extra | None] = {"instances": None, **EXTRAS}
IMAGE_EXTRAS = {name: IMAGE_EXTRAS[name] for name in in_order(IMAGE_EXTRAS, "boundary instances segments errors trimap calibration")}
"""The fields of :class:`ImageCounts` beside pairs; instances have a sum of their own."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """What is counted beside pairs because somebody asked for it, in class maps of a network too.

    ``boundary``: pixels near the edges of classes, within this share of an image's diagonal (Boundary IoU). ``errors``: wrong pixels by
    their cause, where an edge is near within so many pixels. ``trimap``: pixels by their distance from an edge of the target.
    ``surface``: boundary pixels by how near they are to those of the other map, within tolerances (:mod:`segbench.metrics.surface`).
    ``strata``: segments of the target, cut into so many strata by quantiles of their size (:mod:`segbench.metrics.size_strata`).
    ``calibration``: a network's confidence; ``ood``: its scores of anomaly. Label maps have neither.

    >>> import segbench
    >>> asked = segbench.Beside(errors=3, surface=(2, 0.008))
    >>> counted = segbench.score_folder("preds", segbench.open_dataset("mydata.yaml"), beside=asked)
    >>> sorted(counted.total.counted)
    ['errors', 'surface']
    """

    boundary: float | None = None
    errors: int | None = None
    trimap: bool = False
    calibration: bool = False
    surface: tuple[float, ...] | None = None
    strata: int | None = None
    ood: bool = False

    def of_label_maps(self) -> dict[str, Any]:
        """The same by name, for label maps.

        :raises UsageError: it asks for what only networks have.
        """
        asked = {each.name: getattr(self, each.name) for each in fields(Beside)}
        if of_networks := [name for name in ("calibration", "ood") if asked[name]]:
            raise UsageError(f"label maps have no {' and no '.join(of_networks)}; `segbench.run` counts them of a network")
        return asked


NOTHING = Beside()


@dataclass(frozen=True, eq=False)
class Counting(Beside):
    """What is counted in every image beside pairs, and what bytes stand for; by the fields of :class:`ImageCounts`.

    ``instances``: those of an instance map. ``segments``: regions of the class of this name.
    """

    decoding: Decoding
    _: KW_ONLY
    instances: InstanceRule | None = None
    segments: str | None = None

    def __post_init__(self) -> None:
        if self.decoding.wide and self.beside_pairs:
            name, flag = self.decoding.labels.name, next((extra.flag for extra in self._of_maps if extra.flag), "")
            way_out = f"; leave out {flag}" if flag else ""
            raise LabelError(f"{self.beside_pairs[0]}: counted in maps of bytes alone, and the classes of {name!r} need 16 bits{way_out}")

    def asks(self, name: str) -> bool:
        """Whether what the field of this name says is counted."""
        return getattr(self, name) is not None and getattr(self, name) is not False

    @property
    def _of_maps(self) -> list[Extra]:
        return [extra for name, extra in EXTRAS.items() if extra.title and self.asks(name)]

    @property
    def beside_pairs(self) -> list[str]:
        """What is counted beside pairs, in words; it needs both maps whole."""
        return [*(extra.title for extra in self._of_maps), *(["instances"] if self.instances else [])]

    def to_dict(self) -> dict[str, Any]:
        """Plain data; :meth:`from_dict` reads it back."""
        instances = self.instances and {"divisor": self.instances.divisor, "average_size": dict(self.instances.average_size)}
        own = {name: getattr(self, name) for name in IMAGE_EXTRAS} | {"instances": instances}
        return {"decoding": self.decoding.to_dict(), **own}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Counting:
        """What :meth:`to_dict` gave.

        :raises KeyError, TypeError, ValueError, LabelError: something is missing or does not fit.
        """
        own: dict[str, Any] = {name: tuple(data[name]) if isinstance(data[name], list) else data[name] for name in IMAGE_EXTRAS}
        own |= {"instances": data["instances"] and InstanceRule(**data["instances"])}
        return cls(Decoding.from_dict(data["decoding"]), **own)

    @cached_property
    def instance_table(self) -> InstanceTable | None:
        """Which instances count, and how much."""
        return InstanceTable(self.decoding.labels, self.instances) if self.instances else None


@dataclass(frozen=True, eq=False)
class ImageCounts(Extras):
    """Of one image under one model. What was not asked for is ``None``.

    ``pairs`` are over bytes; the others are over classes (:class:`Counting` says which). ``problem``: why the image cannot be scored, and
    ``way_out`` what helps.
    """

    pairs: PairCounts
    _: KW_ONLY
    instances: Rows | None = None
    problem: str | None = None
    way_out: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; :meth:`from_dict` reads it back. What is ``None`` is left out."""
        data: dict[str, Any] = {"pairs": self.pairs.to_rows()}
        for name, extra in IMAGE_EXTRAS.items():
            if (value := getattr(self, name)) is not None:
                data[name] = extra.write(value) if extra else value.tolist()
        data |= {"problem": self.problem, "way_out": self.way_out or None}
        return {name: value for name, value in data.items() if value is not None}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], classes: int) -> ImageCounts:
        """Read plain data.

        :raises KeyError, TypeError, ValueError, IndexError: something is missing or does not fit.
        """
        found = {name: extra.read(data[name], classes) for name, extra in EXTRAS.items() if data.get(name) is not None}
        if data.get("instances") is not None:
            found["instances"] = np.array(data["instances"], np.int64).reshape(-1, 4)
        return cls(PairCounts.from_rows(data["pairs"]), problem=data.get("problem"), way_out=data.get("way_out", ""), **found)


@dataclass(frozen=True, eq=False)
class Counted:
    """Images ``ids`` and what was counted in each, in the order of the data set.

    ``log`` holds the pair counts of every image, past a bound in a temporary file. ``extras``: by field of :class:`ImageCounts` what was
    counted in every image beside them. ``found``: by position why images cannot be scored, and what helps.
    """

    counting: Counting
    ids: Sequence[str]
    log: CellLog
    extras: Mapping[str, Sequence[Any]]
    found: Mapping[int, tuple[str, str]]

    @classmethod
    def of(cls, counting: Counting, items: Iterable[tuple[str, ImageCounts]]) -> Counted:
        """From (sample id, counts), as scoring and running yield them."""
        ids, log, found = NameList(), CellLog(), dict[int, tuple[str, str]]()
        extras: dict[str, list[Any]] = {name: [] for name in IMAGE_EXTRAS}
        for name, image in items:
            if image.problem:
                found[len(ids)] = image.problem, image.way_out
            ids.append(name)
            log.append(image.pairs.of_levels(counting.decoding.levels).cells, image.pairs.pixels)
            for extra in list(extras):  # what one image lacks is not told of all
                if (value := getattr(image, extra)) is None:
                    del extras[extra]
                else:
                    extras[extra].append(value)
        return cls(counting, ids, log, extras if ids else {}, found)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labels(self) -> LabelSpace:
        """The classes that are compared."""
        return self.counting.decoding.labels

    @property
    def problems(self) -> list[str]:
        """One line for each image that cannot be scored."""
        return [f"{self.ids[index]}: {problem}" for index, (problem, _) in self.found.items()]

    @property
    def ways_out(self) -> list[str]:
        """What helps against the problems, each once."""
        return list(dict.fromkeys(line for _, way_out in self.found.values() for line in way_out.splitlines()))

    @cached_property
    def matrices(self) -> Matrices:
        """The confusion matrix of every image, as the cells that occur."""
        decoding = self.counting.decoding
        return Matrices(self.log, len(self.labels.classes), decoding.levels, decoding.target_index, decoding.pred_index)

    @property
    def confusions(self) -> NDArray[np.int64]:
        """int64[N, C, C+1]: the confusion matrix of every image, all at once, for few and small ones."""
        return self.matrices.dense()

    @cached_property
    def confusion(self) -> ConfusionMatrix:
        """The confusion matrix of all images together."""
        return ConfusionMatrix(self.labels, self.matrices.total())

    @property
    def scores(self) -> Scores:
        """Every score of the confusion matrix."""
        return score(self.confusion)

    def worst(self, count: int) -> list[tuple[str, float]]:
        """The images with the lowest mIoU over their own classes, and that mIoU, the lowest first; never a score of the data set."""
        mious = image_miou(self.matrices)
        order = [int(index) for index in np.argsort(mious, kind="stable") if not np.isnan(mious[index])]
        return [(self.ids[index], round(float(mious[index]), 3)) for index in order[:count]]

    @cached_property
    def byte_pairs(self) -> NDArray[np.int64]:
        """int64[256, 256]: the pair counts of all images, over bytes."""
        total = np.zeros(65536, np.int64)
        for block in self.log.blocks():
            np.add.at(total, block.cells, block.pixels)
        return total.reshape(256, 256)

    def total_cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The pair counts of all images as the cells int64[K] that occur, ascending, and the pixels of each."""
        if not self.counting.decoding.wide:
            flat = self.byte_pairs.reshape(-1)
            cells = np.flatnonzero(flat)
            return cells, flat[cells]
        return added((block.cells, block.pixels) for block in self.log.blocks())

    @property
    def pairs(self) -> NDArray[np.int64]:
        """int64[256, 256]: the pair counts of all images, over label ids."""
        return pairs_to_ids(self.byte_pairs, self.counting.decoding.target_ids, self.counting.decoding.pred_ids)

    @cached_property
    def alike(self) -> bool:
        """Whether every pixel of every prediction is as in its target, void too; there is one at least."""
        levels = self.counting.decoding.levels
        return len(self) > 0 and all((block.cells % (levels + 1) == 0).all() for block in self.log.blocks())

    @cached_property
    def pred_pixels(self) -> NDArray[np.int64]:
        """int64[256], or int64[65536] of wide maps: the predicted pixels of each label id, on void too."""
        table = self.counting.decoding.pred_ids
        pixels = np.zeros(len(table), np.int64)
        for block in self.log.blocks():
            np.add.at(pixels, table[block.cells % len(table)], block.pixels)
        return pixels

    def target_histograms(self) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """Of every image its id and int64[256], the pixels of each target id, void included.

        Of wide maps it is int64[2, K]: the ids that occur, ascending, and the pixels of each.
        """
        if self.counting.decoding.wide:
            yield from self._wide_histograms()
            return
        for block in self.log.blocks(most=1024):
            histograms = np.zeros((block.number, 256), np.int64)
            np.add.at(histograms, (block.image, block.cells >> 8), block.pixels)
            histograms = to_ids(histograms, self.counting.decoding.target_ids)
            yield from zip(self.ids[block.first : block.first + block.number], histograms, strict=True)

    def _wide_histograms(self) -> Iterator[tuple[str, NDArray[np.int64]]]:
        table = self.counting.decoding.target_ids
        for index, name in enumerate(self.ids):
            cells, pixels = self.log.image(index)
            ids, inverse = np.unique(table[cells // len(table)], return_inverse=True)
            yield name, np.stack([ids.astype(np.int64), np.bincount(inverse, pixels, len(ids)).astype(np.int64)])

    @cached_property
    def total(self) -> Extras:
        """What was counted beside pairs, of all images together; of V_rand and V_info the means."""
        return Extras(**{name: extra.total(counted) for name, extra in EXTRAS.items() if (counted := self.extras.get(name))})

    @cached_property
    def instances(self) -> InstanceScores | None:
        """The weighted instances of all images together, for iIoU."""
        counted = self.extras.get("instances")
        table = self.counting.instance_table
        return InstanceScores(table, np.concatenate(counted)) if counted and table else None

    @cached_property
    def per_image(self) -> PerImage:
        """What was counted in each image."""
        beside = dict[str, NDArray[Any]]()
        for name, counted in self.extras.items():
            if extra := EXTRAS.get(name):
                beside |= extra.stacked(counted) if counted else {}
            elif counted:
                beside[name] = self._weighted(counted)
        return PerImage(self.matrices, beside)

    def _weighted(self, rows: Sequence[Rows]) -> NDArray[np.float64]:
        assert self.counting.instance_table is not None
        image = np.repeat(np.arange(len(rows)), [len(each) for each in rows])
        return weighted_sums(self.counting.instance_table, np.concatenate(rows), image, len(rows))
