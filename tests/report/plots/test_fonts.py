from __future__ import annotations

import re
import warnings
from io import BytesIO
from pathlib import Path

import pytest
from matplotlib import font_manager

from segbench.report.plots import fonts
from segbench.report.plots.style import drawing

NAMES = ["\u9053\u8def", "\u5efa\u7b51\u7269", "\uac74\ubb3c", "\u0e16\u0e19\u0e19"]


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    fonts._warn.cache_clear()


def draw(names: list[str], svg: BytesIO | None, png: Path | None) -> None:
    with drawing(svg, png, 4, 3) as page:
        axes = page.subplots()
        axes.bar(range(len(names)), [1] * len(names), tick_label=names)
        axes.set_title(names[0])


@pytest.mark.parametrize("names", [NAMES, ["\u03b4\u03c1\u03cc\u03bc\u03bf\u03c2", "\u0434\u043e\u0440\u043e\u0433\u0430"]])
def test_names_in_any_script_stay_text_in_an_svg_and_nobody_is_warned(names: list[str]) -> None:
    out = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(names, out, None)
    text = out.getvalue().decode()
    assert all(f">{name}<" in text for name in names)
    assert all("sans-serif" in font for font in re.findall(r"font: ([^;\"]*)", text))


def test_a_png_is_drawn_with_another_font_where_the_first_has_no_such_character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, other = (fonts._characters(font_manager.findfont(name)) for name in (fonts.FIRST, "STIXGeneral"))
    name = min(character for character in other - first if character.isalpha())
    assert fonts.others(name) != ((), name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw([name], None, tmp_path / "drawn.png")
    monkeypatch.setattr(fonts, "others", lambda missing: ((), missing))
    with pytest.warns(UserWarning, match=f"the characters {name}: PNGs show boxes in their place, SVGs show them; install a font"):
        draw([name], None, tmp_path / "boxes.png")
    assert (tmp_path / "drawn.png").read_bytes() != (tmp_path / "boxes.png").read_bytes()


def test_one_warning_is_enough_for_many_pictures(tmp_path: Path) -> None:
    if not fonts.others("".join(sorted(set("".join(NAMES)))))[1]:
        pytest.skip("this machine has a font for them")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for number in range(3):
            draw(NAMES, None, tmp_path / f"{number}.png")
    assert len(seen) == 1
