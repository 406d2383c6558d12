"""What the page knows of every image: two models compared, dots and cells that open images, the switch of metrics, and filters."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segbench.datasets.base import Dataset, Sample
from segbench.files.json_text import write_text
from segbench.metrics.image_scores import image_miou
from segbench.records.comparison import compare_records
from segbench.records.per_image import read_per_image
from segbench.report.pages.html import boards_page
from segbench.report.pages.viewing import View, ViewServer
from segbench.report.tables.numbers import percent
from tests.report.page_boards import IMAGES, LABELS, with_ranks, write_pairs

pytest.importorskip("selenium.webdriver", reason="selenium is missing: pip install 'segbench[browser]'")
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.report.page_in_browser import IN_BROWSER, Page

pytestmark = IN_BROWSER
NEAR = "near-width-0.5"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    write_pairs(folder)
    write_text(folder / "index.html", boards_page("Leaderboards", with_ranks(folder)))
    return folder


@pytest.fixture
def page(browser: Any, root: Path) -> Page:
    return Page(browser, (root / "index.html").as_uri())


def compared(page: Page, a: str, b: str, board: str = "pairs") -> tuple[str, list[list[str]], list[list[str]]]:
    """The sentence and both tables, when the images were drawn."""
    page.open(f"{board}/{a}/{b}")
    WebDriverWait(page.driver, 60).until(lambda _: "p " in page.js("return document.querySelector('.verdict').textContent"))
    scores, classes = page.classes()
    return page.find(".verdict").text, scores, classes


def numbers(cell: str) -> list[float]:
    return [float(part.replace("−", "-")) for part in cell.split(" to ")]


@pytest.mark.parametrize(("board", "b"), [("pairs", "close"), ("pairs", "far"), ("partly", "far")])
def test_two_models_have_the_intervals_and_p_values_of_the_command_line(page: Page, root: Path, board: str, b: str):
    verdict, scores, classes = compared(page, NEAR, b, board)
    records = root / board / "records"
    known = compare_records(records / "near.json", records / f"{b}.json")
    shown = {row[0]: row for row in scores}
    for name, field in {
        "mIoU": "miou",
        "acc": "acc",
        "acc_cls": "acc_cls",
        "fwIoU": "fwiou",
        "Dice": "dice",
        "precision": "precision",
    }.items():
        expected = known.metric(field)
        assert numbers(shown[name][3]) == [pytest.approx(100 * expected.difference, abs=0.051)]
        assert numbers(shown[name][4]) == [pytest.approx(100 * end, abs=0.25) for end in expected.interval], name
        assert float(shown[name][5].removeprefix("< ")) == pytest.approx(expected.p, abs=0.02)
    for row, expected in zip(classes[:3], known.classes("class_iou"), strict=False):
        assert numbers(row[4]) == [pytest.approx(100 * end, abs=0.3) for end in expected.interval], row
        assert float(row[5].removeprefix("< ")) == pytest.approx(expected.p, abs=0.04)
    assert classes[3][3:6] == ["–", "–", "–"], "what no image holds has no interval"
    assert ("do not tell" in verdict) == (known.better is None) == (b == "close")
    assert f"segbench compare {board}/records/near.json {board}/records/{b}.json" in page.find("#view").text


def test_the_same_page_draws_the_same_numbers(page: Page):
    assert compared(page, NEAR, "far") == compared(page, NEAR, "far")


def test_models_of_other_images_are_compared_without_intervals(page: Page):
    page.open(f"pairs/{NEAR}/other")
    assert len(page.classes()[0][0]) == 4
    assert page.js("return document.querySelector('#view .verdict, #view .square')") is None
    assert "segbench compare pairs/records/near.json pairs/records/other.json" in page.find("#view").text


def image_mious(root: Path, name: str) -> list[str]:
    return [percent(value) for value in image_miou(read_per_image(root / "pairs" / "records" / f"{name}.npz")[1].matrices).tolist()]


def click_dot(page: Page, image: int) -> None:
    page.js(
        "const c = document.querySelector('.square canvas'), chart = Chart.getChart(c), box = c.getBoundingClientRect();"
        "const i = chart.data.datasets[0].data.findIndex((point) => point.image === arguments[0]);"
        "const { x, y } = chart.getDatasetMeta(0).data[i];"
        "c.dispatchEvent(new MouseEvent('click', { clientX: box.left + x, clientY: box.top + y, bubbles: true }));",
        image,
    )


def test_a_dot_for_each_image_opens_its_picture(page: Page, root: Path):
    page.open(f"pairs/{NEAR}/far")
    points = page.js("return Chart.getChart(document.querySelector('.square canvas')).data.datasets[0].data")
    near, far = image_mious(root, "near"), image_mious(root, "far")
    assert [(f"{point['x']:.1f}", f"{point['y']:.1f}") for point in points] == list(zip(near, far, strict=True))
    click_dot(page, 7)
    opened = page.find(".viewer")
    assert opened.text.startswith(IMAGES[7])
    assert f"near: mIoU {near[7]} %" in opened.text
    assert f"far: mIoU {far[7]} %\nNo picture" in opened.text, "a model without a gallery"
    picture = page.find(".viewer img")
    WebDriverWait(page.driver, 10).until(lambda _: page.js("return arguments[0].naturalWidth", picture) == 4 * 8 + 3 * 4)


def test_dots_are_walked_by_keyboard_from_where_the_one_is_ahead(page: Page, root: Path):
    page.open(f"pairs/{NEAR}/far")
    near, far = image_mious(root, "near"), image_mious(root, "far")
    page.js("document.querySelector('.square canvas').focus()")
    page.press(Keys.ARROW_RIGHT)
    said = page.js("return document.querySelector('.square').parentNode.querySelector('output').value")
    first = next(image for image in IMAGES if said.startswith(image))
    ahead = [float(x) - float(y) for x, y in zip(near, far, strict=True)]
    assert ahead[IMAGES.index(first)] == pytest.approx(max(ahead), abs=0.11)
    page.press(Keys.ENTER)
    assert page.find(".viewer h3").text == first


def test_a_cell_of_the_confusion_matrix_lists_the_images_with_most_such_pixels(page: Page, root: Path):
    page.open("pairs/far")
    counts = read_per_image(root / "pairs" / "records" / "far.npz")[1].confusion
    page.js("document.getElementById('heat').focus()")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ENTER)
    listed = page.js("return [...document.querySelectorAll('.found button')].map((each) => each.textContent)")
    most = sorted(range(20), key=lambda image: (-counts[image, 0, 1], image))[:5]
    assert listed == [f"{IMAGES[image].split('/')[1]} {counts[image, 0, 1]} pixels" for image in most]
    page.find(".found button").click()
    assert page.find(".viewer h3").text == IMAGES[most[0]]
    page.js("document.getElementById('heat').focus()")
    page.press(*[Keys.ARROW_DOWN] * 9, Keys.ENTER)
    assert page.js("return document.querySelectorAll('.found button').length") == 0, "a class that no image holds"


def test_the_images_of_a_model_are_listed_the_worst_first(page: Page, root: Path):
    page.open(f"pairs/{NEAR}")
    page.find("#view details summary").click()
    scores = [
        float(text.split()[-2])
        for text in page.js("return [...document.querySelectorAll('#view .images button')].map((b) => b.textContent)")
    ]
    assert scores == sorted(map(float, image_mious(root, "near")))
    page.find("#view .images .pictured").click()
    assert page.find(".viewer h3").text == IMAGES[7]


def test_another_metric_ranks_the_table_and_the_plot(page: Page):
    page.open("pairs")
    before = page.models("#pairs-1")
    assert page.column("rank", "#pairs-1") == ["1", "1", "3", "–"]
    choose = "const s = document.querySelector('[data-metric]'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))"
    page.js(choose, "precision")
    values = [float(value) for value in page.column("precision", "#pairs-1")]
    assert values == sorted(values, reverse=True)
    assert page.column("rank", "#pairs-1") == ["1", "2", "3", "4"]
    heads = page.js("return [...document.querySelectorAll('#pairs-1 th[scope=col]')].map((head) => head.textContent)")
    assert heads[:3] == ["model", "rank", "precision"]
    chart = (
        "const c = Chart.getChart(document.querySelector('#pairs .plots canvas'));"
        "return [c.options.scales.y.title.text, c.data.datasets[0].data.map((p) => p.y.toFixed(1))]"
    )
    title, ys = page.js(chart)
    assert title == "precision (%)"
    assert sorted(map(float, ys), reverse=True) == values
    page.js(choose, "mIoU")
    assert page.models("#pairs-1") == before
    assert page.column("rank", "#pairs-1") == ["1", "1", "3", "–"]
    assert page.js(chart)[0] == "mIoU (%)"


def test_rows_are_limited_by_a_press_and_a_second_one_lifts_it(page: Page):
    page.open("pairs")
    fast, small = page.driver.find_elements("css selector", "#pairs [data-limits]")
    assert (fast.text, small.text) == ("≤ 30 ms", "≤ 5 M params")
    fast.click()
    assert page.models("#pairs-1") == ["far"]
    small.click()
    assert page.models("#pairs-1") == []
    fast.click()
    assert sorted(page.models("#pairs-1")) == ["close", "near", "other"]
    small.click()
    assert len(page.models("#pairs-1")) == 4


def test_names_are_short_and_arguments_have_a_column(page: Page):
    page.open("pairs")
    by_name = dict(zip(page.column("model", "#pairs-1"), page.column("arguments", "#pairs-1"), strict=True))
    assert by_name == {"near": "width=0.5", "close": "–", "far": "–", "other": "–"}


def test_boards_without_measured_rows_are_folded(page: Page):
    page.open("pairs")
    folded = page.find("nav details")
    assert folded.text == "1 without measured rows"
    page.open("empty")
    assert "Empty" in page.find("nav details").text, "but the one that is open"


@pytest.mark.parametrize("width", [420, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(page: Page, width: int, scheme: str):
    page.size(width, 900)
    page.scheme(scheme)
    for place in ("pairs", "pairs/far", f"pairs/{NEAR}/far", "empty"):
        page.open(place)
        assert page.js("return document.documentElement.scrollWidth") <= width, place
    assert page.driver.get_log("browser") == []


def test_a_served_run_draws_the_picture_of_any_image_that_it_kept(browser: Any, root: Path, tmp_path: Path):
    plane = np.arange(48, dtype=np.uint8).reshape(6, 8) % 4
    for kind in ("images", "gts"):
        (tmp_path / kind).mkdir()
        Image.fromarray(np.stack([plane] * 3, axis=2) if kind == "images" else plane).save(tmp_path / kind / "all.png")
    samples = tuple(Sample(id, tmp_path / "images" / "all.png", tmp_path / "gts" / "all.png") for id in IMAGES)
    shutil.copytree(root / "pairs", tmp_path / "run")
    kept = tmp_path / "run" / "predictions" / "far" / f"{IMAGES[3]}.png"
    kept.parent.mkdir(parents=True)
    Image.fromarray(plane).save(kept)
    with ViewServer(View.of(tmp_path / "run", Dataset("toy", "val", LABELS, samples, tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            page = Page(browser, server.address)
            page.open(f"run/{NEAR}/far")
            click_dot(page, 3)
            WebDriverWait(browser, 20).until(
                lambda _: page.js("return document.querySelector('.viewer img')?.naturalWidth") == 4 * 8 + 3 * 4
            )
            WebDriverWait(browser, 20).until(lambda _: "the run kept no prediction of this image" in page.find(".viewer").text)
        finally:
            browser.get("about:blank")
            server.shutdown()
            thread.join()
