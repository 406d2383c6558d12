"""The import direction of the packages as data, one row for each package. A module without a room fails; so does an arrow that runs up."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from segbench.datasets import DATASETS
from segbench.models import MODELS

PACKAGE = Path(__file__).parents[1] / "segbench"
MOST_ENTRIES = 25

# What is in a package, from low to high. What stands between two signs does not import its siblings; * is all that is not named.
# In a package without a row nothing imports a sibling.
DIRECTION = {
    "": """errors parallel kernels < files < registry labels < metrics images < datasets < models records < evaluation scoring leaderboards
        < training profiling partials integrations < report checks < benchmark plots < console < cli < __main__""",
    "kernels": """compiling confidence_bins anomaly_bins maps < blocks bilinear counting_torch counting_cuda upsampling_cpu permutohedral
        border_weights filtering watershed index_bytes enlarged_rows < confidence_rows anomaly_rows tempered_rows
        < counting boundary_counting upsampling_cuda dense_crf
        < counting_wide instance_counting error_counting surface_counting upsampling < by_rows < confidence anomaly tempered""",
    "files": """atomic names text csv_text shapes notebook spilled made stores < name_list remote < settings
        < foreign yaml_schema json_text < json_schema""",
    "labels": "space < encodings misreadings tables files < mapping palettes < decoding",
    "metrics": """cells < confusion pair_counts matrices latency statistic student tempering < image_scores scores instance_iou
        region_scores < boundary_iou error_causes trimap calibration ood surface size_strata extra < extras < per_image
        < uncertainty image_counts < influence counting conventions < jackknife seeds < paired shift < ranking fine_means""",
    "images": """folders corruptions buffers content signatures inflate unfilter unfilter_photographs < color_ids tiff arrays pnm
        whole_numbers < png jpeg library < stored photographs tall_png tall_tiff < files colors tall < label_maps""",
    "images.corruptions": "filters < * < corrupting",
    "datasets": "base wildcards minicity_scenes < folder_samples < layout cityscapes opening < * < hf target_folder sunrgbd",
    "datasets.minicity_scenes": "palette < paint < houses people roadside vehicles < street",
    "models": """outputs checkpoints inlined fused temperature < segmenter < layers finite < zoo weights < adapters sources
        < size loading public_weights exporting < facts anatomy""",
    "models.layers": "layers blocks pooling < resnet vgg xception",
    "models.adapters": "base < description hf_networks hf_processors pt2_contents < frozen < *",
    "models.sources": "base < torchvision enet erfnet fast_scnn segformer < torchseg < coincheung unrenamed",
    "records": """shard data_facts environment groups device provenance portable shape reading < run_record profile partial temperature
        < schema per_image merging identity corruption_record < comparison agreement < seeds shift < gate""",
    "evaluation": """parsing graphs transfer meter < protocol < execution precision multi_view < memory < inference < resume tempering < run
        < surviving""",
    "scoring": """unpaired test_servers cityscapes_json < pairing < pair_counting packing selection < encoding_check < folder record
        < task""",
    "leaderboards": "board_scores < rules < board < submission",
    "training": "recipe log group cpu_workarounds checkpoint planes < losses border_losses batches optimizers < objective < trainer",
    "profiling": "timing backends device_state < profiler < fresh_process",
    "integrations": "scores < *",
    "report": "tables < plots < pages",
    "report.tables": """cautions intervals macs metrics beside holding < numbers frames < formats seeds causes calibration ood trimap
        surface corruptions < board_rows speed comment publication < notebook every_eval""",
    "report.plots": "fonts < style pareto < placing samples < gallery < *",
    "report.pages": "board_texts speed image_sums tenths < markdown html_tables counted_beside < payload < html < board_files < viewing",
    "checks": "findings class_places label_noise suspects < dataset_contract < model_contract dataset_files",
    "benchmark": """suite events class_map_keeping ranks < corrupting pictures command journals verification
        < evaluating shared_scoring merge_partials < run_suite < temperatures""",
    "console": """terminal registered < pictures counted < code_note parts errors calibration ood surface corruptions
        < score run < compare < *""",
    "cli": "options numba_start memory listing < data evaluation networks results speed targets < verification < main",
}

# Packages beyond the standard library and numpy that are imported when a module is; a module's row is the longest that begins its name.
PACKAGES = {
    "errors": "",
    "parallel": "",
    "partials": "",
    "plots": "",
    "registry": "",
    "kernels": "llvmlite numba",
    "kernels.bilinear": "",
    "kernels.dense_crf": "",
    "kernels.counting_torch": "torch",
    "kernels.by_rows": "torch",
    "kernels.confidence": "torch",
    "kernels.confidence_bins": "",
    "kernels.anomaly": "torch",
    "kernels.tempered": "torch",
    "kernels.anomaly_bins": "",
    "kernels.upsampling": "torch",
    "kernels.upsampling_cuda": "torch triton",
    "kernels.counting_cuda": "torch triton",
    "files": "",
    "files.yaml_schema": "yaml",
    "files.json_schema": "",
    "labels": "",
    "metrics": "",
    "images": "llvmlite numba PIL",
    "images.png": "",
    "images.corruptions": "PIL",
    "datasets": "",
    "datasets.minicity": "PIL",
    "datasets.isbi2012": "PIL",
    "models": "torch safetensors",
    "models.layers": "torch",
    "models.zoo": "torch",
    "models.adapters": "torch",
    "models.adapters.base": "",
    "models.temperature": "",
    "models.adapters.description": "",
    "models.adapters.hf": "",
    "models.adapters.smp": "",
    "models.sources": "torch",
    "records": "",
    "records.device": "torch",
    "evaluation": "torch",
    "evaluation.protocol": "",
    "evaluation.parsing": "",
    "scoring": "",
    "leaderboards": "",
    "training": "torch",
    "training.recipe": "",
    "training.log": "",
    "profiling": "torch",
    "integrations": "",
    "integrations.huggingface": "torch",
    "integrations.mmengine_metric": "torch",
    "integrations.torchmetrics_metric": "torch",
    "report.tables": "pandas rich",
    "report.tables.holding": "",
    "report.tables.intervals": "",
    "report.tables.macs": "",
    "report.tables.numbers": "",
    "report.tables.every_eval": "",
    "report.tables.publication": "yaml",
    "report.plots": "matplotlib",
    "report.plots.pareto": "",
    "report.plots.strips": "PIL",
    "report.pages": "jinja2 pandas",
    "checks": "",
    "checks.model_contract": "torch",
    "benchmark": "",
    "benchmark.run_suite": "torch",
    "benchmark.temperatures": "torch",
    "benchmark.verification": "torch",
    "console": "torch",
    "console.terminal": "rich",
    "console.publish": "",
    "console.score": "",
    "console.table": "click pandas",
    "cli": "click",
    "cli.numba_start": "",
    "__main__": "",
}

# An architecture may import what architectures share, and the one that it is a variant of.
ARCHITECTURES_SHARE = ("models.segmenter", "models.layers")
VARIANT_OF = {
    "models.zoo.bayesian_segnet": "models.zoo.segnet",
    "models.zoo.deeplab_v2": "models.zoo.deeplab_v1",
    "models.zoo.fcn_other": "models.zoo.fcn",
    "models.zoo.pidnet": "models.zoo.ddrnet",
    "models.zoo.segnet_basic": "models.zoo.segnet",
    "models.zoo.unet_same": "models.zoo.unet",
}
# So may a reader of a dataset: what readers share, Cityscapes' label space, and the one that it is a variant of.
READERS_SHARE = ("datasets.base", "datasets.layout", "datasets.cityscapes", "files", "images", "labels", "metrics.instance_iou", "errors")
READER_OF = {"datasets.sunrgbd": "datasets.nyudv2", "datasets.minicity": "datasets.minicity_scenes.street"}


def _modules_of(table: dict[str, str]) -> set[str]:
    return {target.removeprefix("segbench.").partition(":")[0] for target in table.values()}


ARCHITECTURES, READERS = _modules_of(MODELS.table), _modules_of(DATASETS.table)


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


GRAPH = {module: {i.own for i in imports if i.own is not None and module != "segbench"} for module, imports in IMPORTS.items()}


def _within(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(f"{prefix}.")


def _levels(package: str) -> dict[str, int]:
    """How high each thing in a package stands."""
    row = DIRECTION.get(package, "*")
    return {name: level for level, names in enumerate(row.split("<")) for name in names.split()}


def _children(package: str) -> set[str]:
    """What is in a package: the next part of its modules' names."""
    names = FILES if not package else [module[len(package) + 1 :] for module in FILES if module.startswith(f"{package}.")]
    return {name.partition(".")[0] for name in names if name not in {"", "segbench"}}


