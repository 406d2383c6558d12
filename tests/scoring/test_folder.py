from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from segbench.datasets.base import Dataset
from segbench.datasets.camvid import LABELS as CAMVID
from segbench.datasets.cityscapes import LABELS as CITY
from segbench.datasets.cityscapes import cityscapes
from segbench.datasets.target_folder import target_folder
from segbench.datasets.voc import LABELS as VOC
from segbench.errors import DataError
from segbench.images.colors import color_image
from segbench.images.files import read_labels, write_image, write_labels, write_uint16
from segbench.kernels.counting import count_pairs
from segbench.labels.decoding import Decoding
from segbench.labels.mapping import MappingRule
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.image_counts import Beside, Counted, Counting
from segbench.metrics.scores import score
from segbench.scoring.folder import score_folder
from segbench.scoring.pair_counting import TOGETHER, count_folder

Ids = NDArray[np.uint8]


def good_prediction(target: Ids, seed: int) -> Ids:
    """Right on 70 % of the pixels, any evaluated class elsewhere."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(target.shape) < 0.7, target, rng.choice(CITY.id_of_index, target.shape)).astype(np.uint8)


def train_ids(ids: Ids, labels: LabelSpace = CITY) -> Ids:
    index = labels.index_of_id[ids]
    return np.where(index < len(labels.classes), index, 255).astype(np.uint8)


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """Four images whose classes are as frequent as in a street: ``gtFine/val`` and ``preds``, in label ids."""
    rng = np.random.default_rng(0)
    for index in range(4):
        blocks = rng.choice(CITY.id_of_index, (4, 6), p=np.r_[0.4, 0.1, 0.2, np.full(16, 0.3 / 16)])
        target = np.kron(blocks, np.ones((6, 6), np.uint8)).astype(np.uint8)
        target[:, -2:] = 1
        stem = f"ulm_000000_{index:06}"
        write_labels(tmp_path / "gtFine" / "val" / "ulm" / f"{stem}_gtFine_labelIds.png", target)
        write_uint16(tmp_path / "gtFine" / "val" / "ulm" / f"{stem}_gtFine_instanceIds.png", target.astype(np.uint16))
        write_labels(tmp_path / "preds" / f"{stem}_pred.png", good_prediction(target, index))
    return tmp_path


def rewritten(preds: Path, to: Path, change: Callable[[Path, Ids], None]) -> Path:
    to.mkdir()
    for path in sorted(preds.glob("*.png")):
        change(to / path.name, read_labels(path))
    return to


def histograms(counted: Counted) -> NDArray[np.int64]:
    return np.array([histogram for _, histogram in counted.target_histograms()])


def assert_same(one: Counted, other: Counted) -> None:
    assert one.ids == other.ids
    assert np.array_equal(one.pairs, other.pairs)
    assert np.array_equal(one.per_image.confusion, other.per_image.confusion)
    assert np.array_equal(histograms(one), histograms(other))


def test_a_folder_is_scored_over_all_its_pixels(street: Path) -> None:
    dataset = cityscapes(street)
    result = score_folder(street / "preds", dataset)
    maps = [(dataset.read_target(s), read_labels(street / "preds" / f"{s.id}_pred.png")) for s in dataset.samples]
    expected = sum(count_pairs(target, pred) for target, pred in maps)
    assert np.array_equal(result.pairs, expected)
    assert np.array_equal(result.per_image.confusion.sum(axis=0), result.confusion.counts)
    assert list(result.ids) == [s.id for s in dataset.samples]
    assert np.array_equal(histograms(result).sum(axis=0), expected.sum(axis=1))
    assert 0.5 < score(result.confusion).acc < 0.9


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_workers_changes_nothing(cityscapes_set: Path, workers: int) -> None:
    one, other = (score_folder(cityscapes_set / "results", cityscapes(cityscapes_set), workers=n) for n in (2, workers))
    assert_same(one, other)
    assert one.instances is not None
    assert other.instances is not None
    assert one.instances.of_class == other.instances.of_class


def test_every_pair_is_given_once_in_the_order_of_the_dataset_with_its_problem_if_it_has_one(street: Path) -> None:
    dataset = cityscapes(street)
    (street / "preds" / f"{dataset.samples[1].id}_pred.png").unlink()
    items = list(count_folder(street / "preds", dataset, Counting(Decoding.of_files(CITY))))
    assert [name for name, _ in items] == [sample.id for sample in dataset.samples]
    assert [counts.problem for _, counts in items] == [None, "no prediction", None, None]


def test_a_folder_can_be_counted_in_parts(street: Path) -> None:
    dataset = cityscapes(street)
    counting = Counting(Decoding.of_files(CITY), boundary=0.05, instances=dataset.instances)
    parts = [replace(dataset, samples=samples) for samples in (dataset.samples[2:], dataset.samples[:2])]
    last, first = ([*count_folder(street / "preds", part, counting, workers=1)] for part in parts)
    whole = score_folder(street / "preds", dataset, beside=Beside(boundary=0.05))
    merged = Counted.of(counting, [*first, *last])
    assert_same(merged, whole)
    assert merged.per_image.extras == whole.per_image.extras == ("boundary", "instances")
    for name in merged.per_image.extras:
        assert np.array_equal(merged.per_image.beside[name], whole.per_image.beside[name], equal_nan=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_more_pairs_than_are_counted_at_once_come_out_as_one_by_one(street: Path, workers: int) -> None:
    dataset = cityscapes(street)
    order = np.random.default_rng(0).integers(0, 4, 8 * TOGETHER + 5)
    many = score_folder(street / "preds", replace(dataset, samples=tuple(dataset.samples[i] for i in order)), workers=workers)
    one = score_folder(street / "preds", dataset)
    assert list(many.ids) == [dataset.samples[i].id for i in order]
    assert np.array_equal(many.per_image.confusion, one.per_image.confusion[order])
    counts = [count_pairs(dataset.read_target(s), read_labels(street / "preds" / f"{s.id}_pred.png")) for s in dataset.samples]
    assert np.array_equal(many.pairs, np.sum([counts[i] for i in order], axis=0))
    assert np.array_equal(histograms(many), histograms(one)[order])


# One way to spoil the prediction of each image, and what must be said about it.
def _missing(path: Path, ids: Ids) -> None:
    path.unlink()


def _two(path: Path, ids: Ids) -> None:
    write_labels(path.with_name(path.name.replace("_pred", "_color")), ids)


def _small(path: Path, ids: Ids) -> None:
    write_labels(path, ids[:-1])


def _rgb(path: Path, ids: Ids) -> None:
    Image.fromarray(np.dstack([ids, ids, ids + 1])).save(path)


def _one_bit(path: Path, ids: Ids) -> None:
    Image.fromarray(ids > 7).save(path)


def _truncated(path: Path, ids: Ids) -> None:
    path.write_bytes(path.read_bytes()[:80])


def _out_of_range(path: Path, ids: Ids) -> None:
    ids[0, :2] = (34, 200)
    write_labels(path, ids)


def _text(path: Path, ids: Ids) -> None:
    path.write_text("no picture")


SPOILERS = [
    (_missing, "no prediction"),
    (_two, "2 predictions"),
    (_small, "size 32x31, its target is 32x32"),
    (_rgb, "3 bands (RGB)"),
    (_one_bit, "1 bit a pixel"),
    (_truncated, "damaged"),
    (_out_of_range, r"prediction ids [34, 200] are not in 'cityscapes-19'"),
    (_text, "not a picture"),
]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """One image for each spoiler, and one more that stays good."""
    rng = np.random.default_rng(1)
    for index in range(len(SPOILERS) + 1):
        target = rng.choice(CITY.id_of_index, (32, 32))
        write_labels(tmp_path / "gts" / f"ulm_0_{index:06}_gtFine_labelIds.png", target)
        write_labels(tmp_path / "preds" / f"ulm_0_{index:06}_pred.png", good_prediction(target, index))
    return tmp_path


def test_every_bad_file_of_a_set_is_named_in_one_error_and_nothing_is_scored(many: Path) -> None:
    dataset = target_folder(many / "gts")
    for (spoil, _), sample in zip(SPOILERS, dataset.samples, strict=False):
        path = many / "preds" / f"{sample.id}_pred.png"
        spoil(path, read_labels(path))
    with pytest.raises(DataError, match=f"^{len(SPOILERS)} of {len(dataset)} pairs cannot be scored, so nothing is") as caught:
        score_folder(many / "preds", dataset)
    assert len(caught.value.problems) == len(SPOILERS)
    for (_, message), sample in zip(SPOILERS, dataset.samples, strict=False):
        lines = [line for line in caught.value.problems if sample.id in line]
        assert len(lines) == 1
        assert message in lines[0]
    assert dataset.samples[-1].id not in str(caught.value)


@pytest.mark.parametrize(("spoil", "message"), SPOILERS, ids=lambda value: value.__name__.strip("_") if callable(value) else "")
def test_one_bad_file_is_enough(many: Path, spoil: Callable[[Path, Ids], None], message: str) -> None:
    dataset = target_folder(many / "gts")
    path = many / "preds" / f"{dataset.samples[3].id}_pred.png"
    spoil(path, read_labels(path))
    with pytest.raises(DataError) as caught:
        score_folder(many / "preds", dataset)
    assert [message in line for line in caught.value.problems] == [True]


def test_target_ids_out_of_range_are_named(many: Path) -> None:
    dataset = target_folder(many / "gts")
    ids = read_labels(dataset.samples[2].target)
    ids[5, 5] = 77
    write_labels(dataset.samples[2].target, ids)
    with pytest.raises(DataError, match=r"ulm_0_000002: target ids \[77\] are not in 'cityscapes-19'"):
        score_folder(many / "preds", dataset)


def test_an_unreadable_target_is_named(many: Path) -> None:
    dataset = target_folder(many / "gts")
    dataset.samples[1].target.write_text("x")
    with pytest.raises(DataError, match=r"000001_gtFine_labelIds\.png: this is text, not a picture"):
        score_folder(many / "preds", dataset)


@pytest.mark.parametrize(
    ("instances", "message"),
    [(None, "the file is missing"), (np.full((24, 36), 7001), "7001"), (np.full((24, 36), 40001), "40001"), (np.zeros((3, 3)), "size")],
    ids=["missing", "of a class without instances", "of an unknown label", "of another size"],
)
def test_a_bad_instance_map_is_named(street: Path, instances: NDArray[np.generic] | None, message: str) -> None:
    path = cityscapes(street).samples[2].extras["instances"]
    path.unlink()
    if instances is not None:
        write_uint16(path, instances.astype(np.uint16))
    with pytest.raises(DataError, match=message) as caught:
        score_folder(street / "preds", cityscapes(street))
    assert len(caught.value.problems) == 1
    assert "ulm_000000_000002" in caught.value.problems[0]


def test_predictions_in_train_ids_are_recognised_and_scored_right_when_asked(street: Path) -> None:
    dataset = cityscapes(street)
    preds = rewritten(street / "preds", street / "train", lambda path, ids: write_labels(path, train_ids(ids)))
    with pytest.raises(DataError, match=r"these predictions look like train ids.*\n(.*\n)*.*--encoding train-ids"):
        score_folder(preds, dataset)
    right, asked = score_folder(street / "preds", dataset), score_folder(preds, dataset, encoding="train-ids")
    assert np.array_equal(asked.confusion.counts, right.confusion.counts)
    assert np.array_equal(asked.per_image.confusion, right.per_image.confusion)


def test_train_ids_are_scored_as_label_ids_when_insisted(street: Path) -> None:
    preds = rewritten(street / "preds", street / "train", lambda path, ids: write_labels(path, np.minimum(train_ids(ids), 18)))
    insisted = score_folder(preds, cityscapes(street), encoding="ids")
    assert score(insisted.confusion).acc < 0.2


def test_train_ids_with_255_cannot_be_insisted_to_be_label_ids(street: Path) -> None:
    preds = rewritten(street / "preds", street / "train", lambda path, ids: write_labels(path, train_ids(ids)))
    with pytest.raises(DataError, match=r"prediction ids \[255\]"):
        score_folder(preds, cityscapes(street), encoding="ids")


def test_targets_in_train_ids_are_recognised_and_scored_right_when_asked(street: Path) -> None:
    right = score_folder(street / "preds", cityscapes(street))
    for sample in cityscapes(street).samples:
        write_labels(sample.target, train_ids(read_labels(sample.target)))
    with pytest.raises(DataError, match=r"these targets look like train ids.*\n(.*\n)*.*--target-encoding train-ids"):
        score_folder(street / "preds", cityscapes(street))
    asked = score_folder(street / "preds", cityscapes(street), target_encoding="train-ids")
    assert np.array_equal(asked.confusion.counts, right.confusion.counts)


def test_when_both_are_train_ids_both_are_said(street: Path) -> None:
    right = score_folder(street / "preds", cityscapes(street))
    for sample in cityscapes(street).samples:
        write_labels(sample.target, train_ids(read_labels(sample.target)))
    preds = rewritten(street / "preds", street / "train", lambda path, ids: write_labels(path, train_ids(ids)))
    with pytest.raises(DataError) as caught:
        score_folder(preds, cityscapes(street))
    assert "these targets look like train ids" in str(caught.value)
    assert "these predictions look like train ids" in str(caught.value)
    assert "--target-encoding train-ids --encoding train-ids" in str(caught.value)
    asked = score_folder(preds, cityscapes(street), encoding="train-ids", target_encoding="train-ids")
    assert np.array_equal(asked.confusion.counts, right.confusion.counts)


@pytest.fixture
def unambiguous(tmp_path: Path) -> tuple[Path, Dataset]:
    """CamVid-like maps: in its label space every colour stands for one label."""
    rng = np.random.default_rng(2)
    for name in ("a", "b"):
        target = rng.integers(0, 12, (20, 30), np.uint8)
        write_labels(tmp_path / "gts" / f"{name}.png", target)
        write_labels(tmp_path / "ids" / f"{name}.png", np.where(rng.random(target.shape) < 0.6, target, rng.integers(0, 12, target.shape)))
    return tmp_path, target_folder(tmp_path / "gts", CAMVID)


def test_label_ids_palettes_16_bits_train_ids_and_colours_give_equal_results(unambiguous: tuple[Path, Dataset]) -> None:
    root, dataset = unambiguous
    palette = np.random.default_rng(3).integers(0, 256, (12, 3), np.uint8)
    right = score_folder(root / "ids", dataset)
    assert right.confusion.counts.sum() > 0
    ways: dict[str, tuple[str, Callable[[Path, Ids], None]]] = {
        "palette": ("auto", lambda path, ids: write_labels(path, ids, palette)),
        "wide": ("auto", lambda path, ids: write_uint16(path, ids.astype(np.uint16))),
        "train ids": ("train-ids", lambda path, ids: write_labels(path, train_ids(ids, CAMVID))),
        "colours": ("color", lambda path, ids: write_image(path, color_image(ids, CAMVID))),
    }
    for way, (encoding, write) in ways.items():
        assert_same(score_folder(rewritten(root / "ids", root / way, write), dataset, encoding=encoding), right)  # type: ignore[arg-type]


def test_targets_in_colour_give_equal_results(unambiguous: tuple[Path, Dataset]) -> None:
    root, dataset = unambiguous
    right = score_folder(root / "ids", dataset)
    rewritten(root / "gts", root / "colored", lambda path, ids: write_image(path, color_image(ids, CAMVID)))
    assert_same(score_folder(root / "ids", target_folder(root / "colored", CAMVID), target_encoding="color"), right)


def test_colour_coded_predictions_are_refused_unless_asked_for(unambiguous: tuple[Path, Dataset]) -> None:
    root, dataset = unambiguous
    preds = rewritten(root / "ids", root / "colours", lambda path, ids: write_image(path, color_image(ids, CAMVID)))
    with pytest.raises(DataError, match="--encoding color"):
        score_folder(preds, dataset)


def test_colours_that_a_class_shares_with_void_are_the_class_in_predictions_and_refused_in_targets(street: Path) -> None:
    def drawn(path: Path, ids: Ids) -> None:
        write_image(path, color_image(CITY.index_of_id[np.where(ids == 1, 7, ids)], CITY))

    dataset = cityscapes(street)
    ids = rewritten(street / "preds", street / "ids", lambda path, ids: write_labels(path, np.where(ids == 1, 7, ids).astype(np.uint8)))
    colours = rewritten(street / "preds", street / "colours", drawn)
    assert_same(score_folder(colours, dataset, encoding="color"), score_folder(ids, dataset))
    for sample in dataset.samples:
        drawn(sample.target, np.full((24, 36), 17, np.uint8))
    with pytest.raises(DataError, match="pole or polegroup") as caught:
        score_folder(street / "preds", dataset, target_encoding="color")
    assert len(caught.value.problems) == 4


def test_unambiguous_colours_of_cityscapes_score_as_label_ids_do(street: Path) -> None:
    def without_pole_and_car(ids: Ids) -> Ids:
        return np.where(np.isin(ids, (1, 17, 26)), 7, ids).astype(np.uint8)

    ids = rewritten(street / "preds", street / "ids", lambda path, ids: write_labels(path, without_pole_and_car(ids)))
    colours = rewritten(ids, street / "colours", lambda path, ids: write_image(path, color_image(CITY.index_of_id[ids], CITY)))
    assert_same(score_folder(colours, cityscapes(street), encoding="color"), score_folder(ids, cityscapes(street)))


def test_suspicion_rests_on_the_whole_set_and_not_on_its_last_image(street: Path) -> None:
    dataset = cityscapes(street)
    write_labels(dataset.samples[-1].target, np.full((24, 36), 1, np.uint8))
    preds = rewritten(street / "preds", street / "train", lambda path, ids: write_labels(path, np.minimum(train_ids(ids), 18)))
    with pytest.raises(DataError, match="these predictions look like train ids"):
        score_folder(preds, dataset)


def test_one_image_that_happens_to_look_like_train_ids_does_not_condemn_the_set(street: Path) -> None:
    dataset = cityscapes(street)
    last = dataset.samples[-1]
    write_labels(street / "preds" / f"{last.id}_pred.png", np.minimum(train_ids(dataset.read_target(last)), 18))
    assert 0.3 < score(score_folder(street / "preds", dataset).confusion).acc < 0.7


def test_iiou_is_the_same_for_predictions_in_train_ids(cityscapes_set: Path) -> None:
    dataset = cityscapes(cityscapes_set)
    ids = rewritten(
        cityscapes_set / "results",
        cityscapes_set / "ids",
        lambda path, ids: write_labels(path, np.where(CITY.index_of_id[ids] < 19, ids, 0).astype(np.uint8)),
    )
    preds = rewritten(ids, cityscapes_set / "train", lambda path, ids: write_labels(path, train_ids(ids)))
    right, asked = (score_folder(p, dataset, encoding=e) for p, e in ((ids, "ids"), (preds, "train-ids")))  # type: ignore[arg-type]
    assert right.instances is not None
    assert asked.instances is not None
    assert right.instances.of_class == asked.instances.of_class
    assert right.instances.of_category == asked.instances.of_category
    assert sum(hits for hits, _ in right.instances.of_class.values()) > 0
    assert_same(asked, right)


@pytest.fixture
def shifted(tmp_path: Path) -> tuple[Path, Dataset]:
    """Predictions of VOC's classes that are right on four fifths of the pixels, but one too high: ``preds``, and right ones: ``right``."""
    rng = np.random.default_rng(4)
    for name in ("a", "b"):
        target = rng.choice(21, (40, 60), p=np.r_[0.5, np.full(20, 0.025)]).astype(np.uint8)
        target[:2] = 255
        pred = np.where(rng.random(target.shape) < 0.8, np.minimum(target, 19), 0).astype(np.uint8)
        for folder, ids in (("gts", target), ("right", pred), ("preds", pred + 1)):
            write_labels(tmp_path / folder / f"{name}.png", ids)
    return tmp_path, target_folder(tmp_path / "gts", VOC)


