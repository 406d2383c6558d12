from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from sklearn.metrics import confusion_matrix

from segbench.cli.listing import SECTIONS
from segbench.cli.main import COMMANDS, main
from segbench.cli.options import dataset_named
from segbench.datasets import minicity
from segbench.images.files import read_labels, write_labels
from segbench.models.weights import build, save
from segbench.records.profile import read_profile
from segbench.records.run_record import read_run
from segbench.registry import Registry
from tests.tiny import LABELS, tiny_dataset

TINY = "tests/tiny.py:tiny"


def segbench(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def label_file(tmp_path: Path) -> Path:
    path = tmp_path / "labels.yaml"
    path.write_text(json.dumps(LABELS.to_dict()))
    return path


@pytest.fixture
def gts(tmp_path: Path) -> Path:
    return tiny_dataset(tmp_path / "data").root


def test_scoring_targets_against_themselves_is_perfect(gts: Path, label_file: Path, tmp_path: Path) -> None:
    result = segbench("score", gts, gts, "--labels", label_file, "--json", tmp_path / "r.json")
    assert result.exit_code == 0, result.output
    assert "mIoU 100.0" in result.output
    record = read_run(tmp_path / "r.json")
    assert record.scores.miou == 1
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["schema"] == "segbench.run/1"
    assert data["scores"]["class_iou"] == {"left": 1, "right": 1, "spot": 1}
    assert np.load(tmp_path / "r.npz")["counts"].shape == (6, 3, 4)


def test_bad_files_are_all_named_and_nothing_is_written(gts: Path, label_file: Path, tmp_path: Path) -> None:
    preds = tmp_path / "preds"
    for path in sorted(gts.iterdir())[1:]:
        write_labels(preds / path.name, read_labels(path))
    write_labels(preds / "s2.png", np.full((3, 3), 5, np.uint8))
    (preds / "s4.png").write_bytes(b"no picture")
    result = segbench("score", preds, gts, "--labels", label_file, "--json", tmp_path / "r.json")
    assert result.exit_code == 2
    for name in ("s0", "s2", "s4"):
        assert name in result.stderr
    assert "s3" not in result.stderr
    assert not (tmp_path / "r.json").exists()


def test_scoring_without_targets_says_how(tmp_path: Path) -> None:
    result = segbench("score", tmp_path)
    assert result.exit_code == 2
    assert "segbench score PREDS GTS" in result.stderr


def test_official_json_needs_instances(gts: Path, label_file: Path, tmp_path: Path) -> None:
    result = segbench("score", gts, gts, "--labels", label_file, "--official-json", tmp_path / "o.json")
    assert result.exit_code == 2
    assert "instance maps" in result.stderr


def weights_file(path: Path, seed: int = 0) -> Path:
    from segbench.datasets.cityscapes import LABELS as CITYSCAPES

    torch.manual_seed(seed)
    save(path, build("segnet", CITYSCAPES, width=0.03), trained_on={"dataset": "none"}, recipe={})
    return path


def test_run_writes_records_whose_miou_scikit_learn_recomputes_from_the_saved_predictions(small_minicity: Path, tmp_path: Path) -> None:
    weights = weights_file(tmp_path / "w.safetensors")
    out = tmp_path / "out"
    result = segbench(
        *("run", "--models", "segnet", "--dataset", "cityscapes", "--data", small_minicity, "--weights", f"segnet={weights}"),
        *("--out", out, "--save-predictions", "--repeats", 1, "--per-class", "--device", "cpu"),
    )
    assert result.exit_code == 0, result.output
    record = read_run(out / "records" / "segnet.json")
    files = sorted((small_minicity / "gtFine" / "val").glob("*/*_labelIds.png"))
    target = np.concatenate([read_labels(f).ravel() for f in files])
    pred = np.concatenate([read_labels(out / "predictions" / "segnet" / f"{f.name[:-20]}.png").ravel() for f in files])
    ids = [label.ids[0] for label in record.labels.classes]
    evaluated = np.isin(target, ids)
    matrix = confusion_matrix(target[evaluated], pred[evaluated], labels=ids)
    np.testing.assert_array_equal(record.confusion.counts[:, :-1], matrix)
    with np.errstate(invalid="ignore"):
        iou = matrix.diagonal() / (matrix.sum(0) + matrix.sum(1) - matrix.diagonal())
    assert record.scores.miou == pytest.approx(np.nanmean(iou), rel=1e-12)
    assert {p.name for p in out.iterdir()} >= {"leaderboard.md", "leaderboard.csv", "records", "plots", "predictions"}
    scored = segbench("score", out / "predictions" / "segnet", small_minicity, "--json", tmp_path / "s.json")
    assert scored.exit_code == 0, scored.output
    np.testing.assert_array_equal(read_run(tmp_path / "s.json").confusion.counts, record.confusion.counts)


def test_run_refuses_an_accuracy_without_weights_and_says_how_to_get_some(small_minicity: Path) -> None:
    result = segbench("run", "--models", "segnet,fcn8s", "--dataset", "cityscapes", "--data", small_minicity)
    assert result.exit_code == 2
    assert "segnet, fcn8s" in result.stderr
    assert "segbench train segnet" in result.stderr
    assert "mIoU" not in result.stdout


def test_all_means_every_model_with_weights_for_the_dataset(small_minicity: Path, tmp_path: Path) -> None:
    weights = weights_file(tmp_path / "w.safetensors")
    result = segbench(
        *("run", "--models", "all", "--dataset", "cityscapes", "--data", small_minicity, "--weights", f"segnet={weights}"),
        *("--out", tmp_path / "o", "--limit", 1, "--repeats", 0, "--device", "cpu"),
    )
    assert result.exit_code == 0, result.output
    assert [path.name for path in (tmp_path / "o" / "records").glob("*.json")] == ["segnet.json"]
    command = read_run(tmp_path / "o" / "records" / "segnet.json").command
    assert command == ("segbench run --models segnet --dataset cityscapes --split val --data DIR --weights segnet=w.safetensors --limit 1")


def test_a_limit_holds_for_pictures_and_for_the_files_that_must_be_there_too(small_minicity: Path, tmp_path: Path) -> None:
    data, weights = tmp_path / "data", weights_file(tmp_path / "w.safetensors")
    shutil.copytree(small_minicity, data)
    first, second, *others = sorted((data / "leftImg8bit" / "val").glob("*/*.png"))
    for image in others:
        image.unlink()
    result = segbench(
        *("run", "--models", "segnet", "--dataset", "cityscapes", "--data", data, "--weights", f"segnet={weights}"),
        *("--out", tmp_path / "o", "--limit", 2, "--repeats", 0, "--device", "cpu"),
    )
    assert result.exit_code == 0, result.output
    stems = [path.name.removesuffix("_leftImg8bit.png") for path in (first, second)]
    assert {path.name for path in (tmp_path / "o" / "plots").glob("sample-*")} == {f"sample-segnet-{stem}.png" for stem in stems}
    assert read_run(tmp_path / "o" / "records" / "segnet.json").dataset["of"] == 4


def test_an_unknown_model_is_answered_with_the_nearest_name() -> None:
    result = segbench("profile", "segnett")
    assert result.exit_code == 2
    assert "did you mean 'segnet'" in result.stderr


@pytest.mark.parametrize("spelling", [[TINY], ["--models", TINY]], ids=["argument", "option"])
def test_profile_needs_neither_weights_nor_data(spelling: list[str], tmp_path: Path) -> None:
    result = segbench("profile", *spelling, "--size", "16x32", "--classes", 3, "--repeats", 2, "--device", "cpu", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert "network_ms" in result.output
    (file,) = (tmp_path / "records").glob("*.profile.json")
    command = read_profile(file).command
    assert command == f"segbench profile {TINY} --sizes 16x32 --classes 3 --repeats 2 --device cpu"


@pytest.mark.parametrize("arguments", [[], ["segnet", "--models", "enet"]], ids=["none", "both"])
def test_profile_wants_its_models_named_once(arguments: list[str]) -> None:
    result = segbench("profile", *arguments)
    assert result.exit_code == 2
    assert "name the models once: segbench profile --models fcn8s,segnet" in result.stderr


def test_profile_of_all_is_one_table_of_every_registered_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "names", lambda self: ["enet", TINY])
    result = segbench("profile", "--models", "all", "--size", "16x32", "--classes", 3, "--repeats", 1, "--device", "cpu")
    assert result.exit_code == 0, result.output
    rows = [line for line in result.output.splitlines() if line.startswith("│")]
    assert {row.split()[3] for row in rows} == {"enet", TINY}


def test_train_writes_a_file_that_run_accepts(small_minicity: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    result = segbench(
        *("train", "segnet", "--dataset", "cityscapes", "--data", small_minicity, "--split", "val", "--set", "width=0.03", "--out", out),
        *("--steps", 2, "--batch-size", 1, "--crop", "32x32", "--device", "cpu"),
    )
    assert result.exit_code == 0, result.output
    assert "mIoU" in result.stderr
    result = segbench(
        *("run", "--models", "segnet", "--dataset", "cityscapes", "--data", small_minicity, "--weights", f"segnet={out}"),
        *("--out", tmp_path / "o", "--limit", 1, "--repeats", 0, "--device", "cpu"),
    )
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "o" / "records" / "segnet.json").read_text())["dataset"]["images"] == 1


