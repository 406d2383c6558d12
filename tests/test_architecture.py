"""The floors of the design as data: what each module may import. A module without a row fails; so does a row that allows too much."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from segbench.datasets import BUILTIN as DATASETS
from segbench.models import BUILTIN

PACKAGE = Path(__file__).parents[1] / "segbench"

FROZEN = "models.adapters.base models.adapters.description models.adapters.frozen models.base"
# Module: siblings of its own floor; packages beyond the standard library and numpy that it may import when it is imported itself.
FLOORS: tuple[dict[str, tuple[str, str]], ...] = (
    {
        "segbench": ("", ""),
        "errors": ("", ""),
        "findings": ("", ""),
        "outputs": ("errors", ""),
        "registry": ("errors", ""),
        "keyed_yaml": ("errors", "yaml"),
    },
    {
        "core": ("", ""),
        "core.labels": ("", ""),
        "core.blocks": ("", "llvmlite numba"),
        "core.counting": ("core.blocks", "numba"),
        "core.counting_torch": ("", "torch"),
        "core.bilinear": ("", ""),
        "core.upsampling": ("core.bilinear core.counting core.counting_torch core.upsampling_cpu core.upsampling_cuda", "torch"),
        "core.upsampling_cpu": ("", "llvmlite numba"),
        "core.upsampling_cuda": ("core.bilinear", "torch triton"),
        "core.confusion": ("core.labels", ""),
        "core.scores": ("core.confusion", ""),
        "core.instance_counting": ("core.blocks core.counting", "numba"),
        "core.instances": ("core.confusion core.instance_counting core.labels", ""),
        "core.permutohedral": ("", "numba"),
        "core.dense_crf": ("core.permutohedral", ""),
        "core.border_weights": ("", "numba"),
        "core.encodings": ("core.labels", ""),
        "core.misreadings": ("core.labels", ""),
        "core.replicates": ("core.labels", ""),
        "core.image_scores": ("", ""),
        "core.conventions": ("core.confusion core.image_scores core.labels core.scores", ""),
        "core.uncertainty": ("core.labels core.replicates", ""),
        "core.ranking": ("core.confusion core.labels core.scores core.uncertainty", ""),
        "core.boundaries": ("core.scores", ""),
        "core.latency": ("", ""),
        "core.segments": ("", ""),
        "core.watershed": ("core.segments", "numba"),
        "core.boundary_counting": ("core.blocks", "llvmlite numba"),
    },
    {
        "datasets": ("", ""),
        "datasets.inflating": ("", ""),
        "datasets.memory": ("", ""),
        "datasets.unfiltering": ("", "numba"),
        "datasets.png": ("datasets.inflating datasets.memory datasets.unfiltering", ""),
        "datasets.images": ("datasets.png", "PIL"),
        "datasets.streaming": ("", ""),
        "datasets.base": ("datasets.images", ""),
        "datasets.colors": ("datasets.images", ""),
        "datasets.pairing": ("datasets.base", ""),
        "datasets.cityscapes": ("datasets.base datasets.images", ""),
        "datasets.label_table": ("", ""),
        "datasets.layout": ("datasets.base", ""),
        "datasets.folder": ("datasets.base datasets.cityscapes datasets.isbi2012 datasets.pairing", "yaml"),
        "datasets.opening": ("datasets datasets.base", ""),
        "datasets.wildcards": ("", ""),
        "datasets.hf": ("datasets.base datasets.label_table datasets.own", ""),
        "datasets.own": ("datasets.base datasets.colors datasets.images datasets.label_table datasets.opening datasets.wildcards", ""),
        "datasets.mapping": ("", "yaml"),
        "datasets._palette": ("", ""),
        "datasets._paint": ("datasets._palette", ""),
        "datasets._houses": ("datasets._paint datasets._palette", ""),
        "datasets._people": ("datasets._paint datasets._palette", ""),
        "datasets._roadside": ("datasets._paint datasets._palette", ""),
        "datasets._vehicles": ("datasets._paint datasets._palette", ""),
        "datasets._street": (
            "datasets._houses datasets._paint datasets._palette datasets._people datasets._roadside datasets._vehicles",
            "",
        ),
        "datasets.minicity": ("datasets._street datasets.base datasets.cityscapes datasets.images", "PIL platformdirs"),
        "models": ("", ""),
        "models.layers": ("", "torch"),
        "models.base": ("", "torch"),
        "models._vgg": ("models.layers", "torch"),
        "models.checkpoints": ("", "torch safetensors"),
        "models.sources": ("", ""),
        "models.sources.base": ("models.base", "torch"),
        "models.sources.torchvision": ("datasets.voc models.sources.base", ""),
        "models.sources.torchseg": ("models.sources.base models.sources.torchvision", ""),
        "models.sources.coincheung": ("models.base models.sources.base models.sources.torchseg models.sources.torchvision", ""),
        "models.sources.enet": ("models.sources.base", ""),
        "models.sources.erfnet": ("models.sources.base", ""),
        "models.sources.fast_scnn": ("models.sources.base", ""),
        "models.sources.segformer": ("models.sources.base", "torch"),
        "models.sources.unrenamed": ("models.sources.base models.sources.torchseg models.sources.torchvision", ""),
        "models.importing": ("models.base models.sources.base models.weights", "torch"),
        "models.weights": ("models models.base", "torch safetensors"),
        "models.adapters": ("", ""),
        "models.adapters.base": ("models.base", ""),
        "models.adapters.description": ("datasets.opening models.adapters.base models.base", "yaml"),
        "models.adapters.frozen": ("models.adapters.base models.adapters.description models.base", "torch"),
        "models.adapters.torchscript": (FROZEN, "torch"),
        "models.adapters.exported": (FROZEN, "torch"),
        "models.adapters.onnx": (FROZEN, "torch"),
        "models.adapters.hf": ("models.adapters.base models.adapters.hf_networks models.base", ""),
        "models.adapters.hf_networks": ("models.adapters.base", "torch"),
        "models.adapters.torchvision": ("models.adapters.base models.base", "torch"),
        "models.adapters.smp": ("models.adapters.base models.base", ""),
        "models._resnet": ("models.layers", "torch"),
        "models._xception": ("models.layers", "torch"),
        "models.blocks": ("", "torch"),
        "models.pooling": ("", "torch"),
        "losses": ("", "torch"),
        "border_losses": ("", "torch"),
        "protocols": ("", ""),
        "recipes": ("", "yaml"),
        "training_log": ("", ""),
        "suites": ("datasets.mapping per_image protocols", ""),
        "records": ("datasets.base", ""),
        "per_image": ("records", ""),
        "board_rules": ("keyed_yaml", ""),
        "provenance": ("", ""),
        "profiles": ("records", ""),
    },
    {
        "boards": ("", ""),
        "comparing": ("", ""),
        "submission": ("boards", ""),
        "pair_counting": ("", ""),
        "suspicion": ("pair_counting", ""),
        "scoring": ("pair_counting suspicion", ""),
        "starting": ("", ""),
        "servers": ("", ""),
        "packing": ("servers", "PIL"),
        "contract": ("augmentation cpu_training dataset_contract objective", "torch"),
        "dataset_contract": ("", ""),
        "dataset_check": ("dataset_contract", ""),
        "views": ("", "torch"),
        "execution": ("", "torch"),
        "graphs": ("", "torch"),
        "transfer": ("", "torch"),
        "inference": ("graphs transfer views", "torch"),
        "network_size": ("", "torch"),
        "timing": ("", "torch"),
        "device_state": ("", "torch"),
        "backends": ("exporting", "torch"),
        "profiling": ("backends device_state execution inference network_size timing", "torch"),
        "processes": ("benchmark device_state profiling timing", "torch"),
        "augmentation": ("", "torch"),
        "cpu_training": ("", "torch"),
        "objective": ("augmentation", "torch"),
        "training": ("cpu_training augmentation inference objective", "torch"),
        "exporting": ("", "torch"),
        "resuming": ("inference", ""),
        "benchmark": ("device_state execution inference profiling resuming", "torch"),
    },
    {
        "report": ("", ""),
        "report.intervals": ("", ""),
        "report.metrics": ("", ""),
        "report.cautions": ("", ""),
        "report.terminal": ("report.intervals", "rich"),
        "report.cityscapes_json": ("", ""),
        "report.tables": ("report.intervals report.metrics", "pandas"),
        "report.formats": ("report.intervals report.tables report.terminal", "pandas rich"),
        "report.board_texts": ("report.formats report.intervals report.tables", ""),
        "report.markdown": ("report.board_texts report.formats report.intervals report.tables report.terminal", "jinja2"),
        "report.style": ("", "matplotlib"),
        "report.pareto": ("", ""),
        "report.placing": ("report.style", "matplotlib"),
        "report.cells": ("report.board_texts report.formats report.speed report.tables", "pandas"),
        "report.payload": (
            "report.cells report.intervals report.markdown report.pareto report.speed report.tables report.terminal",
            "",
        ),
        "report.strips": ("report.gallery report.samples report.terminal", "PIL"),
        "report.page": (
            "report.board_texts report.cells report.payload report.speed report.strips report.tables",
            "jinja2",
        ),
        "report.plots": ("report.pareto report.placing report.style report.tables report.terminal", "matplotlib"),
        "report.samples": ("report.style", "matplotlib"),
        "report.speed": ("report.formats report.tables report.terminal", "pandas"),
        "report.speed_plots": ("report.speed report.style", "matplotlib"),
        "report.speed_page": ("report.formats report.speed report.tables", ""),
        "report.gallery": ("report.samples report.style", ""),
        "report.distributions": ("report.style", "matplotlib"),
        "report.curves": ("report.style", "matplotlib"),
        "report.leaderboard": (
            "report.board_texts report.distributions report.formats report.markdown report.page report.plots report.speed_page "
            "report.speed_plots report.tables",
            "",
        ),
    },
    {
        "commands": ("", ""),
        "commands.anatomy": ("", "torch"),
        "commands.check": ("", "torch"),
        "commands.compare": ("", ""),
        "commands.data": ("", ""),
        "commands.export": ("", "torch"),
        "commands.profile": ("", "torch"),
        "commands.models": ("commands.anatomy commands.readme", ""),
        "commands.readme": ("", ""),
        "commands.run": ("commands.pictures", "torch"),
        "commands.pictures": ("", ""),
        "commands.score": ("", ""),
        "commands.pack": ("", ""),
        "commands.table": ("", "click pandas"),
        "commands.weights": ("", ""),
        "commands.train": ("", "torch yaml"),
    },
    {
        "command_line": ("", ""),
        "command_line.options": ("", "click"),
        "command_line.evaluation": ("command_line.options", "click"),
        "command_line.networks": ("command_line.options", "click"),
        "command_line.speed": ("command_line.options", "click"),
        "command_line.results": ("command_line.options", "click"),
        "command_line.data": ("command_line.options", "click"),
    },
    {
        "cli": ("", "click"),
        "__main__": ("cli", ""),
    },
)
# An architecture has its row by being registered: it may import what architectures share, and the one that it is a variant of.
SHARED = {f"models.{name}" for name in ("base", "layers", "blocks", "pooling", "_vgg", "_resnet", "_xception")}
VARIANT_OF = {
    "models.bayesian_segnet": "models.segnet",
    "models.deeplab_v2": "models.deeplab_v1",
    "models.fcn_other": "models.fcn",
    "models.pidnet": "models.ddrnet",
    "models.segnet_basic": "models.segnet",
    "models.unet_same": "models.unet",
}
# So has a reader of a dataset: it may import what readers share, Cityscapes' label space, and the one that it is a variant of.
READERS_SHARE = {f"datasets.{name}" for name in ("base", "cityscapes", "colors", "images", "label_table", "layout", "png")}
READER_OF = {"datasets.sunrgbd": "datasets.nyudv2"}
READER_PACKAGES = {"datasets.isbi2012": "PIL"}
ARCHITECTURES = {target.removeprefix("segbench.").partition(":")[0] for target in BUILTIN.values()}


@dataclass(frozen=True)
class Row:
    floor: int
    siblings: frozenset[str]
    packages: frozenset[str]
    optional: frozenset[str] = frozenset()


ROWS = {
    name: Row(floor, frozenset(siblings.split()), frozenset(packages.split()))
    for floor, rows in enumerate(FLOORS)
    for name, (siblings, packages) in rows.items()
} | {name: Row(2, frozenset(VARIANT_OF.get(name, "").split()), frozenset({"torch"}), frozenset(SHARED)) for name in ARCHITECTURES}


READERS = {target.removeprefix("segbench.").partition(":")[0] for target in DATASETS.values()} - set(ROWS)
ROWS |= {
    name: Row(
        2,
        frozenset(READER_OF.get(name, "").split()),
        frozenset(READER_PACKAGES.get(name, "").split()),
        frozenset(READERS_SHARE),
    )
    for name in READERS
}


def _module(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts) or "segbench"


FILES = {_module(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@dataclass(frozen=True)
class Import:
    """``own``: a module of segbench, without the prefix, or None. ``early``: it happens when the importing module is imported."""

    package: str
    own: str | None
    early: bool


def _own(dotted: str) -> str:
    """The longest part of ``segbench.a.b.name`` that is a module, without the prefix."""
    parts = dotted.split(".")[1:]
    while parts and ".".join(parts) not in FILES:
        parts.pop()
    return ".".join(parts) or "segbench"


def _imports(path: Path) -> list[Import]:
    def visit(node: ast.AST, early: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            dotted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            dotted = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
                isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            )
            for child in ast.iter_child_nodes(node):
                yield from visit(child, early and not lazy)
            return
        for name in dotted:
            package = name.split(".")[0]
            yield Import(package, _own(name) if package == "segbench" else None, early)

    return list(visit(ast.parse(path.read_text(encoding="utf-8")), early=True))


IMPORTS = {module: _imports(path) for module, path in FILES.items()}


def _graph() -> dict[str, set[str]]:
    return {module: {i.own for i in imports if i.own is not None} for module, imports in IMPORTS.items()}


@pytest.mark.parametrize("module", FILES)
def test_a_module_has_a_row(module: str) -> None:
    assert module in ROWS, f"give {module} a row in FLOORS, or a line in segbench.models.BUILTIN if it is an architecture"


def test_a_row_has_a_module() -> None:
    assert not set(ROWS) - set(FILES)


@pytest.mark.parametrize("module", sorted(set(FILES) & set(ROWS)))
def test_a_module_imports_its_named_siblings_and_what_lies_below(module: str) -> None:
    row, own = ROWS[module], _graph()[module]
    below = {name for name, other in ROWS.items() if other.floor < row.floor}
    assert not own - below - row.siblings - row.optional, f"{module} is on floor {row.floor}"
    assert not row.siblings - own, f"the row of {module} names siblings that it does not import"


@pytest.mark.parametrize("module", sorted(set(FILES) & set(ROWS)))
def test_a_module_imports_only_the_packages_of_its_row(module: str) -> None:
    used = {i.package for i in IMPORTS[module] if i.early} - sys.stdlib_module_names - {"segbench", "numpy"}
    assert used == ROWS[module].packages


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    graph, done = _graph(), set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for name in sorted(graph[module]):
                visit(name, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize(
    "module", [m for m, path in FILES.items() if path.name == "__init__.py" and m not in {"segbench", "datasets", "models"}]
)
def test_package_files_hold_no_code_but_for_the_version_and_the_two_tables(module: str) -> None:
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    assert len(tree.body) == (ast.get_docstring(tree) is not None)


HEAVY = ("torch", "pandas", "matplotlib", "numba")


def _loaded_by(*modules: str) -> set[str]:
    """Which heavy packages a fresh interpreter has loaded after importing modules."""
    code = f"import sys, json\nfor name in {modules!r}: __import__(name)\nprint(json.dumps([n for n in {HEAVY!r} if n in sys.modules]))"
    return set(
        json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent).stdout)
    )


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        (("segbench", "segbench.cli", "segbench.registry", "segbench.models", "segbench.datasets"), set()),
        (
            (
                "segbench.scoring",
                "segbench.records",
                "segbench.datasets.folder",
                "segbench.report.cityscapes_json",
                "segbench.commands.score",
            ),
            {"numba"},
        ),
        (("segbench.core.scores", "segbench.records"), set()),
    ],
    ids=["help", "score", "records"],
)
def test_what_a_command_does_not_need_is_not_loaded(modules: tuple[str, ...], expected: set[str]) -> None:
    assert _loaded_by(*modules) == expected


def test_the_leaderboard_loads_no_torch() -> None:
    assert "torch" not in _loaded_by("segbench.report.leaderboard", "segbench.report.plots", "segbench.report.samples")
