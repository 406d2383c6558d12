from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from segbench import registry
from segbench.datasets import DATASETS
from segbench.errors import UnknownNameError
from segbench.models import MODELS
from segbench.registry import Registry

GROUP = "segbench.tests"
TABLE = {
    "ordered": "collections:OrderedDict",
    "counter": "collections:Counter",
    "number": "math:pi",
    "gone": "no_such_package:f",
    "typo": "math:cosinus",
}
THINGS, NONE = Registry("thing", TABLE, GROUP), Registry("thing", {}, GROUP)


def plugins(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    found = [EntryPoint(name, value, GROUP) for name, value in points.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: [point for point in found if point.group == group])


def test_a_builtin_name_is_its_line_of_the_table() -> None:
    from collections import Counter

    assert THINGS.resolve("counter") is Counter


def test_names_are_the_table_in_its_order_and_then_the_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, zebra="json:loads", ant="json:dumps")
    assert THINGS.names() == [*TABLE, "ant", "zebra"]


def test_a_plugin_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    plugins(monkeypatch, mine="json:loads")
    assert THINGS.resolve("mine") is json.loads


def test_a_plugin_that_takes_a_builtin_name_is_an_error_naming_both(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, counter="json:loads")
    with pytest.raises(UnknownNameError, match=r"json:loads.*'counter'.*collections:Counter"):
        THINGS.names()


def test_two_plugins_of_one_name_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("mine", "json:loads", GROUP), EntryPoint("mine", "json:dumps", GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    with pytest.raises(UnknownNameError, match="mine"):
        THINGS.resolve("mine")


def test_the_same_plugin_installed_twice_is_one_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("mine", "json:loads", GROUP)] * 2
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert NONE.names() == ["mine"]


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"dataset 'cityscape' is not registered; did you mean 'cityscapes'\?"):
        DATASETS.resolve("cityscape")


