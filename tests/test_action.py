"""The action at the top is what GitHub would run: its steps are read from the file and run as shell here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.records.test_comparison import matrices, record_file

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
GH = """#!/bin/sh
echo "$@" >> "$GH_CALLS"
case "$*" in *--paginate*) printf '%s' "$GH_OLD";; esac
"""


class Runner:
    """Runs steps as a composite action does: in bash -e -o pipefail, with expressions filled in."""

    def __init__(self, root: Path, **inputs: str) -> None:
        self.root, self.contexts = root, {f"inputs.{name}": str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
        self.contexts |= {f"inputs.{name}": value for name, value in inputs.items()}
        self.contexts |= {"github.token": "t", "github.repository": "me/it", "github.event.pull_request.number": "7"}
        self.output, self.summary, self.calls = root / "output", root / "summary", root / "calls"
        (root / "bin").mkdir()
        (root / "bin" / "gh").write_text(GH)
        (root / "bin" / "segbench").write_text(f'#!/bin/sh\nexec {sys.executable} -m segbench "$@"\n')
        for tool in (root / "bin").iterdir():
            tool.chmod(0o755)

    def run(self, name: str, **more: str) -> int:
        step = STEPS[name]
        given = {key: self._filled(value) for key, value in step.get("env", {}).items()}
        files = {"GITHUB_OUTPUT": self.output, "GITHUB_STEP_SUMMARY": self.summary, "RUNNER_TEMP": self.root, "GH_CALLS": self.calls}
        path = f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, **{key: str(value) for key, value in files.items()}, **given, "PATH": path, "GH_OLD": "", **more}
        command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
        if self.output.exists():
            for line in self.output.read_text().splitlines():
                key, _, value = line.partition("=")
                self.contexts[f"steps.{step.get('id')}.outputs.{key}"] = value
        return done.returncode

    def _filled(self, text: str) -> str:
        return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: self.contexts[found[1]], text)


def test_inputs_reach_the_shell_through_the_environment_alone() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for step in STEPS.values():
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an expression in a script is code that a branch's name can bring in"
    assert all(each.get("description") for each in ACTION["inputs"].values())


@pytest.mark.parametrize(("better", "status"), [(0, 1), (12, 0)])
def test_the_steps_compare_comment_and_close_the_gate(better: int, status: int, tmp_path: Path) -> None:
    before, after = record_file(tmp_path, "main", matrices(6)), record_file(tmp_path, "pr", matrices(better))
    runner = Runner(tmp_path, main=str(before), pr=str(after), gate="miou > -0.3 @95\n\nacc > -50\n")
    assert runner.run("Compare") == 0
    assert runner.run("Comment") == 0
    assert runner.run("Gate") == status
    comment = (tmp_path / "segbench-comment.md").read_text()
    assert comment.startswith("<!-- segbench compare -->")
    assert "| `acc > -50` |" in comment
    assert runner.summary.read_text() == comment
    assert runner.calls.read_text().splitlines()[-1] == f"pr comment 7 --repo me/it --body-file {tmp_path}/segbench-comment.md"


def test_a_second_comment_takes_the_place_of_the_first(tmp_path: Path) -> None:
    a, b = record_file(tmp_path, "main", matrices()), record_file(tmp_path, "pr", matrices())
    runner = Runner(tmp_path, main=str(a), pr=str(b))
    assert runner.run("Compare") == 0
    assert runner.run("Comment", GH_OLD="41\n42\n") == 0
    assert runner.calls.read_text().splitlines()[-1].startswith("api --method PATCH repos/me/it/issues/comments/41 --field body=@")


def test_records_that_cannot_be_compared_fail_the_step_itself(tmp_path: Path) -> None:
    a = record_file(tmp_path, "main", matrices())
    assert Runner(tmp_path, main=str(a), pr=str(tmp_path / "none.json")).run("Compare") == 2
