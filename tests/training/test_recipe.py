from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from segbench.errors import DataError, RecordError
from segbench.files.settings import settings_of
from segbench.models import MODELS
from segbench.models.weights import build
from segbench.training.optimizers import optimizer_of
from segbench.training.recipe import MINICITY, PAPER, Recipe, read_recipe, recipe_file
from segbench.training.trainer import train
from tests.tiny import LABELS, tiny_dataset, with_depth
from tests.training.test_trainer import with_instances

FOLDER = Path(__file__).parents[2] / "segbench" / "training" / "recipes"
WITH_PAPER = [model for models in PAPER.values() for model in models]


def narrow(model: str) -> nn.Module:
    """A network of the model with as few parameters as it takes."""
    return build(model, LABELS, width=0.0625).network


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    recipe = Recipe(steps=40, learning_rate=0.02, warmup=5)
    rates = [recipe.learning_rate_at(step) for step in range(recipe.steps)]
    assert rates[0] < rates[4]
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] < 0.05 * recipe.learning_rate


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"schedule": "poly", "power": 1.0}, [8, 6, 4, 2]),
        ({"schedule": "constant"}, [8, 8, 8, 8]),
        ({"schedule": "step", "step_every": 2, "step_factor": 0.5}, [8, 8, 4, 4]),
        ({"schedule": "step", "step_every": 1, "step_factor": 0.5, "warmup": 2}, [4, 4, 2, 1]),
    ],
)
def test_learning_rates_by_hand(settings: dict[str, object], expected: list[float]) -> None:
    recipe = Recipe(**{"steps": 4, "learning_rate": 8, "warmup": 0, **settings})  # type: ignore[arg-type]
    assert [recipe.learning_rate_at(step) for step in range(4)] == pytest.approx(expected)


def test_a_recipe_is_read_from_yaml_and_overridden(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("steps: 7\ncrop: [10, 20]\nlearning_rate: 1e-4\nclip_norm: null\nlearning_rate_factors: {head: 10}\n")
    expected = Recipe(steps=9, crop=(10, 20), learning_rate=1e-4, seed=3, clip_norm=None, learning_rate_factors={"head": 10.0})
    assert read_recipe(path, {"steps": 9, "crop": None, "seed": 3}) == expected
    assert read_recipe(None, {"crop": "256x512"}).crop == (256, 512)


@pytest.mark.parametrize("text", ["stepz: 3", "crop: [1]", "- 1", "crop: axb", "steps: [", "steps: 0", "flip: 1", "loss: focal", "3"])
def test_a_bad_recipe_names_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=r"recipe\.yaml"):
        read_recipe(path, {})