def test_a_name_like_no_other_is_answered_with_all() -> None:
    with pytest.raises(UnknownNameError, match="known: ordered, counter, number"):
        THINGS.resolve("qqqqqqqq")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("number", "'number' is a float; a factory is a function"),
        ("gone", "cannot import no_such_package"),
        ("typo", "cosinus"),
        ("no_such_package.models:f", "cannot import no_such_package.models"),
        ("none.py:f", "no file none.py"),
        (":f", "file.py:function or package.module:function"),
        (".relative:f", "file.py:function or package.module:function"),
        ("math:", "math"),
        ("math:pi", "is a float"),
    ],
)
def test_what_cannot_be_loaded_is_an_unknown_name(name: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        THINGS.resolve(name)


@pytest.fixture
def plugin_file(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "mine.py"
    path.write_text(
        "from dataclasses import dataclass\n\n\n@dataclass\nclass Model:\n    width: int = 3\n\n\ndef build():\n    return Model()\n"
    )
    return path


def test_a_function_of_a_file_is_loaded_by_path(plugin_file: Path) -> None:
    assert NONE.resolve(f"{plugin_file}:build")().width == 3


def test_a_relative_path_is_a_path(plugin_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plugin_file.parent)
    assert NONE.resolve("mine.py:build")().width == 3
    assert NONE.resolve("./mine.py:build")().width == 3


def test_a_file_is_executed_once_and_two_files_may_be_called_alike(plugin_file: Path) -> None:
    other = plugin_file.parent / "other" / "mine.py"
    other.parent.mkdir()
    other.write_text("def build():\n    return 'other'\n")
    assert NONE.resolve(f"{plugin_file}:build") is NONE.resolve(f"{plugin_file}:build")
    assert NONE.resolve(f"{other}:build")() == "other"
    assert NONE.resolve(f"{plugin_file}:build")().width == 3


def test_a_file_that_fails_may_be_corrected_and_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        NONE.resolve(f"{path}:build")
    path.write_text("def build():\n    return 1\n# longer, so that no stale bytecode fits\n")
    assert NONE.resolve(f"{path}:build")() == 1


def test_a_package_that_a_plugin_misses_is_named(tmp_path: Path) -> None:
    path = tmp_path / "needy.py"
    path.write_text("import no_such_dependency\n")
    with pytest.raises(UnknownNameError, match="no_such_dependency"):
        NONE.resolve(f"{path}:build")


def project(folder: Path, width: int) -> Path:
    """A file that imports a package beside it, which imports in turn."""
    (folder / "neighbours").mkdir(parents=True)
    (folder / "neighbours" / "__init__.py").write_text("")
    (folder / "neighbours" / "parts.py").write_text(f"WIDTH = {width}\n")
    (folder / "neighbours" / "network.py").write_text("from .parts import WIDTH\n")
    (folder / "settings_beside.py").write_text("DEPTH = 1\n")
    (folder / "mine.py").write_text(
        "from neighbours.network import WIDTH\n\n\ndef build():\n    import settings_beside\n    return WIDTH + settings_beside.DEPTH\n"
    )
    return folder / "mine.py"


def test_a_file_imports_what_lies_beside_it_and_not_what_lies_beside_another(tmp_path: Path) -> None:
    files = [project(tmp_path / name, width) for name, width in (("a", 10), ("b", 20))]
    assert [NONE.resolve(f"{file}:build")() for file in files] == [11, 21]


@pytest.mark.parametrize(
    "changed", ["mine.py", "settings_beside.py", "neighbours/network.py", "neighbours/parts.py", "neighbours/__init__.py"]
)
def test_the_code_behind_a_name_is_its_file_and_what_it_imports_from_beside_it(tmp_path: Path, changed: str) -> None:
    name = f"{project(tmp_path, 3)}:build"
    before = NONE.code_sha256(name)
    (tmp_path / "unrelated.py").write_text("")
    assert before is not None
    assert before == NONE.code_sha256(name)
    (tmp_path / changed).write_text((tmp_path / changed).read_text() + "\n")
    assert NONE.code_sha256(name) != before


def test_the_code_of_a_package_is_that_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins(monkeypatch, mine="json:loads")
    assert NONE.code_sha256("mine") == NONE.code_sha256("json:loads") is not None
    assert THINGS.code_sha256("counter") is None


def test_a_file_that_is_no_python_or_whose_import_fails_is_named_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "typo.py").write_text("def build(:\n")
    (tmp_path / "half.py").write_text("from json import no_such_function\n")
    with pytest.raises(UnknownNameError, match=r"typo\.py, line 1: "):
        NONE.resolve(f"{tmp_path / 'typo.py'}:build")
    with pytest.raises(UnknownNameError, match=r"cannot import name 'no_such_function'.*its own folder is searched, others if PYTHONPATH"):
        NONE.resolve(f"{tmp_path / 'half.py'}:build")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("x.onnx", "onnx:x.onnx"),
        ("x.PT", "torchscript:x.PT"),
        ("enet.safetensors", "NAME --weights NAME=enet.safetensors"),
        ("enet.pth", "NAME --weights NAME=NAME.safetensors, after segbench weights import NAME enet.pth"),
        ("a/x.pt2", "exported:a/x.pt2"),
        ("net.py", "net.py:FUNCTION"),
        ("tests", "hf:tests"),
    ],
)
def test_a_file_that_is_named_without_its_prefix_is_answered_with_it(name: str, form: str) -> None:
    with pytest.raises(UnknownNameError, match=f"is not registered; write {form}"):
        MODELS.resolve(name)


@pytest.mark.parametrize("name", DATASETS.table)
def test_every_builtin_dataset_is_a_function(name: str) -> None:
    assert DATASETS.resolve(name).__name__ == name


@pytest.mark.parametrize("name", MODELS.table)
def test_every_builtin_model_is_named_after_its_function(name: str) -> None:
    assert MODELS.table[name].rpartition(":")[2] == name
