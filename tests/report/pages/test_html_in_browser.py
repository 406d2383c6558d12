"""The page as a reader has it: in headless Chromium, from a file, by mouse and by keyboard."""

from __future__ import annotations

import json
from typing import Any

import pytest

from segbench.files.json_text import write_text
from segbench.report.pages.html import boards_page
from tests.report.page_boards import LATENCIES, MATRICES, with_ranks, write_boards

pytest.importorskip("selenium.webdriver", reason="selenium is missing: pip install 'segbench[browser]'")
from selenium import webdriver
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.report.page_in_browser import IN_BROWSER, Page

pytestmark = IN_BROWSER
ALPHA = "first/alpha-width-0.5"
VIEWS = ("first", ALPHA, f"{ALPHA}/gamma", "speed", "third")


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("boards")
    write_boards(root)
    write_text(root / "index.html", boards_page("Leaderboards", with_ranks(root)))
    return (root / "index.html").as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Page:
    return Page(browser, address)


def test_every_view_opens_without_a_message_and_asks_for_nothing_but_the_page(page: Page):
    for place in VIEWS:
        page.open(place)
        assert page.find("h2:not([hidden])")
    page.js("matchMedia('print'); document.querySelectorAll('summary').forEach((each) => each.click())")
    messages = [json.loads(entry["message"])["message"] for entry in page.driver.get_log("performance")]
    asked = {each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"}
    assert {url.partition("#")[0] for url in asked} - {"about:blank", "data:,"} == {page.address}
    assert page.driver.get_log("browser") == []


def test_a_header_sorts_and_pressed_again_sorts_the_other_way(page: Page):
    assert page.models() == ["alpha", "beta", "gamma", "delta"]
    page.header("network_ms").click()
    assert page.models() == ["beta", "gamma", "alpha", "delta"]
    page.header("network_ms").click()
    assert page.models() == ["alpha", "gamma", "beta", "delta"], "what is undefined stays at the end"
    page.header("model").click()
    assert page.models() == ["alpha", "beta", "delta", "gamma"]
    page.header("mIoU").click()
    assert page.models() == ["alpha", "beta", "gamma", "delta"], "the best first"


def test_a_column_of_suffixes_is_sorted_by_number(page: Page):
    page.header("MACs").click()
    assert page.column("MACs") == ["2 G", "9 G", "70 G", "–"]


def test_headers_are_reached_and_pressed_by_keyboard_and_say_how_they_sort(page: Page):
    page.js("arguments[0].focus()", page.header("mIoU"))
    page.press(Keys.ARROW_RIGHT)
    assert page.focused == "acc"
    page.press(Keys.ENTER)
    head = page.find("#first-1 th[aria-sort]")
    assert (head.text, head.get_attribute("aria-sort")) == ("acc", "descending")
    page.press(Keys.SPACE)
    assert head.get_attribute("aria-sort") == "ascending"
    page.press(Keys.ARROW_LEFT)
    assert page.focused == "mIoU"


def test_where_the_focus_is_can_be_seen(page: Page):
    page.press(*[Keys.TAB] * 3)
    for _ in range(30):
        page.press(Keys.TAB)
        seen = page.js(
            "const s = getComputedStyle(document.activeElement); return [document.activeElement.tagName, s.outlineStyle, s.outlineWidth]"
        )
        assert seen[0] == "BODY" or (seen[1], seen[2]) == ("solid", "3px"), seen


def test_a_filter_keeps_the_rows_that_hold_every_word_or_pass_a_comparison(page: Page):
    field, count = page.find("[data-filter='first-1']"), page.find("[data-rows='first-1']")
    for text, expected in {
        "ALPHA": ["alpha"],
        "width 0.5": ["alpha"],
        "width beta": [],
        "network_ms<30": ["beta", "gamma"],
        "macs>=9G miou>40": ["alpha"],
        "mIoU<1": [],
    }.items():
        field.clear()
        field.send_keys(text)
        assert page.models() == expected, text
        nothing = "" if expected else "nothing fits the filter: "
        assert count.text == f"{nothing}{len(expected)} of 4 rows"
    field.clear()
    field.send_keys(" ")
    assert count.text == "4 rows"


def test_measured_and_reported_rows_are_filtered_and_sorted_apart(page: Page):
    assert page.models("#first-2") == ["PSPNet", "FCN"]
    page.header("mIoU", "#first-2").click()
    page.find("[data-filter='first-1']").send_keys("nothing like it")
    assert page.models("#first-2") == ["FCN", "PSPNet"]
    assert "reported, not measured here" in page.find("#first-2-name").text


def test_reported_rows_of_one_scale_and_of_several_are_in_tables_of_their_own(page: Page):
    assert page.find("#first-2-name").text.startswith("Published: one scale")
    assert page.find("#first-3-name").text.startswith("Published: several scales, or mirrored as well")
    assert page.models("#first-3") == ["U-Net"]
    assert page.find("[data-rows='first-3']").text == "1 row"
    page.find("[data-filter='first-2']").send_keys("psp")
    assert (page.models("#first-2"), page.models("#first-3")) == (["PSPNet"], ["U-Net"])


def test_a_board_of_speed_states_rules_about_times(page: Page):
    page.open("speed")
    page.find("#speed .rules summary").click()
    said = page.find("#speed .rules").text
    assert "machine, size, batch" in said
    assert "Training data" not in said
    assert "submit" not in said


def test_a_row_opens_its_model_and_escape_leads_back_to_the_row(page: Page):
    page.find("#first-1 a[href='#first/beta']").click()
    assert page.find("#view h2").text == page.focused == "beta"
    assert page.driver.title == "beta · Leaderboards"
    assert not page.find("#first-1").is_displayed()
    page.press(Keys.ESCAPE)
    assert page.place == "first"
    assert page.focused == "beta"
    page.driver.back()
    assert page.find("#view h2").text == "beta"


def test_the_way_back_leads_to_where_the_board_was_left(page: Page):
    page.size(1440, 400)
    page.open("first")
    page.js("window.scrollTo(0, 300)")
    page.go("first/beta")
    assert page.js("return window.scrollY") == 0
    page.go("first")
    assert page.js("return window.scrollY") == 300


def test_rows_are_walked_by_the_arrow_keys(page: Page):
    page.find("[data-filter='first-1']").send_keys("a")
    page.js("document.querySelector('#first-1 tbody a').focus()")
    page.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.ENTER)
    assert page.place == "first/beta"


