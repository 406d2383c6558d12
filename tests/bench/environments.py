"""Virtual environments in which the peers live, in the user's cache folder: each is made once, and none can break another's rows."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import venv
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

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

    @property
    def about(self) -> str:
        """What its notes say."""
        return self.name

    def python(self) -> Path:
        """Its interpreter; the environment is made at the first call.

        :raises NotInstalled: pip or a compiler failed.
        """
        folder = Path(user_cache_dir("segbench")) / f"bench-env-{VERSION}-{self.name.replace(' ', '-')}"
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


@dataclass(frozen=True)
class Fastest:
    """A peer at its best: of environments that it supports the one in which ``tool`` of ``peer.py`` is fastest here, tried once."""

    candidates: tuple[Environment, ...]
    tool: str

    def python(self) -> Path:
        """Its interpreter.

        :raises NotInstalled: not one of them can be made, or none runs.
        """
        return self.chosen.python()

    @property
    def chosen(self) -> Environment:
        """The environment; which one it is stays written down in the cache folder."""
        file = Path(user_cache_dir("segbench")) / f"bench-fastest-{VERSION}-{self.tool}-{self.candidates[0].name}"
        names = {each.name: each for each in self.candidates}
        if not file.exists() or file.read_text() not in names:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self._try())
        return names[file.read_text()]

    @property
    def about(self) -> str:
        """Which one it is, and of which."""
        return f"the fastest of {', '.join(each.name for each in self.candidates)} here: {self.chosen.name}"

    def _try(self) -> str:
        from tests.bench.data import bench_set, paths
        from tests.bench.workers import interleaved

        with TemporaryDirectory() as folder:
            pairs = Path(folder) / "pairs.json"
            pairs.write_text(json.dumps([list(map(str, pair)) for pair in paths(bench_set(4))]))
            commands: dict[str, list[object]] = {}
            for each in self.candidates:
                with suppress(NotInstalled):
                    commands[each.name] = [each.python(), Path(__file__).with_name("peer.py"), self.tool, pairs]
            measured, failed = interleaved(commands, 3, {})
        if not measured:
            raise NotInstalled("; ".join(f"{name}: {why}" for name, why in failed.items()) or "no environment can be made")
        return min(measured, key=lambda name: measured[name].median)


def _official(numpy: str, cython: bool) -> Environment:
    scorer = f"cityscapesScripts==2.3.0 numpy=={numpy}"
    if not cython:
        return Environment(f"cityscapesscripts-numpy-{numpy}", (f"--only-binary numpy {scorer}",))
    # Its source distribution lacks the file that CYTHONIZE_EVAL would compile, so that file lies here.
    extension = ("cityscapesscripts/evaluation", Path(__file__).with_name("addToConfusionMatrix.pyx"))
    return Environment(
        f"cityscapesscripts-cython-numpy-{numpy}",
        (f"--only-binary numpy,cython {scorer} setuptools<80 cython==3.1.4",),
        extension=extension,
    )


OURS = Path(sys.executable)
# The newest of three series; the official scorer does not run beside NumPy 2.4. np.unique, which takes its time, differs by 2.5 times.
NUMPYS = ("1.26.4", "2.2.6", "2.3.5")
OFFICIAL = Fastest(tuple(_official(numpy, cython=False) for numpy in NUMPYS), "official")
CYTHON = Fastest(tuple(_official(numpy, cython=True) for numpy in NUMPYS), "official")
SCIKIT = Environment("scikit-learn 1.9.1", ("--only-binary :all: scikit-learn==1.9.1 pillow",))
TORCHMETRICS = Environment(
    "torchmetrics 1.9.0",
    ("--no-deps torchmetrics==1.9.0 lightning-utilities==0.15.3", "pillow packaging typing_extensions"),
    borrows=("torch",),
)
OPENCV = Environment("opencv", ("--only-binary :all: opencv-python-headless pillow numpy",))
PILLOW = Environment("pillow", ("--only-binary :all: pillow numpy",))
IMAGECODECS = Environment("imagecodecs", ("--only-binary :all: imagecodecs numpy",))
