"""The published schemas are those that the code reads by, every file that comes along keeps to its own, and a wrong one does not."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from segbench.benchmark.suite import Suite, read_suite
from segbench.cli.main import main
from segbench.console.schema import SCHEMAS, schema_text
from segbench.errors import DataError, RecordError
from segbench.files.settings import settings_of
from segbench.leaderboards.rules import KEYS, read_rules
from segbench.records.profile import read_profile
from segbench.records.reading import CORRUPTED
from segbench.records.run_record import read_run
from segbench.records.shape import NAMED, PROFILE, REQUIRED, RUN

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "segbench" / "files" / "schemas"
RECORDS = [path for path in sorted((ROOT / "leaderboards").glob("*/records/*.json")) if not path.name.endswith(CORRUPTED)]
BOARDS = sorted((ROOT / "leaderboards").glob("*/board.yaml"))
PRESETS = sorted((ROOT / "segbench" / "benchmark" / "presets").glob("*.yaml"))
ENET = json.loads((ROOT / "leaderboards/minicity-val/records/enet.json").read_text())
ITS_PROFILE = json.loads((ROOT / "leaderboards/minicity-val/records/enet.profile.json").read_text())
VALIDATORS = {kind: Draft202012Validator(make()) for kind, make in SCHEMAS.items()}


def fits(kind: str, data: Any) -> bool:
    return VALIDATORS[kind].is_valid(data)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_committed_schema_is_what_the_code_reads_by(kind: str) -> None:
    assert (FOLDER / f"{kind}.schema.json").read_text() == schema_text(kind), "segbench schema --out segbench/files/schemas"
    Draft202012Validator.check_schema(SCHEMAS[kind]())


def test_every_committed_record_and_profile_keeps_to_its_schema() -> None:
    assert len(RECORDS) > 100
    for path in RECORDS:
        data = json.loads(path.read_text())
        if data["schema"] == "segbench.profile/1":
            continue  # is upgraded when it is read
        kind = data["schema"].partition(".")[2].partition("/")[0]
        assert not [error.message for error in VALIDATORS[kind].iter_errors(data)], path


@pytest.mark.parametrize(("kind", "path"), [*(("board", path) for path in BOARDS), *(("suite", path) for path in PRESETS)])
def test_a_file_that_comes_along_keeps_to_the_schema_that_its_first_line_names(kind: str, path: Path) -> None:
    text = path.read_text()
    named = text.partition("\n")[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == FOLDER / f"{kind}.schema.json"
    data = yaml.safe_load(text)
    assert not [error.message for error in VALIDATORS[kind].iter_errors(data)]
    assert not fits(kind, data | {"datasett": "x"})
    assert not fits(kind, data | {"dataset": 3})


def paths_of(shape: Mapping[str, Any], before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    paths = []
    for name, wanted in shape.items():
        paths += paths_of(wanted, (*before, name)) if isinstance(wanted, Mapping) else [(*before, name)]
    return paths


def replaced(data: Any, path: tuple[str, ...], value: Any) -> Any:
    data = copy.deepcopy(data)
    inner = data
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    if value is None:
        inner.pop(path[-1])
    else:
        inner[path[-1]] = value
    return data


@pytest.mark.parametrize("path", paths_of(RUN), ids=".".join)
def test_a_fact_of_another_type_is_refused_by_the_schema_and_by_the_reader(path: tuple[str, ...], tmp_path: Path) -> None:
    wrong = replaced(ENET, path, {"no": "text"} if "labels" not in path and fits("run", replaced(ENET, path, "x")) else "x")
    assert not fits("run", wrong)
    (tmp_path / "r.json").write_text(json.dumps(wrong))
    with pytest.raises(RecordError):
        read_run(tmp_path / "r.json")


@pytest.mark.parametrize("path", [(name,) for name in REQUIRED] + [tuple(path.split(".")) for path in NAMED], ids=".".join)
def test_a_fact_that_is_missing_is_named_by_the_schema_and_by_the_reader(path: tuple[str, ...], tmp_path: Path) -> None:
    wrong = replaced(ENET, path, None)
    assert not fits("run", wrong)
    (tmp_path / "r.json").write_text(json.dumps(wrong))
    with pytest.raises(RecordError, match="schema None" if path == ("schema",) else f"the record has no '{'.'.join(path)}'"):
        read_run(tmp_path / "r.json")


@pytest.mark.parametrize("path", [*paths_of(PROFILE), ("another",), ("network_ms",), ("input_size",)], ids=".".join)
def test_a_wrong_profile_is_refused_by_the_schema_and_by_the_reader(path: tuple[str, ...], tmp_path: Path) -> None:
    wrong = replaced(ITS_PROFILE, path, {"no": "text"} if fits("profile", replaced(ITS_PROFILE, path, "x")) else "x")
    assert not fits("profile", wrong)
    (tmp_path / "r.json").write_text(json.dumps(wrong))
    with pytest.raises(RecordError):
        read_profile(tmp_path / "r.json")


BAD_PROTOCOLS = ["crop: 512", "scales: [-1]", "precision: fp8"]
GOOD_SUITES = [
    "models: [enet, segnet]\nweights: {enet: enet.safetensors}\nprotocol: {scales: [0.75, 1.0], crop: 512x512, stride: 256x256}",
    "models: enet,segnet\nprotocol: {scales: '0.5,1', input_size: 512}\ngroups: city\nset: {enet: {width: 0.5}}",
    "models: enet\nname: [enet=mine]\nprotocol: {input_size: [512, 1024], precision: bf16}\nlimit: 3\nsave_predictions: true",
]
BAD_SUITES = ["limit: 0", "models: 3", "flip: true", "set: {enet: 3}", *(f"protocol: {{{each}}}" for each in BAD_PROTOCOLS)]


@pytest.mark.parametrize(("text", "good"), [*((text, True) for text in GOOD_SUITES), *((text, False) for text in BAD_SUITES)])
def test_the_schema_of_a_suite_takes_what_its_reader_takes(text: str, good: bool, tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(text)
    assert fits("suite", yaml.safe_load(text)) == good
    if good:
        read_suite(str(tmp_path / "suite.yaml"))
    else:
        with pytest.raises(DataError):
            read_suite(str(tmp_path / "suite.yaml"))


def test_the_schema_of_a_board_refuses_what_its_reader_refuses(tmp_path: Path) -> None:
    for text in ("images: 0", "data: anything", "protocol: 3", "title: [a]", "rank: 1"):
        (tmp_path / "board.yaml").write_text(text)
        assert not fits("board", yaml.safe_load(text)), text
        with pytest.raises(DataError):
            read_rules(tmp_path)


def test_an_editor_finds_every_key_its_values_and_what_it_means() -> None:
    suite, board = (SCHEMAS[kind]()["properties"] for kind in ("suite", "board"))
    assert list(suite) == list(settings_of(Suite))
    assert list(board) == list(KEYS)
    protocol = suite["protocol"]["properties"]
    assert protocol["precision"]["enum"] == ["fp32", "tf32", "bf16", "fp16"]
    for name, each in [*suite.items(), *board.items(), *protocol.items()]:
        assert name == "protocol" or each["description"]
        assert {"type", "enum", "anyOf"} & set(each), name


def test_the_command_prints_a_schema_and_writes_them_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["schema", "board"], standalone_mode=False)
    assert capsys.readouterr().out == schema_text("board")
    main(["schema", "--out", str(tmp_path)], standalone_mode=False)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in FOLDER.iterdir()}