def test_predictions_that_are_shifted_by_one_are_refused_and_both_ways_out_work(shifted: tuple[Path, Dataset]) -> None:
    root, dataset = shifted
    with pytest.raises(DataError, match=r"every predicted id 1 lower\n.*--pred-labels FILE --map by-name\); .*--encoding ids$"):
        score_folder(root / "preds", dataset)
    own = LabelSpace("one too high", tuple(replace(label, ids=(label.ids[0] + 1,)) for label in VOC.classes))
    mapped = score_folder(root / "preds", dataset, mapping=MappingRule().between(own, VOC))
    assert np.array_equal(mapped.confusion.counts, score_folder(root / "right", dataset).confusion.counts)
    assert score(score_folder(root / "preds", dataset, encoding="ids").confusion).acc < 0.05


def test_shifted_predictions_are_recognised_where_some_ids_do_not_exist_either(shifted: tuple[Path, Dataset]) -> None:
    root, dataset = shifted
    for name in ("a.png", "b.png"):
        ids = read_labels(root / "preds" / name)
        ids[5, 5] = 21
        write_labels(root / "preds" / name, ids)
    with pytest.raises(DataError, match="every predicted id 1 lower") as caught:
        score_folder(root / "preds", dataset)
    assert caught.value.problems == tuple(f"{name}: prediction ids [21] are not in 'pascal-voc-21'" for name in "ab")


@pytest.mark.parametrize(
    ("masks", "way_out"), [("gts", "in the YAML of --labels"), ("preds", "in the YAML of --pred-labels, with --map by-name")]
)
def test_masks_of_0_and_255_are_named_and_the_way_out_works(tmp_path: Path, masks: str, way_out: str) -> None:
    mask = (np.random.default_rng(0).random((9, 9)) < 0.5).astype(np.uint8)
    for folder in ("gts", "preds"):
        write_labels(tmp_path / folder / "a.png", mask * np.uint8(255 if folder == masks else 1))
    ids, bytes_of_masks = (LabelSpace("mask", (LabelClass("no", (0,), (0, 0, 0)), LabelClass("yes", (i,), (1, 1, 1)))) for i in (1, 255))
    with pytest.raises(DataError, match=rf"masks of 0 and 255: say so with ids: \[255\] {way_out}$"):
        score_folder(tmp_path / "preds", target_folder(tmp_path / "gts", ids))
    of_gts, of_preds = (bytes_of_masks if masks == folder else ids for folder in ("gts", "preds"))
    result = score_folder(tmp_path / "preds", target_folder(tmp_path / "gts", of_gts), mapping=MappingRule().between(of_preds, of_gts))
    assert score(result.confusion).miou == 1