def _parting(module: str, other: str) -> tuple[str, str, str]:
    """The package in which the ways to two modules part, and what each goes into there; nothing where one holds the other."""
    ours, theirs = module.split("."), other.split(".")
    same = next((at for at, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), None)
    return ("", "", "") if same is None else (".".join(ours[:same]), ours[same], theirs[same])


@pytest.mark.parametrize(
    "package", ["", *(module for module, path in FILES.items() if path.name == "__init__.py" and module != "segbench")]
)
def test_everything_in_a_package_has_a_place_in_its_row_and_the_other_way_round(package: str) -> None:
    placed, there = set(_levels(package)), _children(package)
    if "*" not in placed:
        assert not there - placed, f"give {', '.join(there - placed)} a place in DIRECTION[{package!r}]"
    assert not placed - there - {"*"}


def test_a_row_belongs_to_a_package() -> None:
    assert not set(DIRECTION) - set(FILES) - {""}


@pytest.mark.parametrize("module", sorted(set(FILES) - {"segbench"}))
def test_no_arrow_runs_up(module: str) -> None:
    for other in GRAPH[module] - {"segbench", VARIANT_OF.get(module)}:
        package, ours, theirs = _parting(module, other)
        levels = _levels(package)
        if ours:
            assert levels.get(theirs, levels.get("*", -1)) < levels.get(ours, levels.get("*", -1)), f"{module} imports {other}"


