from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray

from segbench.checks.suspects import Network, Suspect, log_posterior, suspects
from segbench.cli.main import main
from segbench.datasets.minicity import minicity
from segbench.evaluation.inference import evaluate
from segbench.kernels.watershed import connected_segments
from segbench.models.loading import load_models
from tests.tiny import tiny_dataset

SCENES = 60


def test_posteriors_are_of_the_target_where_a_class_is_predicted() -> None:
    table = np.exp(log_posterior(np.array([[8, 1, 0], [0, 3, 4]], np.int64)))
    np.testing.assert_allclose(table, [[9 / 10, 1 / 10], [2 / 6, 4 / 6], [1 / 6, 5 / 6]])


def planted(
    target: NDArray[np.uint8], index: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], list[NDArray[np.bool_]]]:
    """Of a hundred segments two get a class that is not beside them."""
    changed, where = target.copy(), []
    for own in np.unique(index[index < 19]).tolist():
        segments = connected_segments(index == own)
        for segment in range(1, int(segments.max()) + 1):
            inside = segments == segment
            if inside.sum() >= 64 and rng.random() < 0.02:
                near = torch.nn.functional.max_pool2d(torch.from_numpy(inside.astype(np.float32))[None, None], 5, 1, 2)[0, 0].numpy() > 0
                others = sorted(set(range(19)) - set(index[near].tolist()))
                changed[inside] = CITY_IDS[rng.choice(others)]
                where.append(inside)
    return changed, where


CITY_IDS = np.array([7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33], np.uint8)


@pytest.mark.slow
def test_of_two_per_cent_of_wrong_segments_half_are_found_with_few_false_alarms(tmp_path_factory: pytest.TempPathFactory) -> None:
    dataset = minicity(tmp_path_factory.mktemp("minicity"))
    index_of = dataset.labels.index_of_id
    segmenters = load_models(["unet", "segnet", "gcn"], dataset, {}, torch.device("cpu"))
    maps = [{}, {}, {}]  # type: list[dict[str, NDArray[np.uint8]]]
    for result in evaluate(segmenters, dataset, keep_class_maps=True):
        for each, class_map in zip(maps, result.class_maps, strict=True):
            each[result.sample.id] = class_map
    precisions = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        pairs = {s.id: planted(dataset.read_target(s), index_of[dataset.read_target(s)], rng) for s in dataset.samples}
        wrong = replace(dataset, read_target=lambda sample, pairs=pairs: pairs[sample.id][0])
        networks = []
        for each in maps:
            confusion = np.zeros((19, 20), np.int64)
            for id, pred in each.items():
                target = index_of[pairs[id][0]]
                inside = target < 19
                confusion += np.bincount(target[inside].astype(int) * 20 + pred[inside], minlength=380).reshape(19, 20)
            networks.append(Network(confusion, lambda sample, each=each: each[sample.id]))
        found = sorted((one for some in suspects(wrong, networks) for one in some), key=lambda one: -one.suspicion)
        hits = np.cumsum([any(_is(one, mask) for mask in pairs[one.id][1]) for one in found])
        half = 0.5 * sum(len(where) for _, where in pairs.values())
        first = int(np.flatnonzero(hits >= half)[0])
        precisions.append(hits[first] / (first + 1))
    assert np.mean(precisions) >= 0.8, precisions


def _is(one: Suspect, mask: NDArray[np.bool_]) -> bool:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (one.top, one.left, one.pixels) == (rows[0], columns[0], mask.sum())


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two networks that see the blue spot as what it is, in the folder of a run, and a target that does not."""
    dataset = tiny_dataset(tmp_path / "data", 12)
    runner = CliRunner()
    (tmp_path / "tiny.yaml").write_text(LABELS_YAML)
    from segbench.images.files import write_labels

    first = dataset.samples[0]
    right = {sample.id: dataset.read_target(sample) for sample in dataset.samples}
    for name in ("a", "b"):
        for id, values in right.items():
            write_labels(tmp_path / "run" / "predictions" / name / f"{id}.png", values)
    write_labels(Path(str(first.target)), np.where(right[first.id] == 9, 7, right[first.id]).astype(np.uint8))
    for name in ("a", "b"):
        words = [
            "score",
            str(tmp_path / "run" / "predictions" / name),
            str(tmp_path / "data" / "targets"),
            "--labels",
            str(tmp_path / "tiny.yaml"),
        ]
        made = runner.invoke(main, [*words, "--json", str(tmp_path / "run" / "records" / f"{name}.json"), "--name", name])
        assert made.exit_code == 0, made.output
    (tmp_path / "data.yaml").write_text(
        f"name: tiny\nlabels: {tmp_path / 'tiny.yaml'}\nsplits:\n  val: {{images: images/*.png, targets: targets/*.png}}\n"
    )
    return tmp_path


LABELS_YAML = """name: tiny-3
classes: [{name: left, ids: [5]}, {name: right, ids: [7]}, {name: spot, ids: [9]}]
void: [{name: void, ids: [0]}]
"""


def test_the_command_lists_writes_and_draws_what_is_suspicious(run: Path) -> None:
    records = [str(run / "run" / "records" / f"{name}.json") for name in ("a", "b")]
    words = ["suspects", *records, "--dataset", str(run / "data.yaml"), "--data", str(run / "data"), "--split", "val", "--least", "9"]
    said = CliRunner().invoke(main, [*words, "--csv", str(run / "s.csv"), "--gallery", str(run / "g.png"), "--json"])
    assert said.exit_code == 0, said.output
    (one,) = json.loads(said.stdout)
    assert (one["id"], one["target"], one["agreed"], one["pixels"], one["share"]) == ("s0", "right", "spot", 30, 1.0)
    assert (run / "s.csv").read_text().count("\n") == 2
    assert (run / "g.png").read_bytes().startswith(b"\x89PNG")
    shown = CliRunner().invoke(main, words)
    assert "1 segments of" in shown.output


def test_what_is_missing_is_named(run: Path) -> None:
    records = [str(run / "run" / "records" / f"{name}.json") for name in ("a", "b")]
    words = ["--dataset", str(run / "data.yaml"), "--data", str(run / "data"), "--split", "val"]
    alone = CliRunner().invoke(main, ["suspects", records[0], *words])
    assert alone.exit_code == 2
    assert "one network agrees with itself" in alone.stderr
    (run / "run" / "predictions" / "b").rename(run / "gone")
    missing = CliRunner().invoke(main, ["suspects", *records, *words])
    assert missing.exit_code == 2
    assert "predictions/b for" in missing.stderr
    assert "--save-predictions" in missing.stderr
