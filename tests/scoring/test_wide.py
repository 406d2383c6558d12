"""Label spaces of more classes than bytes tell apart: maps of 16 bits, scored as numpy counts them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from segbench.cli.main import main
from segbench.datasets.target_folder import target_folder
from segbench.errors import DataError, LabelError
from segbench.kernels import counting_wide
from segbench.kernels.counting_wide import count_wide
from segbench.labels.decoding import Decoding
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.counting import count_maps
from segbench.metrics.image_counts import Counted, Counting
from segbench.records.run_record import read_run
from segbench.scoring.folder import score_folder

CLASSES, VOID = 847, 65535
LABELS = LabelSpace("many", tuple(LabelClass(f"c{i}", (i,), (0, 0, 0)) for i in range(CLASSES)), (LabelClass("void", (VOID,), (0, 0, 0)),))


def drawn(seed: int, classes: int = CLASSES) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    rng = np.random.default_rng(seed)
    target = np.kron(rng.integers(0, classes, (12, 16)), np.ones((4, 4), int)).astype(np.uint16)
    pred = np.where(rng.random(target.shape) < 0.2, rng.integers(0, classes, target.shape), target).astype(np.uint16)
    target[:3] = VOID if classes > 256 else target[:3]
    return target, pred


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pairs; those of one are bytes."""
    for index in range(5):
        maps = drawn(index, 200 if index == 3 else CLASSES)
        for name, values in zip(("gts", "preds"), maps, strict=True):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(values.astype(np.uint8) if index == 3 else values).save(tmp_path / name / f"{index}.png")
    names = ", ".join(LABELS.class_names)
    (tmp_path / "labels.yaml").write_text(f"name: many\nclasses: [{names}]\nvoid: [{{name: void, ids: [{VOID}]}}]\n")
    return tmp_path


def bincount_iou() -> NDArray[np.float64]:
    maps = [drawn(index, 200 if index == 3 else CLASSES) for index in range(5)]
    target, pred = (np.concatenate([each[side].reshape(-1) for each in maps]).astype(np.int64) for side in (0, 1))
    target, pred = target[(inside := target != VOID)], pred[inside]
    matrix = np.bincount(target * CLASSES + pred, minlength=CLASSES**2).reshape(CLASSES, CLASSES)
    hits, union = matrix.diagonal(), matrix.sum(axis=0) + matrix.sum(axis=1) - matrix.diagonal()
    return np.divide(hits, union, out=np.full(CLASSES, np.nan), where=union > 0)


def test_class_iou_of_847_classes_is_that_of_bincount(folder: Path) -> None:
    counted = score_folder(folder / "preds", target_folder(folder / "gts", LABELS))
    assert np.array_equal(counted.scores.class_iou, bincount_iou(), equal_nan=True)