def test_the_door_loads_nothing_but_what_is_asked_for() -> None:
    """Its arrows are lazy, and lead to every room: it stands outside of the house, and of its circles."""
    early = {found.package for found in IMPORTS["segbench"] if found.early}
    assert early <= {"__future__", "importlib", "typing"}


@pytest.mark.parametrize("module", sorted(ARCHITECTURES))
def test_an_architecture_imports_what_architectures_share_and_the_one_that_it_is_a_variant_of(module: str) -> None:
    siblings = {other for other in GRAPH[module] if other.startswith("models.") and not any(_within(other, s) for s in ARCHITECTURES_SHARE)}
    assert siblings == {VARIANT_OF[module]} if module in VARIANT_OF else not siblings
    assert {file for file in FILES if file.startswith("models.zoo.")} == ARCHITECTURES


@pytest.mark.parametrize("module", sorted(READERS))
def test_a_reader_imports_what_readers_share_and_the_one_that_it_is_a_variant_of(module: str) -> None:
    others = {other for other in GRAPH[module] if not any(_within(other, shared) for shared in READERS_SHARE)}
    assert others == {READER_OF[module]} if module in READER_OF else not others


def _row(module: str) -> str:
    """The key of a module's row in PACKAGES."""
    return max((prefix for prefix in PACKAGES if _within(module, prefix)), key=len, default="")


