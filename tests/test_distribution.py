"""What leaves the checkout: the wheel, how it is cited, and what shells complete."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from segbench import __version__

ROOT = Path(__file__).parents[1]


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
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "type"} <= set(citation), "CFF 1.2.0 asks for these"
    assert (citation["version"], citation["license"]) == (__version__, project["license"])
    assert [each["name"] for each in citation["authors"]] == [each["name"] for each in project["authors"]]


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