def test_the_record_holds_the_cells_that_occur_and_shards_merge_to_it(folder: Path) -> None:
    run = CliRunner().invoke
    pair = [str(folder / "preds"), str(folder / "gts"), "--labels", str(folder / "labels.yaml"), "--data-name", "d", "--name", "n"]
    done = run(main, ["score", *pair, "--json", str(folder / "r.json")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert f"of {CLASSES} classes the 20 with the lowest and the 20 with the highest IoU" in done.output
    assert (folder / "r.json").stat().st_size < 1 << 20
    assert isinstance(json.loads((folder / "r.json").read_text())["confusion"], dict)
    record = read_run(folder / "r.json")
    assert np.array_equal(record.scores.class_iou, bincount_iou(), equal_nan=True)
    for shard in ("1/2", "2/2"):
        assert run(main, ["score", *pair, "--shard", shard, "--out", str(folder / "parts")]).exit_code == 0
    assert run(main, ["merge", str(folder / "parts"), "--json", str(folder / "m.json")]).exit_code == 0
    merged, whole = (json.loads((folder / name).read_text()) | {"environment": 0} for name in ("m.json", "r.json"))
    assert merged == whole
    for command in (["compare", str(folder / "r.json"), str(folder / "m.json")], ["worst", str(folder / "r.json")], ["table", str(folder)]):
        done = run(main, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output


def test_ids_that_are_of_no_label_are_named(folder: Path) -> None:
    values = drawn(1)[1]
    values[5, 5] = 9999
    Image.fromarray(values).save(folder / "preds" / "1.png")
    with pytest.raises(DataError, match=r"prediction ids \[9999\] are not in 'many'"):
        score_folder(folder / "preds", target_folder(folder / "gts", LABELS))


@pytest.mark.parametrize(("by", "said"), [(-1, "1 higher"), (1, "1 lower")])
def test_predictions_that_are_shifted_by_one_are_refused(folder: Path, by: int, said: str) -> None:
    for index in range(5):
        pred = np.asarray(Image.open(folder / "preds" / f"{index}.png")).astype(np.int64)
        Image.fromarray(np.maximum(pred + by, 0).astype(np.uint16)).save(folder / "preds" / f"{index}.png")
    with pytest.raises(DataError, match=rf"do not look like label ids of 'many'.*with every predicted id {said}"):
        score_folder(folder / "preds", target_folder(folder / "gts", LABELS))
    if by < 0:
        assert score_folder(folder / "preds", target_folder(folder / "gts", LABELS), encoding="ids").scores.miou < 0.05


def test_train_ids_of_16_bits_have_void_at_65535(folder: Path) -> None:
    shifted = replace(LABELS, classes=tuple(replace(label, ids=(label.ids[0] + 1000,)) for label in LABELS.classes))
    preds = score_folder(folder / "preds", target_folder(folder / "gts", shifted), encoding="train-ids", target_encoding="train-ids")
    assert np.array_equal(preds.scores.class_iou, bincount_iou(), equal_nan=True)


@pytest.mark.parametrize("largest", [1, 1 << 22])
def test_pairs_of_16_bits_are_those_of_unique(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting_wide, "LARGEST", largest)
    target, pred = drawn(0)
    cells, pixels = count_wide(target, pred)
    expected = np.unique(target.astype(np.int64) * 65536 + pred, return_counts=True)
    assert np.array_equal(cells, expected[0])
    assert np.array_equal(pixels, expected[1])
    with pytest.raises(ValueError, match="differ in shape"):
        count_wide(target, pred[1:])
    with pytest.raises(TypeError, match="uint16"):
        count_wide(target, pred.astype(np.uint8))


def test_empty_maps_have_no_pairs() -> None:
    none = np.zeros((0, 4), np.uint16)
    assert [len(each) for each in count_wide(none, none)] == [0, 0]


def test_what_is_counted_in_bytes_alone_is_refused() -> None:
    with pytest.raises(LabelError, match="Boundary IoU"):
        Counting(Decoding.of_files(LABELS), boundary=0.02)


def test_a_label_space_of_bytes_stays_one() -> None:
    few = LabelSpace("few", tuple(LabelClass(f"c{i}", (i,), (0, 0, 0)) for i in range(254)), (LabelClass("v", (254, 65535), (0, 0, 0)),))
    assert (few.levels, few.index_of_id.dtype, few.byte_of_wide_id) == (256, np.uint8, {65535: 254})
    assert (LABELS.levels, LABELS.wide, LABELS.void_ids) == (65536, True, (VOID,))
    assert LABELS.index_of_id[[0, 846, 847, VOID]].tolist() == [0, 846, 65536, 847]
    assert LabelSpace.from_dict(LABELS.to_dict()) == LABELS


def test_counting_is_told_and_read_back() -> None:
    counting = Counting(Decoding.of_files(LABELS))
    again = Counting.from_dict(json.loads(json.dumps(counting.to_dict())))
    counts = count_maps(again, *drawn(0))
    assert counts.problem is None
    assert Counted.of(again, [("a", counts)]).confusion.counts.sum() == (drawn(0)[0] != VOID).sum()
