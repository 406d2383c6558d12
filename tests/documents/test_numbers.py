"""Numbers in the prose are those of the code and of the committed records; the pages that are made from the code are whole."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import segbench
from docs.extension import api, errors, record, yaml_keys
from docs.extension.example_folder import write_example_folder
from docs.extension.text import first_sentence
from segbench.datasets import DATASETS
from segbench.models import MODELS
from segbench.records.reading import CORRUPTED
from tests.documents.pages import DOCS, ROOT

README = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())


def test_the_readme_counts_models_and_datasets() -> None:
    assert f"{len(MODELS.table)} architectures are registered" in README
    assert f"Cityscapes, {len(DATASETS.table) - 1} other datasets" in README


def test_the_rooms_of_the_architecture_are_those_that_there_are() -> None:
    rooms = re.findall(r"^\| `(\w+)` \|", (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.MULTILINE)
    there = {path.stem for path in (ROOT / "segbench").iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert set(rooms) == there - {"__init__", "__main__"}


def test_files_that_the_architecture_names_are_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for path in re.findall(r"`([a-z_]+/[a-z_/]+(?:\.py)?)`", text):
        assert (ROOT / path).exists() or (ROOT / "segbench" / path).exists(), path


@pytest.fixture(scope="module")
def messages() -> list[tuple[errors.Example, str]]:
    return errors.messages()


def test_every_error_has_an_example_that_raises_it(messages: list[tuple[errors.Example, str]]) -> None:
    assert {example.kind for example, _ in messages} == {kind.__name__ for kind in errors.kinds()}
    assert all(message and example.way_out for example, message in messages)


def test_messages_name_no_folder_of_the_machine_that_built_them(messages: list[tuple[errors.Example, str]]) -> None:
    assert not [message for _, message in messages if "/tmp" in message or str(ROOT) in message]


def test_every_key_of_a_record_has_a_meaning(tmp_path: Path) -> None:
    files = [path for path in (ROOT / "leaderboards").glob("*/records/*.json") if not path.name.endswith((".profile.json", CORRUPTED))]
    write_example_folder(tmp_path)
    dataset = segbench.open_dataset(str(tmp_path / "mydata.yaml"))
    outcome = segbench.run([segbench.build_model("enet", dataset.labels, width=0.125)], dataset)[0]
    records = [json.loads(path.read_text()) for path in files] + [json.loads(outcome.record.to_json())]
    keys = {key for each in records for key in record.leaves(each)}
    assert keys <= set(record.MEANINGS)
    assert set(record.REQUIRED) <= set.intersection(*(set(each) for each in records))


def test_every_key_of_a_yaml_file_has_a_form_and_a_meaning() -> None:
    for row in re.findall(r"^\| `.*$", yaml_keys.page(), re.MULTILINE):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        assert cells[1], row
        assert len(cells) < 4 or cells[3] or cells[0] == "`protocol`", row


def test_the_reference_of_the_api_holds_every_public_name() -> None:
    page = api.page()
    assert all(f":: segbench.{name}\n" in page for name in api.NAMES)
    assert all(len(first_sentence(getattr(segbench, name))) > 10 for name in api.NAMES)


def test_presets_are_listed() -> None:
    assert "segbench run --suite cityscapes-val" in yaml_keys.page()


def test_the_picture_is_small() -> None:
    assert (DOCS / "images" / "board.png").stat().st_size < 100_000
