"""What leaves the checkout: the wheel, how it is cited, and what shells complete."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from segbench import __version__

ROOT = Path(__file__).parents[1]
DISTRIBUTION = ROOT / "docs" / "distribution"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ON_CONDA = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
NOT_ON_CONDA = {"deflate"}  # zlib does without it


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked in a folder of its own."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "unpacked")
    return out / "unpacked"


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(unpacked: Path) -> None:
    def files(root: Path) -> set[str]:
        found = (path for path in (root / "segbench").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(root).as_posix() for path in found if path.suffix not in (".nbi", ".nbc")}

    assert files(unpacked) == files(ROOT)
    assert {path.name.partition("-")[0] for path in unpacked.iterdir()} == {"segbench"}


def test_the_wheel_works_without_the_checkout(unpacked: Path, tmp_path: Path) -> None:
    code = (
        "import segbench, sys; from pathlib import Path; assert Path(segbench.__file__).is_relative_to(sys.argv[1]), segbench.__file__; "
        "from segbench.benchmark.suite import preset_names, read_suite; [read_suite(name) for name in preset_names()]; "
        "from segbench.models.weights import bundled; assert segbench.load_model(bundled('enet', 'minicity')).weights_sha256"
    )
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    subprocess.run([sys.executable, "-c", code, str(unpacked)], cwd=tmp_path, env=environment, check=True)
    done = subprocess.run(
        [sys.executable, "-m", "segbench", "--version"], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert __version__ in done.stdout


def test_the_citation_is_of_this_version_and_license() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "type"} <= set(citation), "CFF 1.2.0 asks for these"
    assert (citation["version"], citation["license"]) == (__version__, PROJECT["license"])
    assert [each["name"] for each in citation["authors"]] == [each["name"] for each in PROJECT["authors"]]


@pytest.mark.parametrize(
    ("shell", "line", "expected"),
    [
        ("bash", "segbench ver", "plain,verify"),
        ("bash", "segbench compare --mark", "plain,--markdown"),
        ("zsh", "segbench pub", "publish"),
        ("fish", "segbench pub", "plain,publish"),
    ],
)
def test_a_shell_completes_commands_and_options(shell: str, line: str, expected: str) -> None:
    *before, last = line.split()
    number = str(len(before)) if shell != "fish" else last
    environment = {**os.environ, "_SEGBENCH_COMPLETE": f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": number}
    code = "import sys; sys.argv[0] = 'segbench'; from segbench.cli.main import main; main(prog_name='segbench')"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert expected in done.stdout, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_printed(shell: str) -> None:
    environment = {**os.environ, "_SEGBENCH_COMPLETE": f"{shell}_source"}
    code = "import sys; sys.argv[0] = 'segbench'; from segbench.cli.main import main; main(prog_name='segbench')"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    if shell == "bash" and "Bash version" in done.stderr:
        pytest.skip("this bash is too old to complete")
    assert "_SEGBENCH_COMPLETE" in done.stdout


@pytest.fixture
def instructions(tmp_path: Path) -> list[tuple[str, str]]:
    """Names and values of the Dockerfile's instructions."""
    parse = pytest.importorskip("dockerfile_parse")
    shutil.copy(DISTRIBUTION / "Dockerfile", tmp_path)
    found = parse.DockerfileParser(path=str(tmp_path)).structure
    return [(each["instruction"], each["value"]) for each in found if each["instruction"] != "COMMENT"]


def test_the_container_has_its_base_as_an_argument_and_runs_as_no_root(instructions: list[tuple[str, str]]) -> None:
    assert instructions[:2] == [("ARG", "BASE=python:3.12-slim-bookworm"), ("FROM", "${BASE}")]
    assert ("ARG", "TORCH_INDEX=https://download.pytorch.org/whl/cpu") in instructions
    (user,) = [value for name, value in instructions if name == "USER"]
    assert user.isdecimal()
    assert int(user) > 0
    assert [json.loads(value) for name, value in instructions if name in ("ENTRYPOINT", "CMD")] == [["segbench"], ["--help"]]


def test_every_command_of_the_container_is_sound_shell(instructions: list[tuple[str, str]]) -> None:
    commands = [value for name, value in instructions if name == "RUN"]
    assert len(commands) == 2
    for command in commands:
        subprocess.run(["sh", "-eun", "-c", command], check=True)


def test_what_the_container_copies_is_enough_to_build_the_package(instructions: list[tuple[str, str]], tmp_path: Path) -> None:
    for name, value in instructions:
        if name == "COPY":
            *sources, target = value.split()
            for source in sources:
                place = tmp_path / target.strip("/") / (source if target.endswith("/") else "")
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                place.parent.mkdir(parents=True, exist_ok=True)
                copy(ROOT / source, place)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=tmp_path / "source", check=True, capture_output=True)
    assert list(tmp_path.glob("segbench-*.whl"))


def test_the_container_keeps_to_the_rules_of_hadolint() -> None:
    hadolint = shutil.which("hadolint") or pytest.skip("hadolint is not installed")
    subprocess.run([hadolint, str(DISTRIBUTION / "Dockerfile")], check=True)


def test_the_conda_recipe_is_of_this_version_and_asks_for_what_the_package_does() -> None:
    recipe = yaml.safe_load((DISTRIBUTION / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    assert recipe["context"]["version"] == __version__
    assert set(recipe) == {"schema_version", "context", "package", "source", "build", "requirements", "tests", "about"}
    wanted = {each.name: str(each.specifier) for each in map(Requirement, PROJECT["dependencies"])}
    wanted = {ON_CONDA.get(name, name): version for name, version in wanted.items() if name not in NOT_ON_CONDA}
    assert dict(each.split(" ", 1) for each in recipe["requirements"]["run"]) == wanted | {"python": PROJECT["requires-python"]}
    assert recipe["build"]["python"]["entry_points"] == [f"{name} = {place}" for name, place in PROJECT["scripts"].items()]
    assert (recipe["about"]["summary"], recipe["about"]["license"]) == (PROJECT["description"], PROJECT["license"])
    assert (DISTRIBUTION / "conda" / recipe["source"]["path"]).resolve() == ROOT
    assert re.fullmatch(r"python \d\.\d+\.\*", recipe["requirements"]["host"][0])
    assert recipe["requirements"]["host"][0][7:11] == PROJECT["requires-python"][2:]


def test_pictures_are_read_without_the_package_that_conda_lacks() -> None:
    code = "import sys; sys.modules['deflate'] = None; from segbench.images.inflate import inflater; print(inflater().__name__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == "with_zlib\n"
