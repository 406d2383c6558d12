from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.transforms import Bbox
from PIL import Image

from segbench.errors import RecordError
from segbench.metrics.uncertainty import bootstrap
from segbench.report.plots import accuracy, curves, distributions, gallery, placing, samples, style
from segbench.training.log import LogRow
from tests.report.fakes import FAIR, GOOD, LABELS, POOR, many_records, profile, run_record

RECORDS = [
    run_record("a", GOOD, macs=10**9),
    run_record("b", FAIR, {"width": 0.5}, macs=4 * 10**10),
    run_record("c", POOR, macs=2 * 10**10),
]
PROFILES = [profile("a", 3.0), profile("b", 70.0, {"width": 0.5}), profile("c", 8.0)]
INDEX = np.array([[0, 0, 1, 3], [0, 1, 1, 255]], np.uint8)
SPREADS = [distributions.Spread("a", np.array([GOOD, FAIR, np.zeros((3, 4))], np.int64), 0.5)]
LOG = [LogRow(20 * i, 3 / i, 1e-3, 0.1 * i if i % 2 else None) for i in range(1, 6)]
IMAGE = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
DRAWINGS = {
    "latency": lambda *out: accuracy.miou_against_latency(RECORDS, PROFILES, *out),
    "macs": lambda *out: accuracy.miou_against_macs(RECORDS, *out),
    "classes": lambda *out: accuracy.class_iou_heatmap(RECORDS, *out),
    "heat": lambda *out: accuracy.confusion_heatmap(RECORDS[0], *out),
    "spread": lambda *out: distributions.per_image_iou(SPREADS, *out),
    "curves": lambda *out: curves.training_curves(LOG, "a on toy", *out),
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


@pytest.mark.parametrize("name", ["classes", "heat"])
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
    accuracy.miou_against_macs([run_record("$x^$", GOOD)], tmp_path / "a.svg")
    assert "$x^$" in (tmp_path / "a.svg").read_text()


def test_a_model_without_any_score_is_drawn_too(tmp_path: Path):
    empty = run_record("empty", [[0, 0, 0, 0]] * 3)
    accuracy.class_iou_heatmap([empty], tmp_path / "a.svg")
    accuracy.confusion_heatmap(empty, tmp_path / "b.svg")
    accuracy.miou_against_macs([empty], tmp_path / "c.svg")


def test_labels_of_a_crowd_do_not_overlap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    boxes: list[Bbox] = []
    hidden: list[float] = []
    place = placing.place_labels

    def spy(axes, points, texts, front, bars):
        place(axes, points, texts, front, bars)
        boxes.extend(note.get_window_extent() for note in axes.texts if note.get_text())
        drawn = [Bbox(axes.transData.transform(bar)).padded(0.5) for bar in bars]
        hidden.extend(placing.overlap(box, bar) for box in boxes for bar in drawn)

    monkeypatch.setattr(accuracy, "place_labels", spy)
    crowd = []
    for record in many_records(LABELS, {f"model{i}": {} for i in range(12)}):
        diagonal = record.confusion.counts * np.eye(*record.confusion.counts.shape, dtype=np.int64)
        halves = np.stack([diagonal // 2, record.confusion.counts - diagonal // 2])
        crowd.append(replace(record, intervals=bootstrap(LABELS, halves, replicates=200)))
    accuracy.miou_against_macs(crowd, tmp_path / "a.svg")
    assert len(boxes) == 12
    assert len(hidden) == 12 * 12
    assert sum(hidden) == 0
    assert sum(placing.overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i]) == 0


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
        accuracy.miou_against_latency(RECORDS, [profile("a", 3.0, precision="bf16")], io.BytesIO())
    with pytest.raises(RecordError, match="no record knows"):
        accuracy.miou_against_macs([run_record("a", GOOD, macs=None)], io.BytesIO())


def test_an_svg_is_dark_where_its_reader_wants_it():
    svg = drawn("macs")
    rules = svg[svg.index("@media (prefers-color-scheme: dark)") : svg.index("</style>")]
    body = svg[svg.index("</style>") :]
    for light, dark in style.DARK.items():
        assert f'[style*="fill: {light.lower()}"]{{fill:{dark}!important}}' in rules
    used = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", body))
    assert {style.PAPER.lower(), style.INK.lower(), style.MUTED.lower(), style.RULE.lower()} <= used
    assert "<text" in body
    assert all("fill:" in text for text in re.findall(r"<text[^>]*>", body))


def test_a_png_has_a_dark_twin_that_differs_in_its_colours_alone(tmp_path: Path):
    accuracy.miou_against_macs(RECORDS, tmp_path / "a.svg", tmp_path / "a.png")
    light, dark = (np.asarray(Image.open(io.BytesIO((tmp_path / name).read_bytes())).convert("L"), int) for name in ("a.png", "a-dark.png"))
    assert light.shape == dark.shape
    assert light[0, 0] == 255
    assert dark[0, 0] < 20
    paper = light == 255
    assert (dark[paper] == dark[0, 0]).all()
    assert np.corrcoef(light[~paper], dark[~paper])[0, 1] < -0.5


def test_photographs_stay_as_they_are(tmp_path: Path):
    samples.sample_overlay(IMAGE, INDEX, INDEX, LABELS, tmp_path / "a.svg", tmp_path / "a.png")
    assert "prefers-color-scheme" not in (tmp_path / "a.svg").read_text()
    assert not style.dark_twin(tmp_path / "a.png").exists()


def test_scores_have_bars_where_there_are_intervals():
    with_bars = [replace(r, intervals=bootstrap(LABELS, r.confusion.counts[None].repeat(3, 0))) for r in RECORDS]
    out = io.BytesIO()
    accuracy.miou_against_macs(with_bars, out)
    assert "bars: 95 % intervals" in out.getvalue().decode()
    assert "bars:" not in drawn("macs")


def test_the_best_of_a_column_is_bold_and_an_undefined_iou_a_dash():
    svg = drawn("classes")
    assert re.findall(r"<text[^>]*(?:font-weight|font): 700[^>]*>([^<]*)</text>", svg) == ["82", "73", "77", "0"]
    assert svg.count(">–<") == 2


def test_a_gallery_names_the_classes_that_fail(tmp_path: Path):
    failure = gallery.Failure("x", (("car", 0.1),), IMAGE, INDEX, INDEX[::-1].copy())
    gallery.failure_gallery([failure, failure], LABELS, "toy", tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > picture.height > 100
    with pytest.raises(RecordError, match="no class occurs"):
        gallery.failure_gallery([], LABELS, "toy", tmp_path / "b.png")


def drawn(name: str) -> str:
    out = io.BytesIO()
    DRAWINGS[name](out)
    return out.getvalue().decode()


def pictures(svg: str) -> list[np.ndarray]:
    found = re.findall(r'base64,\s*([^"]+)"', svg)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) for data in found]
