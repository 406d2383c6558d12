from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.transforms import Bbox
from PIL import Image

from segbench.errors import RecordError
from segbench.report import plots, samples, style
from tests.report.fakes import FAIR, GOOD, LABELS, POOR, many_records, profile, run_record

RECORDS = [
    run_record("a", GOOD, macs=10**9),
    run_record("b", FAIR, {"width": 0.5}, macs=4 * 10**10),
    run_record("c", POOR, macs=2 * 10**10),
]
PROFILES = [profile("a", 3.0), profile("b", 70.0, {"width": 0.5}), profile("c", 8.0)]
INDEX = np.array([[0, 0, 1, 3], [0, 1, 1, 255]], np.uint8)
IMAGE = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
DRAWINGS = {
    "latency": lambda *out: plots.miou_against_latency(RECORDS, PROFILES, *out),
    "macs": lambda *out: plots.miou_against_macs(RECORDS, *out),
    "bars": lambda *out: plots.class_iou_bars(RECORDS, *out),
    "heat": lambda *out: plots.confusion_heatmap(RECORDS[0], *out),
    "overlay": lambda *out: samples.sample_overlay(IMAGE, INDEX, INDEX[::-1].copy(), LABELS, *out),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_plot_has_the_same_bytes_twice_and_under_other_user_settings(name: str, tmp_path: Path):
    DRAWINGS[name](tmp_path / "1.svg", tmp_path / "1.png")
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.fonttype": "path", "figure.dpi": 50}):
        DRAWINGS[name](tmp_path / "2.svg", tmp_path / "2.png")
        assert mpl.rcParams["font.size"] == 20
    assert (tmp_path / "1.svg").read_bytes() == (tmp_path / "2.svg").read_bytes()
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_plot_holds_no_date_and_no_version(name: str):
    svg = drawn(name)
    assert "dc:date" not in svg
    assert "matplotlib.org/" not in svg


@pytest.mark.parametrize("name", ["bars", "heat"])
def test_class_names_are_text_in_the_picture(name: str):
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn(name))
    assert set(LABELS.class_names) <= set(texts)


def test_the_heatmap_has_a_column_for_no_class():
    assert ">no class<" in drawn("heat")


def test_axes_name_their_units():
    assert "network latency (ms), median" in drawn("latency")
    assert "Toy GPU, 8x16, batch 1, fp32, 2 threads" in drawn("latency")
    assert "mIoU (%)" in drawn("macs")
    assert "8x16" in drawn("macs")


def test_dollars_in_a_name_are_no_formula(tmp_path: Path):
    plots.miou_against_macs([run_record("$x^$", GOOD)], tmp_path / "a.svg")
    assert "$x^$" in (tmp_path / "a.svg").read_text()


def test_a_model_without_any_score_is_drawn_too(tmp_path: Path):
    empty = run_record("empty", [[0, 0, 0, 0]] * 3)
    plots.class_iou_bars([empty], tmp_path / "a.svg")
    plots.confusion_heatmap(empty, tmp_path / "b.svg")
    plots.miou_against_macs([empty], tmp_path / "c.svg")


def test_labels_of_a_crowd_do_not_overlap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    boxes: list[Bbox] = []
    place = plots._place_labels

    def spy(axes, *arguments):
        place(axes, *arguments)
        boxes.extend(note.get_window_extent() for note in axes.texts if note.get_text())

    monkeypatch.setattr(plots, "_place_labels", spy)
    plots.miou_against_macs(many_records(LABELS, {f"model{i}": {} for i in range(12)}), tmp_path / "a.svg")
    assert len(boxes) == 12
    assert sum(plots._overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i]) == 0


def test_the_pareto_front_is_what_nothing_beats():
    assert plots._pareto([3, 1, 2, 2, 4], [30, 10, 5, 20, 30]) == [1, 3, 0]
    assert plots._pareto([1, 2], [float("nan"), 5]) == [1]


def test_void_is_grey_and_never_wrong(tmp_path: Path):
    right = np.where(INDEX < 3, INDEX, 1).astype(np.uint8)
    samples.sample_overlay(IMAGE, INDEX, right, LABELS, tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    assert ">wrong<" not in svg
    assert "void (not evaluated)" in svg
    target, errors = (pictures(svg)[i] for i in (1, 3))
    assert target[0, 3].tolist() == errors[0, 3].tolist() == list(style.VOID)


def test_an_overlay_can_be_a_png_alone(tmp_path: Path):
    samples.sample_overlay(IMAGE, INDEX, INDEX, LABELS, None, tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_plot_of_nothing_is_refused():
    with pytest.raises(RecordError, match="no latency"):
        plots.miou_against_latency(RECORDS, [profile("a", 3.0, precision="bf16")], io.BytesIO())
    with pytest.raises(RecordError, match="no record knows"):
        plots.miou_against_macs([run_record("a", GOOD, macs=None)], io.BytesIO())


def drawn(name: str) -> str:
    out = io.BytesIO()
    DRAWINGS[name](out)
    return out.getvalue().decode()


def pictures(svg: str) -> list[np.ndarray]:
    found = re.findall(r'base64,\s*([^"]+)"', svg)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) for data in found]
