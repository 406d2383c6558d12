from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segbench.errors import DataError, RecordError
from segbench.metrics.confusion import ConfusionMatrix
from segbench.metrics.per_image import PerImage
from segbench.metrics.uncertainty import bootstrap
from segbench.records import per_image
from segbench.records.groups import Draws, groups_of, intervals_of
from segbench.records.per_image import read_per_image, with_intervals, write_per_image
from tests.report.fakes import GOOD, LABELS, run_record

COUNTS = np.random.default_rng(0).integers(0, 100, (4, 3, 4))


def test_matrices_are_read_as_they_were_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_per_image(tmp_path / "sub" / "r.npz", ["a", "b", "c", "ü"], PerImage(COUNTS))
    ids, counted = read_per_image(tmp_path / "sub" / "r.npz")
    assert ids == ["a", "b", "c", "ü"]
    assert counted.confusion.dtype == np.int64
    assert np.array_equal(counted.confusion, COUNTS)
    assert not counted.beside
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["r.npz"]


def test_a_record_without_intervals_gets_those_of_the_matrices_beside_it(tmp_path: Path) -> None:
    record = replace(run_record("a", GOOD), confusion=ConfusionMatrix(LABELS, COUNTS.sum(axis=0)))
    write_per_image(tmp_path / "a.npz", "abcd", PerImage(COUNTS))
    found = with_intervals(record, tmp_path / "a.npz").intervals
    assert found is not None
    assert np.array_equal(found.bounds["miou"], bootstrap(LABELS, COUNTS).bounds["miou"])
    assert with_intervals(record, tmp_path / "none.npz").intervals is None


def test_recorded_intervals_are_not_computed_again(tmp_path: Path) -> None:
    record = replace(run_record("a", GOOD), intervals=bootstrap(LABELS, COUNTS, replicates=7))
    (tmp_path / "a.npz").write_bytes(b"not looked at")
    assert with_intervals(record, tmp_path / "a.npz") is record


def test_matrices_of_another_run_are_refused(tmp_path: Path) -> None:
    write_per_image(tmp_path / "a.npz", "abcd", PerImage(COUNTS))
    with pytest.raises(RecordError, match=r"a\.npz: these matrices do not add up to the record"):
        with_intervals(run_record("a", GOOD), tmp_path / "a.npz")


def saved(path: Path, **arrays: NDArray[np.int64] | list[str]) -> None:
    np.savez(path, **{name: np.array(array) for name, array in arrays.items()})


def test_what_are_no_matrices_is_refused_with_the_files_name(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_bytes(b"no archive")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.save(tmp_path / "bare.npy", COUNTS)
    (tmp_path / "bare.npy").rename(tmp_path / "bare.npz")
    saved(tmp_path / "part.npz", ids=["a"])
    saved(tmp_path / "fewer.npz", ids=["a"], counts=COUNTS)
    np.savez(tmp_path / "floats.npz", ids=list("abcd"), counts=COUNTS.astype(float))
    whole = tmp_path / "whole.npz"
    saved(whole, ids=list("abcd"), counts=COUNTS)
    (tmp_path / "cut.npz").write_bytes(whole.read_bytes()[:300])
    write_per_image(tmp_path / "bent.npz", "abcd", PerImage(COUNTS))
    packed = bytearray((tmp_path / "bent.npz").read_bytes())
    packed[-250:-200] = bytes(50)
    (tmp_path / "bent.npz").write_bytes(packed)
    for name in ("text", "empty", "bare", "part", "fewer", "floats", "cut", "bent", "missing"):
        with pytest.raises(RecordError, match=rf"{name}\.npz"):
            read_per_image(tmp_path / f"{name}.npz")


def test_what_else_was_counted_is_read_as_it_was_written(tmp_path: Path) -> None:
    boundary, instances = COUNTS[:, :, :3], COUNTS[:, :, :2] / 3
    write_per_image(tmp_path / "r.npz", "abcd", PerImage(COUNTS, {"boundary": boundary, "instances": instances}))
    _, counted = read_per_image(tmp_path / "r.npz")
    assert np.array_equal(counted.beside["boundary"], boundary)
    assert np.array_equal(counted.beside["instances"], instances)


def test_many_large_matrices_are_written_as_the_cells_that_occur(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_per_image(tmp_path / "whole.npz", "abcd", PerImage(COUNTS))
    monkeypatch.setattr(per_image, "DENSE", 0)
    write_per_image(tmp_path / "cells.npz", "abcd", PerImage(COUNTS))
    assert set(np.load(tmp_path / "cells.npz")) == {"ids", "classes", "ends", "cells", "pixels"}
    (ids, whole), (same_ids, cells) = (read_per_image(tmp_path / f"{name}.npz") for name in ("whole", "cells"))
    assert ids == same_ids
    assert cells.matrices.equals(whole.matrices)
    assert np.array_equal(cells.confusion, COUNTS)


@pytest.mark.parametrize(
    "change",
    [
        {"ends": np.array([1, 2])},
        {"ends": np.array([3, 2, 1, 4])},
        {"cells": np.array([-1])},
        {"cells": np.array([10**9])},
        {"pixels": np.array([-4])},
        {"classes": np.array(0)},
        {"pixels": np.array([0.5])},
    ],
)
def test_cells_that_do_not_fit_together_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    good = {"ids": np.array(["a"]), "classes": np.array(2), "ends": np.array([1]), "cells": np.array([0]), "pixels": np.array([7])}
    np.savez(tmp_path / "good.npz", **good)
    assert read_per_image(tmp_path / "good.npz")[1].confusion[0, 0, 0] == 7
    np.savez(tmp_path / "bad.npz", **(good | change))
    with pytest.raises(RecordError, match=r"bad\.npz"):
        read_per_image(tmp_path / "bad.npz")


IDS = ["frankfurt_000000_000294", "val/frankfurt/frankfurt_000000_000576", "frankfurt_000001_000019", "munster_000000_000019"]


def test_cities_and_sequences_are_read_from_the_images_names() -> None:
    assert list(groups_of(IDS, "city").of_images) == ["frankfurt", "frankfurt", "frankfurt", "munster"]
    assert list(groups_of(IDS, "sequence").of_images) == ["frankfurt_000000", "frankfurt_000000", "frankfurt_000001", "munster_000000"]
    assert groups_of(["0006R0_f00930", "0006R0_f00960", "0016E5_07961"], "sequence").of_images == ("0006R0", "0006R0", "0016E5")


def test_intervals_over_cities_draw_cities_and_say_so() -> None:
    found = intervals_of(LABELS, IDS, PerImage(COUNTS), Draws("city"))
    expected = bootstrap(LABELS, COUNTS, groups=[1, 1, 1, 2], unit="cities")
    assert (found.units, found.unit) == (2, "cities")
    assert np.array_equal(found.bounds["miou"], expected.bounds["miou"])


@pytest.mark.parametrize(
    ("ids", "problem"), [(["a", "b_1"], "1 of 2 images have no city in their name, e.g. 'a'"), (["b_0", "b_1"], "no cities")]
)
def test_names_without_groups_are_refused(ids: list[str], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        groups_of(ids, "city")


def test_a_header_that_is_half_a_python_text_is_no_traceback(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        header = b"{'descr': '<i8', 'fortran_order': False, 'shape': (2, 0 \n"
        archive.writestr("ids.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(RecordError, match="not the matrices of a record's images"):
        read_per_image(tmp_path / "a.npz")
