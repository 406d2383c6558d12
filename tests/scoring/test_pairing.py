from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from segbench.datasets.base import Dataset, Sample
from segbench.errors import DataError
from segbench.images.folders import label_map_files
from segbench.scoring.pairing import pair_predictions
from tests.strategies import plain_labels

GTS = Path("/targets")


def by_prefix(*ids: str) -> Dataset:
    samples = tuple(Sample(i, Path(f"{i}.png"), GTS / "val" / f"{i}_gtFine_labelIds.png") for i in ids)
    return Dataset("city", "val", plain_labels(2), samples, GTS, prefix_pairing=True)


def by_stem(*targets: str) -> Dataset:
    samples = tuple(Sample(str(Path(t).with_suffix("")), GTS / t, GTS / t) for t in targets)
    return Dataset("folder", "custom", plain_labels(2), samples, GTS)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., Path]:
    def make(*names: str) -> Path:
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return tmp_path

    return make


def found(preds: Path, dataset: Dataset) -> dict[str, str]:
    pairing = pair_predictions(preds, dataset)
    assert not pairing.problems
    return {sample.id: path.relative_to(preds).as_posix() for sample, path in pairing.pairs}


@pytest.mark.parametrize(
    "name",
    [
        "a_000000_000019.png",
        "a_000000_000019_pred.png",
        "a_000000_000019.pred.png",
        "deep/er/a_000000_000019_leftImg8bit.png",
        "a_000000_000019-x.PNG",
    ],
)
def test_a_prediction_begins_with_the_id_and_lies_anywhere(files: Callable[..., Path], name: str) -> None:
    assert found(files(name), by_prefix("a_000000_000019")) == {"a_000000_000019": name}


@pytest.mark.parametrize("name", ["a_000000_0000190_pred.png", "a_000000_000019x.png", "x_a_000000_000019.png", "a_000000_00001.png"])
def test_an_id_that_goes_on_is_another_id(files: Callable[..., Path], name: str) -> None:
    pairing = pair_predictions(files(name), by_prefix("a_000000_000019"))
    assert pairing.pairs == ()
    assert pairing.problems == ("a_000000_000019: no prediction",)


def test_the_longer_frame_number_is_not_a_second_candidate(files: Callable[..., Path]) -> None:
    preds = files("a_0_000019_pred.png", "a_0_0000190_pred.png")
    assert found(preds, by_prefix("a_0_000019", "a_0_0000190")) == {
        "a_0_000019": "a_0_000019_pred.png",
        "a_0_0000190": "a_0_0000190_pred.png",
    }


@pytest.mark.parametrize("name", ["a_0_1.jpg", "a_0_1.txt", ".a_0_1.png"])
def test_only_visible_label_maps_are_predictions_of_cityscapes(files: Callable[..., Path], name: str) -> None:
    assert pair_predictions(files(name, "other.png"), by_prefix("a_0_1")).problems == ("a_0_1: no prediction",)


def test_what_is_no_png_is_a_prediction_of_cityscapes_where_there_is_no_png(files: Callable[..., Path]) -> None:
    preds = files("a_0_1.tif", "a_0_2.png", "a_0_2.tif")
    assert found(preds, by_prefix("a_0_1", "a_0_2")) == {"a_0_1": "a_0_1.tif", "a_0_2": "a_0_2.png"}


def test_every_problem_of_a_folder_is_listed_at_once_with_all_candidates(files: Callable[..., Path]) -> None:
    preds = files("a_0_1_pred.png", "sub/a_0_1_color.png", "a_0_3.png", "extra_0_9.png")
    pairing = pair_predictions(preds, by_prefix("a_0_1", "a_0_2", "a_0_3"))
    assert [sample.id for sample, _ in pairing.pairs] == ["a_0_3"]
    assert pairing.problems == (f"a_0_1: 2 predictions: a_0_1_pred.png, {Path('sub/a_0_1_color.png')}", "a_0_2: no prediction")


def test_extra_files_are_ignored(files: Callable[..., Path]) -> None:
    assert found(files("x.png", "b_0_1.png", "a_0_1.png", "notes.txt"), by_prefix("a_0_1")) == {"a_0_1": "a_0_1.png"}


def test_pairs_keep_the_order_of_the_dataset(files: Callable[..., Path]) -> None:
    assert list(found(files("a.png", "b.png", "c.png"), by_prefix("c", "a", "b"))) == ["c", "a", "b"]


def test_the_relative_path_of_the_target_wins_over_its_stem(files: Callable[..., Path]) -> None:
    preds = files("x/1.png", "y/1.png", "1.png")
    assert found(preds, by_stem("x/1.png", "y/1.png")) == {"x/1": "x/1.png", "y/1": "y/1.png"}


def test_the_suffix_of_a_prediction_may_differ_from_its_targets(files: Callable[..., Path]) -> None:
    assert found(files("x/1.tif"), by_stem("x/1.png")) == {"x/1": "x/1.tif"}


def test_a_flat_folder_is_paired_by_stem(files: Callable[..., Path]) -> None:
    assert found(files("1.png", "deep/2.png"), by_stem("x/1.png", "y/2.png")) == {"x/1": "1.png", "y/2": "deep/2.png"}


def test_a_stem_with_dots_is_kept_whole(files: Callable[..., Path]) -> None:
    assert found(files("a.b.png", "a.c.png"), by_stem("a.b.png", "a.c.png")) == {"a.b": "a.b.png", "a.c": "a.c.png"}


def test_two_files_of_one_stem_are_two_candidates(files: Callable[..., Path]) -> None:
    assert pair_predictions(files("1.png", "1.tif"), by_stem("1.png")).problems == ("1: 2 predictions: 1.png, 1.tif",)
    assert "2 predictions" in pair_predictions(files("p/2.png", "q/2.png"), by_stem("2.png")).problems[0]


def test_a_prediction_is_never_given_to_two_samples_of_one_stem(files: Callable[..., Path]) -> None:
    pairing = pair_predictions(files("x/1.png"), by_stem("x/1.png", "y/1.png"))
    assert [sample.id for sample, _ in pairing.pairs] == [str(Path("x/1"))]
    assert pairing.problems == (f"{Path('y/1')}: no prediction",)
    assert len(pair_predictions(files("1.png"), by_stem("u/1.png", "v/1.png")).problems) == 2


def test_a_folder_that_does_not_exist_or_is_empty_is_refused(files: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="no such folder"):
        pair_predictions(files() / "none", by_stem("1.png"))
    with pytest.raises(DataError, match="no label maps"):
        pair_predictions(files("notes.txt", "photo.jpg"), by_stem("1.png"))


def test_label_map_files_are_sorted_and_visible(files: Callable[..., Path]) -> None:
    root = files("b/2.png", "b/10.PNG", "a/x.tif", "z.bmp", ".hidden.png", "c.jpg", "c.json")
    assert [path.relative_to(root).as_posix() for path in label_map_files(root)] == ["z.bmp", "a/x.tif", "b/10.PNG", "b/2.png"]