def test_a_row_names_exactly_the_packages_that_its_modules_import() -> None:
    used: dict[str, set[str]] = {row: set() for row in PACKAGES}
    for module in set(FILES) - {"segbench", "report"}:
        assert _row(module), f"give {module} a row in PACKAGES"
        used[_row(module)] |= {i.package for i in IMPORTS[module] if i.early} - sys.stdlib_module_names - {"segbench", "numpy"}
    assert used == {row: set(packages.split()) for row, packages in PACKAGES.items()}
    assert not set(PACKAGES) - set(FILES)


def test_the_environment_is_read_in_cli_alone_and_progress_is_drawn_in_console_alone() -> None:
    used = {
        module: {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        for module, path in FILES.items()
    }
    assert {module.partition(".")[0] for module, names in used.items() if names & {"environ", "getenv"}} == {"cli"}
    drawing = [module for module, path in FILES.items() if "rich.progress" in path.read_text(encoding="utf-8")]
    assert {module.partition(".")[0] for module in drawing} == {"console"}


def test_the_top_of_segbench_can_be_taken_in_at_a_glance() -> None:
    entries = {path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"} - {"__pycache__", "__init__"}
    assert len(entries) <= MOST_ENTRIES, sorted(entries)


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    graph, done = GRAPH, set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for name in sorted(graph[module]):
                visit(name, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize(
    "module", [m for m, path in FILES.items() if path.name == "__init__.py" and m not in {"segbench", "datasets", "models", "integrations"}]
)
def test_package_files_hold_no_code_but_for_the_version_and_the_two_tables(module: str) -> None:
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    assert len(tree.body) == (ast.get_docstring(tree) is not None)


MOST_LINES, MOST_PARAMETERS = 60, 7
COMPILED = ("kernel", "intrinsic", "numba.njit")  # decorators of what numba compiles: those are kernels wherever they stand


@dataclass(frozen=True)
class Function:
    name: str
    lines: int
    parameters: int


def _functions(module: str) -> Iterator[Function]:
    """Every function of a module that is no kernel; ``self`` and ``cls`` are no parameters."""
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef) or any(ast.unparse(d).startswith(COMPILED) for d in node.decorator_list):
            continue
        given = node.args
        several = [each for each in (given.vararg, given.kwarg) if each]
        names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs, *several)]
        yield Function(f"{module}:{node.name}", (node.end_lineno or 0) - node.lineno + 1, len(set(names) - {"self", "cls"}))


def test_no_function_outside_of_kernels_is_long_or_takes_many_parameters() -> None:
    functions = [each for module in FILES if not _within(module, "kernels") for each in _functions(module)]
    longest, widest = max(functions, key=lambda each: each.lines), max(functions, key=lambda each: each.parameters)
    print(f"longest: {longest.name}, {longest.lines} lines; most parameters: {widest.name}, {widest.parameters}")
    wrong = [each for each in functions if each.lines > MOST_LINES or each.parameters > MOST_PARAMETERS]
    assert not wrong, f"a noun is missing: {wrong}"


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
        (("segbench", "segbench.cli.main", "segbench.registry", "segbench.models", "segbench.datasets"), set()),
        (
            (
                "segbench.scoring.folder",
                "segbench.scoring.record",
                "segbench.records.run_record",
                "segbench.datasets.target_folder",
                "segbench.scoring.cityscapes_json",
                "segbench.console.score",
            ),
            {"numba"},
        ),
        (("segbench.metrics.scores", "segbench.records.run_record"), set()),
    ],
    ids=["help", "score", "records"],
)
def test_what_a_command_does_not_need_is_not_loaded(modules: tuple[str, ...], expected: set[str]) -> None:
    assert _loaded_by(*modules) == expected


def test_the_leaderboard_loads_no_torch() -> None:
    assert "torch" not in _loaded_by("segbench.report.pages.board_files", "segbench.report.plots.accuracy", "segbench.report.plots.samples")