def test_every_link_within_the_page_leads_somewhere(page: Page):
    seen, waiting = set(), list(VIEWS)
    while waiting:
        place = waiting.pop()
        seen.add(place)
        page.go(place)
        assert page.js("return document.getElementById('missing').hidden"), place
        links = page.js("return [...document.querySelectorAll('a[href^=\"#\"]:not(.skip)')].map((each) => each.hash)")
        waiting += {link[1:] for link in links} - seen - set(waiting)
    assert {"", "first/delta", f"first/delta/{ALPHA.partition('/')[2]}"} <= seen


def test_a_link_to_what_is_not_there_says_so(page: Page):
    for place in ("nothing", "first/nobody", "first/alpha/", "first/beta/gamma/delta", "%E0%A4%A"):
        page.open(place)
        assert place in page.find("#missing").text
        assert page.find("#first h2").is_displayed()


def test_a_model_shows_each_class_and_the_best_of_the_table(page: Page):
    page.open("first/beta")
    (rows,) = page.classes()
    assert [row[0] for row in rows] == ["road", "car", "<b>bird</b>", "unseen"]
    assert rows[2][1] == f"{100 * 37 / 40:.1f}"
    assert rows[3][1] == "–"
    assert page.js("return [...document.querySelectorAll('#view td.best')].map((cell) => cell.parentNode.cells[0].innerText.trim())") == [
        "<b>bird</b>"
    ]
    assert page.js("return document.querySelector('#view .meter i').style.width") == rows[0][1].removesuffix(".0") + "%"


