"""Boundary IoU from folders to the record and the table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from segbench.cli.main import main
from segbench.errors import RecordError
from segbench.images.files import read_labels, write_labels
from segbench.kernels.boundary_counting import count_boundaries
from segbench.metrics.boundary_iou import boundary_sums
from segbench.metrics.image_counts import Beside
from segbench.metrics.uncertainty import bootstrap
from segbench.records.per_image import read_per_image
from segbench.records.run_record import read_run
from segbench.scoring.folder import score_folder
from tests.tiny import LABELS, tiny_dataset


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six targets under ``data`` and predictions that are moved by a pixel or two under ``preds``."""
    dataset = tiny_dataset(tmp_path / "data")
    for index, sample in enumerate(dataset.samples):
        write_labels(tmp_path / "preds" / sample.target.name, np.roll(read_labels(sample.target), (1, index % 3), (0, 1)))
    (tmp_path / "labels.yaml").write_text(json.dumps(LABELS.to_dict()))
    return tmp_path


def score(root: Path, *options: object) -> Result:
    arguments = ["score", root / "preds", root / "data" / "targets", "--labels", root / "labels.yaml", *options]
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def expected_counts(root: Path, width: int) -> list[np.ndarray]:
    index = LABELS.index_of_id
    maps = [(read_labels(root / "data" / "targets" / f"s{i}.png"), read_labels(root / "preds" / f"s{i}.png")) for i in range(6)]
    return [boundary_sums(count_boundaries(target, pred, index, index, 3, width)) for target, pred in maps]


def test_boundary_iou_is_printed_and_recorded_with_its_integers(root: Path) -> None:
    result = score(root, "--boundary", "--json", root / "r.json")
    assert result.exit_code == 0, result.output
    per_image = expected_counts(root, 1)
    hits, targets, preds = np.sum(per_image, axis=0).T
    iou = hits / (targets + preds - hits)
    data, record = json.loads((root / "r.json").read_text()), read_run(root / "r.json")
    assert data["boundary"] == {"ratio": 0.02, "widths": [1], "counts": np.sum(per_image, axis=0).tolist()}
    assert list(data["scores"]["boundary_iou"].values()) == iou.tolist()
    assert data["scores"]["boundary_miou"] == sum(iou.tolist()) / 3
    assert record.boundary is not None
    assert record.to_json() == (root / "r.json").read_text()
    assert np.array_equal(np.load(root / "r.npz")["boundary"], per_image)
    widths = bootstrap(LABELS, read_per_image(root / "r.npz")[1]).half_width("boundary_iou")
    assert f"boundary IoU {100 * iou.mean():.1f} ± " in result.stdout
    assert "boundary IoU within 2 % of the diagonal (1 px) of an edge" in result.stdout
    for name, value, width in zip(LABELS.class_names, iou, widths, strict=True):
        assert any(f"│ {name} " in line and f" {100 * value:.1f} ± {100 * width:.1f} │" in line for line in result.stdout.splitlines())


def test_another_ratio_gives_other_widths_which_are_all_recorded(root: Path) -> None:
    assert score(root, "--boundary", "--boundary-ratio", 0.1, "--json", root / "r.json").exit_code == 0
    boundary = read_run(root / "r.json").boundary
    assert boundary is not None
    assert (boundary.ratio, boundary.widths) == (0.1, (4,))
    assert np.array_equal(boundary.counts, np.sum(expected_counts(root, 4), axis=0))


def test_without_the_flag_there_is_no_boundary_iou(root: Path) -> None:
    result = score(root, "--json", root / "r.json")
    assert "boundary" not in result.stdout
    assert "boundary" not in (root / "r.json").read_text()
    assert "boundary" not in np.load(root / "r.npz")


def test_the_encoding_of_the_maps_makes_no_difference(root: Path) -> None:
    index, dataset = LABELS.index_of_id.copy(), tiny_dataset(root / "data")
    index[index == 3] = 255
    for path in (root / "preds").iterdir():
        write_labels(root / "train" / path.name, index[read_labels(path)])
    ids = score_folder(root / "preds", dataset, beside=Beside(boundary=0.05), workers=1)
    train = score_folder(root / "train", dataset, beside=Beside(boundary=0.05), encoding="train-ids", workers=2)
    assert len(ids) == 6
    for image, same in zip(ids.extras["boundary"], train.extras["boundary"], strict=True):
        assert image.to_dict() == same.to_dict()


@pytest.mark.parametrize("change", [{"counts": [[1, 2, 3]]}, {"ratio": None}, {"widths": 3}], ids=str)
def test_boundary_counts_that_are_none_are_refused_with_the_files_name(root: Path, change: dict[str, object]) -> None:
    score(root, "--boundary", "--json", root / "r.json")
    data = json.loads((root / "r.json").read_text())
    data["boundary"] |= change
    (root / "r.json").write_text(json.dumps(data))
    with pytest.raises(RecordError, match=r"r\.json"):
        read_run(root / "r.json")
