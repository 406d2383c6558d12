"""Hypothesis strategies: label spaces, pairs of label maps, confusion matrices."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.confusion import ConfusionMatrix

Maps = tuple[NDArray[np.uint8], NDArray[np.uint8]]

BYTES = st.integers(0, 255)


def shapes(max_side: int = 12) -> st.SearchStrategy[tuple[int, ...]]:
    """Height and width, empty ones too."""
    return hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=max_side)


@st.composite
def label_spaces(draw: st.DrawFn, max_classes: int = 6) -> LabelSpace:
    """Classes with one to three ids each anywhere in 0..255, up to three void ids, two categories."""
    ids = draw(st.lists(BYTES, min_size=1, max_size=3 * max_classes, unique=True))
    owners = draw(st.lists(st.integers(0, max_classes), min_size=len(ids), max_size=len(ids)))
    groups = [tuple(i for i, owner in zip(ids, owners, strict=True) if owner == number) for number in range(max_classes + 1)]
    void = [LabelClass("void", groups[-1], (0, 0, 0))] if groups[-1] else []
    classes = [LabelClass(f"class {n}", group, (n, n, n), "even" if n % 2 == 0 else "odd") for n, group in enumerate(groups[:-1]) if group]
    if not classes:
        classes, void = [LabelClass("class 0", groups[-1], (0, 0, 0), "even")], []
    return LabelSpace("drawn", tuple(classes), tuple(void))


@st.composite
def map_pairs(draw: st.DrawFn, target_bytes: st.SearchStrategy[int] = BYTES, pred_bytes: st.SearchStrategy[int] = BYTES) -> Maps:
    """Two label maps of one shape, with runs and without."""
    shape = draw(shapes())
    target = draw(hnp.arrays(np.uint8, shape, elements=target_bytes, fill=target_bytes))
    pred = draw(hnp.arrays(np.uint8, shape, elements=pred_bytes, fill=pred_bytes))
    return target, pred


@st.composite
def labelled_map_pairs(draw: st.DrawFn) -> tuple[LabelSpace, NDArray[np.uint8], NDArray[np.uint8]]:
    """A label space, a target in its ids and a prediction of any bytes, half of them known ids."""
    labels = draw(label_spaces())
    known = st.sampled_from(sorted(labels.known_ids))
    target, pred = draw(map_pairs(known, known | BYTES))
    return labels, target, pred


def plain_labels(classes: int) -> LabelSpace:
    """Classes ``0 .. classes - 1`` that own their index, void 255."""
    return LabelSpace(
        "plain", tuple(LabelClass(f"class {i}", (i,), (i, i, i)) for i in range(classes)), (LabelClass("void", (255,), (0, 0, 0)),)
    )


@st.composite
def confusions(draw: st.DrawFn, max_classes: int = 6, max_count: int = 10**9) -> ConfusionMatrix:
    """Confusion matrices with many zeros, so that absent classes occur."""
    classes = draw(st.integers(1, max_classes))
    counts = draw(hnp.arrays(np.int64, (classes, classes + 1), elements=st.just(0) | st.integers(0, max_count), fill=st.just(0)))
    return ConfusionMatrix(plain_labels(classes), counts)