def test_a_model_with_pictures_shows_them_and_another_has_no_gallery(page: Page):
    page.open("first/beta")
    picture = page.find("#view .gallery img")
    WebDriverWait(page.driver, 10).until(lambda _: page.js("return arguments[0].naturalWidth", picture) == 4 * 8 + 3 * 4)
    assert picture.get_attribute("alt") == page.find("#view figcaption").text == "x: image, target, prediction, errors"
    page.go("first/gamma")
    assert page.js("return document.querySelector('#view .gallery')") is None


def test_the_confusion_matrix_is_walked_by_keyboard_and_by_pointer(page: Page):
    page.open("first/beta")
    page.js("document.getElementById('heat').focus()")
    said = "return document.querySelector('#heat').closest('section').querySelector('output').value"
    page.press(Keys.ARROW_DOWN)
    assert page.js(said) == f"road seen as road: 80.0 % of the class, {MATRICES['beta'][0][0]} pixels"
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert page.js(said) == f"car seen as car: 60.0 % of the class, {MATRICES['beta'][1][1]} pixels"
    page.press(*[Keys.ARROW_RIGHT] * 9, *[Keys.ARROW_UP] * 9)
    assert page.js(said) == f"road seen as no class: 5.0 % of the class, {MATRICES['beta'][0][4]} pixels"
    page.press(*[Keys.ARROW_DOWN] * 9)
    assert page.js(said) == "unseen: no pixel of this class"
    canvas = page.find("#heat")
    webdriver.ActionChains(page.driver).move_to_element(canvas).perform()
    assert page.js(said) != "unseen: no pixel of this class"


def test_two_ticked_rows_are_compared(page: Page):
    link = page.find("[data-compare='first-1']")
    assert link.get_attribute("href") is None
    boxes = page.driver.find_elements("css selector", "#first-1 input")
    for box in boxes[:3]:
        box.click()
    assert [box.is_selected() for box in boxes] == [False, True, True, False], "the third tick takes the place of the first"
    assert link.text == "Compare the two"
    link.click()
    assert page.place == "first/beta/gamma"
    rows = page.classes()
    for table in rows:
        for name, a, b, difference, *_ in table:
            if "–" not in (a, b, difference):
                expected = round(10 * float(a.split()[0])) - round(10 * float(b.split()[0]))
                assert difference.replace("−", "-") == (f"{expected / 10:+.1f}" if expected else "0.0"), name
    assert {row[0] for row in rows[0]} >= {"mIoU", "params", "network_ms"}
    assert rows[1][3][1:4] == ["–", "–", "–"]


def test_the_models_of_a_comparison_are_chosen_from_lists(page: Page):
    page.open("first/beta/gamma")
    page.js("document.querySelector('select[aria-label=\"model B\"]').focus()")
    webdriver.ActionChains(page.driver).send_keys("d").perform()
    WebDriverWait(page.driver, 10).until(lambda driver: "delta" in driver.title)  # the view is drawn after the address has changed
    assert page.place == "first/beta/delta"
    focused = "const each = document.activeElement; return [each.getAttribute('aria-label'), each.value]"
    assert page.js(focused) == ["model B", "delta"], "the list is still at hand"
    page.driver.find_element("link text", "Exchange A and B").click()
    assert page.place == "first/delta/beta"


def drawn(page: Page) -> int:
    """How many colours the plot's canvas holds; 1 if it is blank."""
    return page.js(
        "const c = [...document.querySelectorAll('.plots canvas')].find((each) => each.offsetParent);"
        "const d = new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer); return new Set(d).size;"
    )


