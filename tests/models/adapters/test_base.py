from __future__ import annotations

import hashlib
import sys
from math import inf, nan
from pathlib import Path
from types import ModuleType

import pytest
from torch import nn

from segbench.errors import MissingPackageError, UnknownNameError, WeightsError
from segbench.labels.space import LabelSpace
from segbench.models import MODELS
from segbench.models.adapters.base import feeds, from_unit_range, import_package, named_classes, sha256_of_files
from segbench.models.segmenter import InputRule, Normalize, Segmenter
from segbench.models.weights import build
from tests.tiny import LABELS


def test_a_missing_package_is_named_with_its_pip_command() -> None:
    with pytest.raises(MissingPackageError, match=r"hf:REPO needs the package 'no_such_package', .* not installed; .*: pip install that"):
        import_package("no_such_package.part", purpose="hf:REPO", pip="that")


@pytest.mark.parametrize("code", ["raise RuntimeError('operator torchvision::nms does not exist')", "import no_such_dependency"])
def test_a_package_that_breaks_on_import_says_how_to_repair_it(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package_of_a_test.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingPackageError, match=r"cannot be imported \(.*no.*\); repair it with: pip install that"):
        import_package("broken_package_of_a_test", purpose="x", pip="that")


MISSING = {"torchvision": "deeplabv3_resnet50", "smp": "unet/resnet34", "hf": "nobody/nothing", "onnx": __file__}
PACKAGES = {"torchvision": "torchvision", "smp": "segmentation_models_pytorch", "hf": "transformers", "onnx": "onnxruntime"}


@pytest.mark.parametrize("adapter", MISSING)
def test_an_adapter_without_its_package_says_what_to_install(adapter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES[adapter], None)
    with pytest.raises(MissingPackageError, match=f"{adapter}:.* needs the package '(onnx|{PACKAGES[adapter]})'.*pip install"):
        build(f"{adapter}:{MISSING[adapter]}", LABELS)


@pytest.mark.parametrize("adapter", ["onnx", "torchscript", "exported"])
def test_a_file_that_does_not_exist_is_named(adapter: str) -> None:
    with pytest.raises(WeightsError, match=f"{adapter}:nowhere: there is no such file"):
        build(f"{adapter}:nowhere", LABELS)


def test_an_unknown_prefix_is_answered_with_the_adapters() -> None:
    with pytest.raises(UnknownNameError, match="adapters: torchvision:, hf:, smp:, onnx:, torchscript:, exported:"):
        build("hff:some/thing", LABELS)


def test_every_adapter_is_named_after_its_prefix_and_imports_no_package_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in PACKAGES.values():
        monkeypatch.setitem(sys.modules, package, None)
    for prefix, target in MODELS.adapters.items():
        module, _, function = target.partition(":")
        assert module == f"segbench.models.adapters.{prefix}"
        fresh = ModuleType(module)
        source = Path(sys.modules["segbench.models"].__path__[0], "adapters", f"{prefix}.py").read_text()
        exec(compile(source, module, "exec"), fresh.__dict__)  # as if it were imported for the first time
        assert callable(getattr(fresh, function))


def test_the_checksum_of_one_file_is_that_of_its_bytes_and_of_several_depends_on_each(tmp_path: Path) -> None:
    one, two = tmp_path / "a.bin", tmp_path / "b.bin"
    one.write_bytes(b"first")
    two.write_bytes(b"second")
    assert sha256_of_files([one]) == hashlib.sha256(b"first").hexdigest()
    both = sha256_of_files([two, one])
    assert both == sha256_of_files([one, two])
    two.write_bytes(b"changed")
    assert sha256_of_files([one, two]) != both
    with pytest.raises(WeightsError, match="no weight files"):
        sha256_of_files([])


def test_means_of_other_ranges_become_means_of_bytes() -> None:
    assert from_unit_range([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]) == Normalize()
    assert from_unit_range([104.0, 117.0, 123.0], [1.0, 1.0, 1.0], scale=1.0, bgr=True) == Normalize((104, 117, 123), (1, 1, 1), "BGR")
    assert from_unit_range([0.0] * 3, [1.0] * 3, scale=2 / 255) == Normalize((0, 0, 0), (127.5, 127.5, 127.5))
    for mean, std in (([0.5], [0.5]), ([0.5] * 3, [0.5, 0.5, 0.0]), ([0.5] * 3, [0.5, 0.5, nan]), ([inf] * 3, [0.5] * 3)):
        with pytest.raises(WeightsError, match="three finite numbers of each, and std positive"):
            from_unit_range(mean, std)


def test_class_names_become_a_label_space_in_their_order() -> None:
    space = named_classes("voc", ["background", "aeroplane"])
    assert space.class_names == ("background", "aeroplane")
    assert space.id_of_index.tolist() == [0, 1]
    with pytest.raises(WeightsError, match="car more than once"):
        named_classes("x", ["car", "bus", "car"])
    with pytest.raises(WeightsError, match="255 classes; it needs 1 to 254"):
        named_classes("x", [str(i) for i in range(255)])


def segmenter(labels: LabelSpace, **facts: object) -> Segmenter:
    return Segmenter("mine", nn.Conv2d(3, len(labels.classes), 1), labels, **facts)  # type: ignore[arg-type]


def test_what_a_network_is_fed_is_one_line() -> None:
    line = feeds(
        segmenter(
            named_classes("n", list("abcdefg")),
            normalize=Normalize((104.0, 117.0, 123.0), (1.0, 1.0, 1.0), "BGR"),
            input_rule=InputRule(16, 12, 188, 92),
            trained_on={"input_note": "its own processor resizes to 512x512"},
            weights_sha256="0123456789abcdef",
        )
    )
    assert line == (
        "mine feeds BGR, (x - [104 117 123]) / 1 of bytes 0..255; sides mirrored to multiples of 16 k + 12, at least 188, with 92 px of "
        "context; 7 classes (a, b, c, d, e, ...); its own processor resizes to 512x512; weights sha256 01234567"
    )
    assert "sides as they are; 3 classes (left, right, spot)" in feeds(segmenter(LABELS))
