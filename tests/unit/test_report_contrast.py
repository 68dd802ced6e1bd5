"""The report's colours can be told from what they are on, in light and in dark: WCAG 2.2's AA, computed."""

import re
from itertools import product
from pathlib import Path

import pytest

import lakeferry.reports

CSS = (Path(lakeferry.reports.__file__).parent / "templates" / "style.css").read_text("utf-8")
TEXT, GRAPHIC = 4.5, 3.0
"""Least ratios: of text below 18 pt (1.4.3, "Contrast (Minimum)"), of what is no text (1.4.11, "Non-text Contrast")."""
ON = ("bg", "card", "code")
VERDICTS = ("good", "failed", "open", "left", "quiet")
STAGES = ("fetch", "check", "upload", "curate", "plan", "crawl")


def variables(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})\b", block))


LIGHT = variables(CSS[: CSS.index("@media (prefers-color-scheme:dark)")])
DARK = LIGHT | variables(CSS[CSS.index("@media (prefers-color-scheme:dark)") :])


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2, "relative luminance")."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def ratio(one: str, other: str) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def test_the_ratio_is_wcags() -> None:
    assert ratio("#000", "#ffffff") == pytest.approx(21)
    assert ratio("#777777", "#fff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_is_read(colours: dict[str, str]) -> None:
    pairs = [*product(("ink", "dim", "link"), ON), *product(VERDICTS, ON), *((one, f"{one}-bg") for one in VERDICTS)]
    pairs += [("ink", f"{one}-bg") for one in VERDICTS] + [("bar-ink", stage) for stage in STAGES]
    faint = {pair: round(ratio(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
    assert {pair: found for pair, found in faint.items() if found < TEXT} == {}


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_drawn_is_seen(colours: dict[str, str]) -> None:
    """Bars of stages have letters, and states words: what says a verdict by its colour is its edge and its sign."""
    drawn = [ratio(colours[verdict], colours[on]) for verdict, on in product(VERDICTS, ("card", "bg"))]
    assert min(drawn) >= GRAPHIC
    listing = re.findall(r"\.l-\w+\{fill:(#[0-9a-f]+)\}", CSS)
    assert len(listing) == 4
    assert {fill for fill in listing if ratio(fill, colours["card"]) < 2.0} == set(), "each has its number beside it"


def test_both_schemes_name_every_colour_that_the_page_uses() -> None:
    used = set(re.findall(r"var\(--([\w-]+)", CSS)) - {"v", "v-bg", "w"}
    assert used <= LIGHT.keys()
    assert {name for name in LIGHT if LIGHT[name] == DARK[name]} <= {*STAGES, "bar-ink", "hatch"}, "these are for both"