def test_the_plot_is_walked_by_the_arrow_keys_and_opens_a_model(page: Page):
    assert drawn(page) > 10
    page.js("document.querySelector('#first .plots canvas').focus()")
    said = "return document.querySelector('#first .plots output').value"
    page.press(Keys.ARROW_RIGHT)
    assert page.js(said).startswith("beta: mIoU ")
    assert page.js(said).endswith(f", {LATENCIES['beta']:.1f} ms")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert page.js(said).startswith("gamma: ")
    page.press(Keys.ENTER)
    assert page.place == "first/gamma"


def test_the_plot_has_an_axis_to_choose(page: Page):
    labels = page.driver.find_elements("css selector", "#first .plots label")
    assert [label.text for label in labels] == ["latency", "MACs"]
    labels[1].click()
    canvas = page.find("#first .plots canvas")
    assert canvas.get_attribute("aria-label").startswith("Plot: MACs")
    page.js("arguments[0].focus()", canvas)
    page.press(Keys.ARROW_RIGHT)
    assert page.js("return document.querySelector('#first .plots output').value").endswith("2 G MACs")


def test_a_point_of_the_plot_is_a_link(page: Page):
    at = page.js(
        "const c = document.querySelector('#first .plots canvas'); const b = c.getBoundingClientRect();"
        "const i = Chart.getChart(c).data.datasets[0].data.findIndex((point) => point.id === 'gamma');"
        "const p = Chart.getChart(c).getDatasetMeta(0).data[i]; return [p.x - b.width / 2, p.y - b.height / 2];"
    )
    canvas = page.find("#first .plots canvas")
    webdriver.ActionChains(page.driver).move_to_element_with_offset(canvas, *map(round, at)).click().perform()
    page.arrives_at("first/gamma")


def test_a_board_of_profiles_alone_has_a_plot_and_a_table(page: Page):
    page.open("speed")
    assert drawn(page) > 10
    assert page.models("#speed-1") == [f"net{i}" for i in range(6)]
    assert page.column("rank", "#speed-1") == ["1", "2", "3", "4", "5", "6"]
    page.header("images_per_s", "#speed-1").click()
    page.header("params", "#speed-1").click()
    assert page.models("#speed-1") == [f"net{i}" for i in range(6)]


@pytest.mark.parametrize("width", [360, 390, 768, 1440])
def test_nothing_is_wider_than_the_screen(page: Page, width: int):
    page.size(width, 844)
    for place in VIEWS:
        page.open(place)
        assert page.js("return document.documentElement.scrollWidth") <= width, place


def contrast(page: Page, front: str, ground: str) -> float:
    def luminance(name: str) -> float:
        code = page.js(f"return getComputedStyle(document.documentElement).getPropertyValue('--{name}').trim()")
        channels = [value / 255 for value in bytes.fromhex(code[1:])]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(front), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page: Page, scheme: str):
    page.scheme(scheme)
    for text in ("ink", "muted", "link"):
        for ground in ("ground", "raised"):
            assert contrast(page, text, ground) >= 4.5, (text, ground)
    assert contrast(page, "ink", "best") >= 4.5
    for shape in ("a", "b"):
        assert contrast(page, shape, "ground") >= 3


def test_the_page_follows_the_screen_into_the_dark(page: Page):
    page.open("first/beta")
    pixel = "const c = document.querySelector('#heat'); return [...c.getContext('2d').getImageData(c.width - 8, 90, 1, 1).data]"
    light = page.js(pixel)
    page.scheme("dark")
    assert page.js("return getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 28)"
    WebDriverWait(page.driver, 10).until(lambda _: page.js(pixel) != light, "the heat map is not drawn again")


def test_without_scripts_every_table_can_be_read(page: Page):
    page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.open("speed")
        tables = page.driver.find_elements("css selector", "table")
        assert [table.is_displayed() for table in tables] == [True] * 4
        assert not page.find("[data-filter]").is_displayed()
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