def test_every_problem_of_a_recipe_is_named_in_one_pass(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("stepz: 3\nscale: [2, 1]\nclass_weights: all\nohem_min_kept: 2\nbatch_size: true\n")
    with pytest.raises(DataError) as error:
        read_recipe(path, {})
    for part in (
        "5 problems",
        "recipe.yaml:1: recipe has no key 'stepz'; did you mean 'steps'?",
        "recipe.yaml:2: scale: [2, 1]: the first number is larger than the second",
        "recipe.yaml:3: class_weights: 'all' is none of none, enet, median",
        "recipe.yaml:4: ohem_min_kept: 2 is not at most 1",
        "recipe.yaml:5: batch_size: True is not a whole number",
    ):
        assert part in str(error.value)


def test_every_problem_of_what_overrides_a_recipe_is_named_too() -> None:
    with pytest.raises(RecordError) as error:
        read_recipe(None, {"learning_rate": "fast", "stepz": 3, "crop": "7", "steps": None})
    for part in ("learning_rate: ", "no field 'stepz'; did you mean 'steps'?", "crop: '7' is not HxW"):
        assert part in str(error.value)


def test_a_recipe_made_in_python_is_checked_too() -> None:
    with pytest.raises(RecordError, match="schedule: 'cosine' is none of poly, step, constant"):
        Recipe(schedule="cosine")  # type: ignore[arg-type]
    with pytest.raises(RecordError, match=r"crop: \[3, 4\] must be written \(3, 4\)"):
        Recipe(crop=[3, 4])  # type: ignore[arg-type]


def test_every_field_has_a_reader_and_survives_its_own_dictionary() -> None:
    assert list(settings_of(Recipe)) == [f.name for f in fields(Recipe)]
    recipe = Recipe(loss="ohem", learning_rate_factors={"head": 2.0}, crop=(3, 4), clip_norm=None)
    assert Recipe(**asdict(recipe)) == recipe


def test_a_file_that_is_not_there_names_what_comes_along(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"papers.*\n.*--recipe is paper, minicity, fair-camvid, equal-camvid or a YAML file"):
        read_recipe(tmp_path / "papers", {})


def test_a_model_without_a_papers_recipe_lists_those_that_have_one() -> None:
    with pytest.raises(RecordError, match=r"no recipe of a paper for 'fusionnet'; these models have one: fcn32s, .*hrnet_w48_ocr"):
        read_recipe("paper", {}, "fusionnet")
    assert read_recipe("minicity", {}, "fusionnet") == read_recipe("minicity", {}, "my.py:net")


def test_papers_recipes_are_of_registered_models_and_every_file_is_somebodys() -> None:
    assert len(set(WITH_PAPER)) == len(WITH_PAPER)
    assert set(WITH_PAPER) <= set(MODELS.table)
    assert {path.stem for path in FOLDER.iterdir()} == {*PAPER, *MINICITY, "minicity", "fair_camvid", "equal_camvid"}
    assert set(MODELS.table) - set(WITH_PAPER) == {"fusionnet", "unet_same"}


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_a_recipe_that_comes_along_says_where_it_is_from_and_reads_as_any_file(path: Path) -> None:
    assert path.read_text().startswith("# ")
    recipe = read_recipe(path, {})
    if not path.stem.startswith(("minicity", "fair_", "equal_")):  # papers warm up and clip only if they say so, and none of them does both
        assert (recipe.clip_norm, recipe.seed) == (None, 0)
        assert recipe.warmup == {"segformer": 1500, "fanet": 1000}.get(path.stem, 0)


@pytest.mark.parametrize("model", WITH_PAPER)
def test_a_papers_recipe_names_parts_that_its_network_has(model: str) -> None:
    optimizer, factors = optimizer_of(read_recipe("paper", {}, model), narrow(model))
    assert len(optimizer.param_groups) == len(factors)


def test_a_network_without_normalisation_gets_the_slower_recipe_of_minicity() -> None:
    without = {m for m in MODELS.table if not any(isinstance(layer, nn.BatchNorm2d | nn.LayerNorm) for layer in narrow(m).modules())}
    assert without == {model for models in MINICITY.values() for model in models}
    assert recipe_file("minicity", "fcn8s") != recipe_file("minicity", "dfn") == FOLDER / "minicity.yaml"
    assert read_recipe("minicity", {}, "fcn8s") == replace(read_recipe("minicity", {}, "dfn"), learning_rate=1e-3)


@pytest.mark.parametrize("model", ["fcn8s_atonce", "unet", "deeplab_v1", "dfn", "rednet", "pidnet_s"])
def test_a_papers_recipe_trains_its_network(tmp_path: Path, model: str) -> None:
    torch.manual_seed(0)
    segmenter = build(model, LABELS, width=0.0625)
    recipe = read_recipe("paper", {"steps": 1, "batch_size": 2, "crop": (64, 64)}, model)
    before = {name: value.clone() for name, value in segmenter.network.state_dict().items()}
    dataset = with_depth(with_instances(tiny_dataset(tmp_path)))
    (progress,) = train(segmenter, dataset, recipe, tmp_path / "w.safetensors")
    assert 0 < progress.loss < float("inf")
    assert any(not torch.equal(value, before[name]) for name, value in segmenter.network.state_dict().items())


def test_a_file_may_hold_a_learning_rate_for_a_model_and_the_command_line_still_wins(tmp_path: Path) -> None:
    file = tmp_path / "fair.yaml"
    file.write_text("learning_rate: 0.1\nlearning_rates: {enet: 0.2}\n")
    assert read_recipe(file, {}, "enet").learning_rate == 0.2
    assert read_recipe(file, {}, "unet").learning_rate == 0.1
    assert read_recipe(file, {"learning_rate": 0.3}, "enet").learning_rate == 0.3
    assert read_recipe("fair-camvid", {}, "fcn8s").learning_rate < read_recipe("fair-camvid", {}, "segnet").learning_rate
