"""Virtual environments in which the peers live, in the user's cache folder: each is made once, and none can break another's rows."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_dir

VERSION = "1"


class NotInstalled(Exception):  # noqa: N818 (a reason, not a failure)
    """A peer cannot be installed here; the message is the last line of what failed."""


@dataclass(frozen=True)
class Environment:
    """``steps``: arguments of ``pip install``, one call after the other. ``borrows``: packages of our own environment that it sees.
    ``extension``: a folder below its packages, and a Cython file that is compiled there.

    torch is borrowed: so it is the same build for everybody, and is not downloaded again.
    """

    name: str
    steps: tuple[str, ...]
    borrows: tuple[str, ...] = ()
    extension: tuple[str, Path] | None = None

    def python(self) -> Path:
        """Its interpreter; the environment is made at the first call.

        :raises NotInstalled: pip or a compiler failed.
        """
        folder = Path(user_cache_dir("segbench")) / f"bench-env-{VERSION}-{self.name}"
        python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        complete = folder / "complete"
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            for step in self.steps:
                _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *step.split()])
            if self.borrows:
                homes = {str(importlib.metadata.distribution(package).locate_file("")) for package in self.borrows}
                (_site(python) / "borrowed.pth").write_text("\n".join(sorted(homes)) + "\n", encoding="utf-8")
            if self.extension:
                source = shutil.copy(self.extension[1], _site(python) / self.extension[0])
                _run([python, "-m", "Cython.Build.Cythonize", "-q", "-i", source])
            complete.write_text("\n".join(self.steps) + "\n", encoding="utf-8")
        return python


def _run(command: list[object]) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotInstalled((done.stderr.strip().splitlines() or ["it failed"])[-1])
    return done.stdout


def _site(python: Path) -> Path:
    return Path(_run([python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]).strip())


OURS = Path(sys.executable)
NUMPY = "numpy==1.26.4"  # the official scorer does not run beside NumPy 2.4
OFFICIAL = Environment("cityscapesscripts", (f"--only-binary numpy cityscapesScripts==2.3.0 {NUMPY}",))
# Its source distribution lacks the file that CYTHONIZE_EVAL would compile, so that file lies here.
CYTHON = Environment(
    "cityscapesscripts-cython",
    (f"--only-binary numpy,cython cityscapesScripts==2.3.0 setuptools<80 cython==3.1.4 {NUMPY}",),
    extension=("cityscapesscripts/evaluation", Path(__file__).with_name("addToConfusionMatrix.pyx")),
)
SCIKIT = Environment("scikit-learn", ("--only-binary :all: scikit-learn==1.7.2 pillow",))
TORCHMETRICS = Environment(
    "torchmetrics", ("--no-deps torchmetrics==1.8.2 lightning-utilities==0.15.2", "pillow packaging typing_extensions"), borrows=("torch",)
)
OPENCV = Environment("opencv", ("--only-binary :all: opencv-python-headless pillow numpy",))
PILLOW = Environment("pillow", ("--only-binary :all: pillow numpy",))
IMAGECODECS = Environment("imagecodecs", ("--only-binary :all: imagecodecs numpy",))
