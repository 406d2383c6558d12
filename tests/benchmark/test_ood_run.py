"""Scores of anomaly from a run to records, tables, pictures, shards and journals."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from sklearn.metrics import average_precision_score, roc_auc_score
from torch.nn import functional as F

from segbench.cli.main import main
from segbench.datasets.base import Dataset, read_photograph
from segbench.errors import LabelError
from segbench.evaluation.inference import evaluate
from segbench.evaluation.protocol import Protocol
from segbench.evaluation.run import Evaluation, mapped
from segbench.images.files import read_labels, write_image, write_labels
from segbench.labels.mapping import MappingRule
from segbench.labels.space import LabelClass, LabelSpace
from segbench.metrics.image_counts import Beside, Counted, ImageCounts
from segbench.metrics.ood import Ood
from segbench.models.segmenter import Segmenter
from segbench.models.temperature import Temperature
from segbench.records.per_image import read_per_image
from segbench.records.run_record import read_run
from tests.tiny import LABELS, tiny, tiny_dataset

BESIDE = Beside(ood=True)
MARKED = replace(LABELS, void=(*LABELS.void, LabelClass("thing", (11,), (9, 9, 9), role="anomaly")))


def segbench(*words: Any) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def marked_dataset(root: Path, images: int = 4) -> Dataset:
    """The tiny dataset with a thing in all images but the first."""
    dataset = tiny_dataset(root, images=images)
    for sample in dataset.samples[1:]:
        target = read_labels(sample.target).copy()
        target[14:18, 3:9] = 11
        write_labels(sample.target, target)
    return replace(dataset, labels=MARKED, read_target=None)


def ood(dataset: Dataset, segmenter: Segmenter, protocol: Protocol | None = None) -> Ood:
    found = list(evaluate([segmenter], dataset, protocol=protocol, beside=BESIDE))
    evaluation = Evaluation([segmenter], dataset, beside=BESIDE)
    total = Counted.of(evaluation.counting(segmenter), [(each.sample.id, each.counts[0]) for each in found]).total.ood
    assert total is not None
    return total


def test_every_pixel_is_counted_as_scikit_learn_counts_it(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset, segmenter = marked_dataset(tmp_path), tiny(MARKED)
    energies, anomalies = [], []
    for sample in dataset.samples:
        image = torch.from_numpy(read_photograph(sample))[None]
        with torch.inference_mode():
            logits = segmenter.network.eval()(segmenter.normalize(image))
        logits = F.interpolate(logits, size=image.shape[1:3], mode="bilinear", align_corners=False).double()
        ids = dataset.read_target(sample)
        energies.append(-logits.logsumexp(1)[0].numpy()[ids != 0])
        anomalies.append(ids[ids != 0] == 11)
    counted = ood(dataset, segmenter)
    anomaly, energy = np.concatenate(anomalies), np.concatenate(energies)
    assert counted.pixels == (int((~anomaly).sum()), int(anomaly.sum()))
    expected = {"ap": average_precision_score(anomaly, energy), "auroc": roc_auc_score(anomaly, energy)}
    for measure, value in expected.items():
        assert abs(counted.scores[f"ood_energy_{measure}"] - value) <= counted.scores[f"ood_energy_{measure}_bound"] + 1e-3
    assert (counted.images, counted.without) == (3, 1)


@pytest.mark.parametrize("options", [{"crop": (12, 16), "stride": (12, 16)}, {"flip": True}, {"scales": (0.5, 1.0)}], ids=str)
def test_every_protocol_has_scores_and_averaged_probabilities_have_no_logits(tmp_path: Path, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    scores = ood(marked_dataset(tmp_path, images=2), tiny(MARKED), Protocol(**options)).scores
    assert 0 < scores["ood_entropy_ap"] <= 1
    assert np.isnan(scores["ood_energy_ap"]) == ("crop" not in options)


def test_windows_of_huge_images_are_counted_band_by_band(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    dataset, segmenter, protocol = marked_dataset(tmp_path, images=2), tiny(MARKED), Protocol(crop=(8, 16), stride=(6, 12))
    whole = ood(dataset, segmenter, protocol)
    monkeypatch.setattr("segbench.evaluation.multi_view.LARGE", 1)
    assert np.array_equal(ood(dataset, segmenter, protocol).counts, whole.counts)


def test_confidence_and_anomalies_are_counted_side_by_side_and_under_a_temperature(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset, segmenter = marked_dataset(tmp_path, images=2), tiny(MARKED)

    def counted(segmenter: Segmenter, beside: Beside) -> ImageCounts:
        return list(evaluate([segmenter], dataset, beside=beside))[1].counts[0]

    both, alone = counted(segmenter, Beside(calibration=True, ood=True)), counted(segmenter, Beside(calibration=True))
    assert both.ood is not None
    assert both.calibration is not None
    assert alone.calibration is not None
    assert np.array_equal(both.calibration.numbers, alone.calibration.numbers)
    assert both.ood.packed == counted(segmenter, BESIDE).ood.packed  # type: ignore[union-attr]
    colder = counted(replace(segmenter, temperature=Temperature(0.5)), BESIDE).ood
    assert colder is not None
    assert np.array_equal(colder.counts[1], both.ood.counts[1])  # the largest logit is what it was
    assert not np.array_equal(colder.counts[0], both.ood.counts[0])


def test_a_model_whose_classes_are_mapped_has_the_scores_of_its_own(tmp_path: Path) -> None:
    torch.manual_seed(0)
    dataset = marked_dataset(tmp_path, images=2)
    known = LabelSpace("tiny-4", (*MARKED.classes, LabelClass("sky", (100,), (0, 0, 0))))
    own, other = ood(dataset, mapped(tiny(known), MappingRule(), MARKED)), ood(dataset, tiny(MARKED))
    assert own.pixels == other.pixels


def test_a_label_space_without_anomalies_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"(?s)marks no anomalies.*leave it out.*anomaly: \[254\]"):
        list(evaluate([tiny(LABELS)], tiny_dataset(tmp_path, images=1), beside=BESIDE))


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Cityscapes-like photographs with binary masks, as one's own data."""
    rng = np.random.default_rng(0)
    for number in range(5):
        write_image(tmp_path / f"own/images/{number}.png", rng.integers(0, 255, (48, 64, 3), np.uint8))
        mask = np.zeros((48, 64), np.uint8)
        mask[:4] = 255
        mask[20:30, 10 : 20 + 2 * number] = number > 0
        write_labels(tmp_path / f"own/masks/{number}.png", mask)
    text = "images: images/*.png\ntargets: masks/*.png\nlabels: cityscapes\nknown: 0\nanomaly: 1\n"
    (tmp_path / "own" / "own.yaml").write_text(text.replace("labels: cityscapes", "labels: space.yaml"))
    classes = "\n".join(f"  - {{name: {label.name}, ids: {list(label.ids)}}}" for label in _cityscapes())
    (tmp_path / "own" / "space.yaml").write_text(f"name: masks\nclasses:\n{classes}\nvoid: [{{name: left out, ids: [255]}}]\n")
    return tmp_path / "own" / "own.yaml"