@pytest.mark.parametrize("command", [("train", "enet", "--out", "w.safetensors"), ("check", "enet"), ("weights", "import", "enet", "file")])
@pytest.mark.parametrize(
    ("given", "said"),
    [(("width=0.5", "width=1"), "width is given twice"), (("width",), "'width' is not KEY=VALUE"), (("=1",), "is not KEY")],
)
def test_arguments_of_a_model_are_each_given_once(command: tuple[str, ...], given: tuple[str, ...], said: str) -> None:
    result = segbench(*command, *(word for each in given for word in ("--set", each)))
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_without_a_dataset_the_output_says_that_the_built_in_data_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CITYSCAPES_DATASET", raising=False)
    result = segbench("run", "--models", "segnet", "--weights", "nothing=x")
    assert "minicity, the built-in" in result.stderr


def test_the_folders_of_cityscapes_and_of_minicity_may_come_from_the_environment(
    cityscapes_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITYSCAPES_DATASET", str(cityscapes_set))
    assert len(dataset_named(None, None, "val")) == len(dataset_named("cityscapes", None, "val")) == 3
    monkeypatch.setenv("SEGBENCH_CACHE", str(tmp_path))
    monkeypatch.setitem(minicity.SPLITS, "val", 2)
    assert dataset_named("minicity", None, None).root == tmp_path / "minicity-v1"


def test_models_and_datasets_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segbench.console.models.MODELS", Registry("model", {"fcn8s": "", "enet": ""}))
    listed = json.loads(segbench("models", "--json", "--classes", 21).output)
    fcn8s = next(entry for entry in listed if entry["name"] == "fcn8s")
    assert fcn8s["params_total"] == 134_489_759
    assert fcn8s["params_trainable"] == 134_362_751
    assert fcn8s["year"] == 2015
    assert "134 M" in segbench("models").output
    assert "camvid  " in segbench("data", "list").output


def test_the_stages_of_a_model_are_shown_with_their_sizes() -> None:
    result = segbench("models", "show", TINY, "--size", "16x32", "--classes", 3)
    assert result.exit_code == 0, result.output
    assert "8 x 8 x 16" in result.output
    assert "3 x 8 x 16" in result.output


def test_data_show_draws_a_picture(small_minicity: Path, tmp_path: Path) -> None:
    out = tmp_path / "show.png"
    assert segbench("data", "show", "cityscapes", "--data", small_minicity, "--samples", 2, "--out", out).exit_code == 0
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments", [["--device", "nonsense"], ["--size", "12"], ["--models"]])
def test_bad_options_are_usage_errors(arguments: list[str]) -> None:
    result = segbench("profile", "segnet", *arguments)
    assert result.exit_code == 2


def test_two_folders_with_the_same_targets_are_the_same_data_whatever_they_are_called(gts: Path, label_file: Path, tmp_path: Path) -> None:
    again = tmp_path / "masks-of-2026"
    shutil.copytree(gts, again)
    files = [tmp_path / "width_0.5", tmp_path / "width_0.75"]
    for targets, file in zip((gts, again), files, strict=True):
        assert segbench("score", gts, targets, "--labels", label_file, "--json", file, "--name", file.name).exit_code == 0
        assert file.with_name(f"{file.name}.npz").is_file()
    assert segbench("compare", *files).exit_code == 0
    table = segbench("table", *files, "--format", "csv").stdout
    assert len(table.splitlines()) == 3
    assert len({line.rpartition(",")[2] for line in table.splitlines()[1:]}) == 1
    named = segbench("score", gts, again, "--labels", label_file, "--data-name", "polyps", "--json", tmp_path / "named.json")
    assert "data:polyps-" in named.stdout
    assert read_run(tmp_path / "named.json").dataset["name"] == "polyps"


UNSOUND = ["nan", "inf", "-inf", "-5", "1e400"]
NUMBERS = [
    ["run", "--models", "enet", "--limit"],
    ["run", "--models", "enet", "--repeats"],
    ["run", "--models", "enet", "--scales"],
    ["run", "--models", "enet", "--crop"],
    ["train", "enet", "--out", "w", "--learning-rate"],
    ["train", "enet", "--out", "w", "--time-budget"],
    ["train", "enet", "--out", "w", "--steps"],
    ["train", "enet", "--out", "w", "--batch-size"],
    ["score", "preds", "gts", "--boundary-ratio"],
    ["score", "preds", "gts", "--workers"],
    ["profile", "enet", "--seconds"],
    ["profile", "enet", "--repeats"],
    ["profile", "enet", "--restarts"],
]


@pytest.mark.parametrize("value", UNSOUND)
@pytest.mark.parametrize("arguments", NUMBERS, ids=lambda arguments: f"{arguments[0]} {arguments[-1]}")
def test_numbers_that_are_not_finite_or_below_their_range_are_usage_errors(arguments: list[str], value: str) -> None:
    result = segbench(*arguments, value)
    assert result.exit_code == 2, result.output
    assert f"Invalid value for '{arguments[-1]}" in result.output


SETTINGS = [
    "limit: -5",
    "limit: .nan",
    "repeats: -1",
    "protocol: {scales: [.nan]}",
    "protocol: {scales: [.inf]}",
    "protocol: {crop: [-1, 8]}",
]


@pytest.mark.parametrize("line", SETTINGS)
def test_a_suite_with_a_number_that_makes_no_sense_is_refused_by_its_line(line: str, tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(f"models: [enet]\n{line}\n")
    result = segbench("run", "--suite", tmp_path / "suite.yaml")
    assert result.exit_code == 2
    assert f"suite.yaml:2: {line.rpartition('{')[2].split(':')[0]}: " in result.output.replace("\n", "")


@pytest.mark.parametrize(
    "line", ["learning_rate: .inf", "momentum: .nan", "scale: [.nan, 1]", "scale: [1, .inf]", "steps: -3", "ema: .nan", "seed: -1"]
)
def test_a_recipe_with_a_number_that_makes_no_sense_is_refused_by_its_line(line: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(f"{line}\n")
    result = segbench("train", "enet", "--recipe", tmp_path / "recipe.yaml", "--out", tmp_path / "w.safetensors")
    assert result.exit_code == 2
    assert f"recipe.yaml:1: {line.split(':')[0]}" in result.output.replace("\n", "")


def test_score_and_leaderboard_load_no_torch(gts: Path, label_file: Path, tmp_path: Path) -> None:
    board = tmp_path / "board"
    code = (
        "import sys; from segbench.cli.main import main\n"
        f"main(['score', {str(gts)!r}, {str(gts)!r}, '--labels', {str(label_file)!r}, "
        f"'--json', {str(board / 'records' / 'r.json')!r}], standalone_mode=False)\n"
        "assert not {'torch', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        f"main(['leaderboard', {str(board)!r}], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_help_lists_every_command_once_with_a_whole_sentence() -> None:
    listed = [name for names in SECTIONS.values() for name in names]
    assert sorted(listed) == sorted(COMMANDS)
    result = segbench("--help")
    assert all(f"\n  {name} " in result.output for name in COMMANDS)
    assert "..." not in result.output.partition("Evaluate:")[2]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from segbench.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "assert not {'torch', 'pandas', 'matplotlib', 'numba', 'numpy', 'rich'} & set(sys.modules), sys.modules\n"
    )
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert time.perf_counter() - start < 20  # a hang, not a measurement


def test_run_draws_groups_where_they_are_asked_for_and_refuses_names_without_any(small_minicity: Path, tmp_path: Path) -> None:
    weights, out = weights_file(tmp_path / "w.safetensors"), tmp_path / "out"
    arguments = ("run", "--models", "segnet", "--dataset", "cityscapes", "--data", small_minicity, "--weights", f"segnet={weights}")
    more = ("--groups", "city", "--gallery", "--repeats", 0, "--out", out)
    refused = segbench(*arguments, *more, "--limit", 1)
    assert refused.exit_code == 2
    assert "there are no cities to draw: all 1 images are of one" in refused.stderr
    assert not out.exists()
    result = segbench(*arguments, *more)
    assert result.exit_code == 0, result.output
    record = read_run(out / "records" / "segnet.json")
    assert record.intervals is not None
    assert (record.intervals.units, record.intervals.unit) == (3, "cities")
    assert record.command.endswith("--groups city")
    assert (out / "plots" / "gallery-segnet.png").is_file()


def test_score_explains_what_the_same_maps_reach_elsewhere_and_warns_of_void(gts: Path, label_file: Path) -> None:
    for path in sorted(gts.iterdir()):
        target = read_labels(path)
        target[:, 9:] = 0
        write_labels(path, target)
    result = segbench("score", gts, gts, "--labels", label_file, "--explain")
    assert result.exit_code == 0
    assert "mean of 2 of 3 classes; left out, in neither targets nor predictions: right" in result.stdout
    assert "an absent class has IoU 0 (ADE20K's" in result.stdout
    assert "66.6667" in result.stdout
    assert "% of the target pixels are void and are not evaluated" in result.stderr
    assert "the same label maps elsewhere" not in segbench("score", gts, gts, "--labels", label_file).stdout


def run_segnet_on_cityscapes(root: Path, tmp_path: Path) -> Result:
    weights = weights_file(tmp_path / "w.safetensors")
    data = ("--dataset", "cityscapes", "--data", root)
    return segbench("run", "--models", "segnet", *data, "--weights", f"segnet={weights}", "--out", tmp_path / "o")


def test_run_names_every_missing_file_before_it_evaluates(tmp_path: Path, small_minicity: Path) -> None:
    root = tmp_path / "city"
    shutil.copytree(small_minicity, root)
    images = sorted(root.rglob("*_leftImg8bit.png"))
    for image in images[1:3]:
        image.unlink()
    result = run_segnet_on_cityscapes(root, tmp_path)
    assert result.exit_code == 2
    assert "2 of 8 files are missing" in result.stderr
    assert all(f"{image}: image of" in result.stderr for image in images[1:3])
    assert not list((tmp_path / "o").iterdir())


def test_run_says_how_to_find_the_other_damaged_files(tmp_path: Path, small_minicity: Path) -> None:
    root = tmp_path / "city"
    shutil.copytree(small_minicity, root)
    damaged = sorted(root.rglob("*_labelIds.png"))[2]
    damaged.write_bytes(damaged.read_bytes()[:99])
    result = run_segnet_on_cityscapes(root, tmp_path)
    assert result.exit_code == 2
    assert f"{damaged}: the file is damaged" in result.stderr
    assert "`segbench data check cityscapes` names every file that cannot be read" in result.stderr


@pytest.mark.parametrize("command", [["check"], ["profile"], ["models", "show"]], ids=" ".join)
def test_a_model_that_knows_certain_classes_only_is_one_clear_error(tmp_path: Path, command: list[str]) -> None:
    path = tmp_path / "narrow.py"
    path.write_text("def narrow(labels):\n    return [{'road': 1}[name] for name in labels.class_names]\n")
    result = segbench(*command, f"{path}:narrow")
    assert result.exit_code == (1 if command == ["check"] else 2)
    assert "narrow' cannot be built for 19 classes called 0, 1, 2 ...: KeyError: '0'" in result.output
