"""The official scorer, cityscapesScripts 2.3.0, in a virtual environment of its own.

It does not run beside NumPy 2.4, and it depends on the PyPI package ``typing``; so it lives in the user's cache folder and is run as a
process.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_dir

from segbench.datasets.cityscapes import read_layout
from segbench.metrics.instance_iou import InstanceScores
from segbench.scoring.cityscapes_json import cityscapes_result, to_text
from segbench.scoring.folder import score_folder

VERSION = "2.3.0"
PACKAGES = (f"cityscapesScripts=={VERSION}", "numpy==1.26.4")
RUNNER = Path(__file__).with_name("run_official.py")


class NoOracle(Exception):  # noqa: N818 (a reason, not a failure)
    """The official scorer cannot be installed here."""


def environment(name: str = f"cityscapesscripts-{VERSION}", packages: Sequence[str] = PACKAGES, alone: Sequence[str] = ()) -> Path:
    """The interpreter of an oracle's environment, which is made at the first call.

    :param alone: packages that are installed without what they depend on.
    :raises NoOracle: pip failed; the message is its last line.
    """
    folder = Path(user_cache_dir("segbench")) / f"oracle-{name}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    complete = folder / "complete"
    if not complete.exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", "numpy"]
        for some in ([*packages], ["--no-deps", *alone] if alone else []):
            done = subprocess.run([*install, *some], capture_output=True, text=True, check=False) if some else None
            if done and done.returncode:
                raise NoOracle((done.stderr.strip().splitlines() or ["pip failed"])[-1])
        complete.write_text("\n".join([*packages, *alone]) + "\n", encoding="utf-8")
    return python


def official_json(python: Path, root: Path) -> str:
    """The text of the JSON that the official scorer writes for ``root/gtFine`` and ``root/results``; images in sorted order."""
    variables = os.environ | {"CITYSCAPES_DATASET": str(root), "CITYSCAPES_RESULTS": str(root / "results"), "MPLBACKEND": "Agg"}
    variables.pop("CITYSCAPES_EXPORT_DIR", None)
    done = subprocess.run([python, RUNNER], env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the official scorer ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return (root / "evaluationResults" / "resultPixelLevelSemanticLabeling.json").read_text(encoding="utf-8")


def label_table(python: Path) -> list[list[object]]:
    """The official table as [name, id, train id, category, has instances, ignored, colour]."""
    code = (
        "import json; from cityscapesscripts.helpers.labels import labels\n"
        "print(json.dumps([[l.name, l.id, l.trainId, l.category, l.hasInstances, l.ignoreInEval, l.color] for l in labels]))"
    )
    return json.loads(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout)


def our_json(root: Path) -> str:
    """The same from segbench."""
    result = score_folder(root / "results", read_layout("cityscapes", root, "val"), encoding="ids", target_encoding="ids")
    assert isinstance(result.instances, InstanceScores)
    return to_text(cityscapes_result(result.labels, result.pairs, result.instances))


if __name__ == "__main__":
    # python -m tests.oracle.official: write the golden file again.
    import tempfile

    from tests.golden.generated_set import write_set

    with tempfile.TemporaryDirectory() as temporary:
        text = official_json(environment(), write_set(Path(temporary), seed=0))
    golden = Path(__file__).parents[1] / "golden" / "cityscapesscripts-2.3.0-seed0.json"
    golden.write_text(text, encoding="utf-8", newline="\n")
    sys.stdout.write(f"wrote {golden}\n")
