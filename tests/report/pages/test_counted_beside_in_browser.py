"""What was counted beside pairs, as a reader sees it on the page: of one model and of two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segbench.files.json_text import write_text
from segbench.metrics.trimap import WIDTHS
from segbench.report.pages.board_files import write
from segbench.report.tables.causes import Causes
from tests.report.fakes import FAIR, run_record
from tests.report.pages.test_counted_beside import RECORDS

pytest.importorskip("selenium.webdriver", reason="selenium is missing: pip install 'segbench[browser]'")
from tests.report.page_in_browser import IN_BROWSER, Page

pytestmark = IN_BROWSER


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("beside")
    for name, each in (RECORDS | {"plain": run_record("plain", FAIR)}).items():
        write_text(root / "first" / "records" / f"{name}.json", each.to_json())
    write(root)
    return (Path(root) / "index.html").as_uri()


@pytest.fixture
def page(browser: Any, address: str) -> Page:
    return Page(browser, address)


def headings(page: Page) -> list[str]:
    return [each.text for each in page.driver.find_elements("css selector", "#view h3")]


def test_a_model_shows_all_three(page: Page) -> None:
    page.open("first/good")
    assert headings(page)[2:5] == ["Errors by cause", "Reliability", "mIoU near edges"]
    assert "750" not in page.find("#view").text
    assert "75.0" in page.find("[aria-label='Errors by cause']").text
    assert len(page.driver.find_elements("css selector", ".curve circle.a")) == 2 + len(WIDTHS)
    assert page.driver.get_log("browser") == []


def test_two_models_stand_side_by_side(page: Page) -> None:
    page.open("first/good/fair")
    assert {"Errors by cause", "Reliability", "mIoU near edges"} <= set(headings(page))
    assert len(page.driver.find_elements("css selector", ".curve polyline.b")) == 2
    gains = [Causes(RECORDS[name]).gain("border") for name in ("good", "fair")]
    cells = page.find("[aria-label='Errors by cause'] tbody tr").text.split()
    assert cells[:3] == ["border", *(f"{100 * gain:.1f}" for gain in gains)]
    assert page.driver.get_log("browser") == []


def test_what_one_of_two_has_not_is_left_out(page: Page) -> None:
    page.open("first/good/plain")
    assert not {"Errors by cause", "Reliability", "mIoU near edges"} & set(headings(page))
    page.open("first/plain")
    assert "Reliability" not in headings(page)
    assert page.driver.get_log("browser") == []