def _cityscapes() -> tuple[LabelClass, ...]:
    from segbench.datasets.cityscapes import LABELS as CITYSCAPES

    return CITYSCAPES.classes


def test_masks_without_classes_are_run_say_so_and_shards_give_the_same_record(tmp_path: Path, masks: Path) -> None:
    weights = Path(__file__).parents[2] / "segbench" / "models" / "bundled"
    file = next(weights.rglob("*fanet18*"))
    run = ("run", "--models", "fanet18", "--weights", f"fanet18={file}", "--dataset", masks, "--ood", "--repeats", "0")
    result = segbench(*run, "--out", tmp_path / "whole")
    assert result.exit_code == 0, result.output
    assert "max softmax" in result.stdout
    assert "tell no classes" in result.output
    place = tmp_path / "whole" / "records" / "fanet18.json"
    record, data = read_run(place), json.loads(place.read_text())
    assert record.ood is not None
    assert record.to_json() == place.read_text()
    assert data["scores"]["miou"] is None
    assert data["scores"]["ood_energy_ap"] == record.ood.scores["ood_energy_ap"]
    low, high = data["intervals"]["ood_energy_auroc"]
    assert low <= data["scores"]["ood_energy_auroc"] <= high
    assert record.ood.without == 1
    _, per_image = read_per_image(place.with_suffix(".npz"))
    assert "ood" in per_image.beside
    assert np.isnan(per_image.beside["ood_by_image"][0]).all()

    for shard in ("1/2", "2/2"):
        assert segbench(*run, "--out", tmp_path / "parts", "--shard", shard).exit_code == 0
    merged = segbench("merge", tmp_path / "parts", "--out", tmp_path / "merged")
    assert merged.exit_code == 0, merged.output
    again = json.loads((tmp_path / "merged" / "records" / "fanet18.json").read_text())
    assert {key: again[key] for key in ("ood", "scores", "intervals")} == {key: data[key] for key in ("ood", "scores", "intervals")}

    shown = segbench("ood", place, "--plot", tmp_path / "r.svg", "--csv", tmp_path / "r.csv")
    assert shown.exit_code == 0, shown.output
    assert "there is no mIoU" in shown.stdout
    assert "energy, AP" in (tmp_path / "r.svg").read_text()
    rows = list(csv.DictReader((tmp_path / "r.csv").read_text().splitlines()))
    assert [row["score"] for row in rows] == ["max_softmax", "max_logit", "entropy", "energy"]
    facts = json.loads(segbench("ood", place, "--json").stdout)
    assert facts[0]["ood_energy_ap"] == data["scores"]["ood_energy_ap"]

    board = tmp_path / "board"
    (board / "records").mkdir(parents=True)
    refused = CliRunner().invoke(main, ["submit", str(place), "--board", str(board)])
    assert "no mIoU to be compared by" in refused.output


def test_a_record_without_it_is_refused_by_name(tmp_path: Path) -> None:
    city = ("--dataset", "minicity", "--limit", "2")
    assert segbench("run", "--models", "fanet18", *city, "--repeats", "0", "--out", tmp_path).exit_code == 0
    result = CliRunner().invoke(main, ["ood", str(tmp_path / "records")])
    assert result.exit_code != 0
    assert "fanet18" in result.output
    assert "run --ood" in result.output
