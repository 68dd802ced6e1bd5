"""The drawing of the state machine (`tools/machine.py` makes it), with what became of each state in a run."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

from markupsafe import Markup

from lakeferry.counting import count_of
from lakeferry.reports.facts import StateFacts

_DRAWING = Path(__file__).parent / "machine.svg"
_SVG = "{http://www.w3.org/2000/svg}"
ElementTree.register_namespace("", _SVG.strip("{}"))


@dataclass(frozen=True, slots=True)
class Panel:
    """One machine of the drawing, for a page whose style sheet colours it.

    Attributes:
        rows: Each state that was entered: name, outcome, count in words.
    """

    title: str
    svg: Markup
    width: int
    rows: tuple[tuple[str, str, str], ...]


def state_id(name: str) -> str:
    """The id of a state in the drawing."""
    return "state-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def panels(states: Mapping[str, StateFacts], link: Callable[[str], str] | None = None) -> Iterator[Panel]:
    """The panels, each state marked by its outcome in colour, sign and words.

    Args:
        link: Where each state leads, by its name; without it the drawing leads nowhere.
    """
    by_id = {state_id(name): (name, facts) for name, facts in states.items()}
    # a text of ours: no entity of it is anybody's
    root = ElementTree.fromstring(_drawing())  # noqa: S314
    for panel in root.iter(f"{_SVG}svg"):
        if panel is root:
            continue
        rows = []
        for group in panel.iter(f"{_SVG}g"):
            known = by_id.get(group.get("id", ""))
            outcome, words = ("none", "") if known is None else told(known[1])
            group.set("class", f"{group.get('class')} is-{outcome}")
            if known is not None:
                rows.append((known[0], outcome, words))
            count = next((one for one in group.iter(f"{_SVG}text") if one.get("class") == "count"), None)
            if count is not None:
                count.text = f"{SIGNS[outcome]} {words}".strip()
            title = group.find(f"{_SVG}title")
            if title is not None:
                name = title.text or ""
                title.text = f"{name}: {words or 'no count'}"
                if link is not None:
                    _lead(group, link(name), title.text)
        del panel.attrib["x"], panel.attrib["y"]
        # what is in an image leads nowhere
        panel.set("role", "img" if link is None else "group")
        name = next(one.text or "" for one in panel.iter(f"{_SVG}text") if one.get("class") == "title")
        panel.set("aria-label", f"States of: {name}")
        width = round(float(panel.get("width", "0")))
        yield Panel(name, Markup(ElementTree.tostring(panel, "unicode")), width, tuple(rows))  # noqa: S704


def _lead(group: ElementTree.Element, to: str, label: str) -> None:
    """Makes a state a link."""
    link = ElementTree.Element(f"{_SVG}a", {"href": to, "aria-label": label})
    link.extend(list(group))
    for one in list(group):
        group.remove(one)
    group.append(link)


SIGNS = {"good": "\N{CHECK MARK}", "failed": "\N{MULTIPLICATION X}", "open": "\N{HORIZONTAL ELLIPSIS}", "none": ""}


def told(facts: StateFacts) -> tuple[str, str]:
    """An outcome, and how many in words."""
    parts = [count_of(facts.good, facts.unit) if facts.unit else (f"{facts.good:,}×" if facts.good > 1 else "done")]
    if not facts.good:
        parts = []
    if facts.failed:
        parts.append(f"{facts.failed:,} failed")
    if facts.open:
        parts.append(f"{facts.open:,} at work")
    outcome = "failed" if facts.failed else "open" if facts.open else "good"
    return outcome, ", ".join(parts)


@cache
def _drawing() -> str:
    return _DRAWING.read_text("utf-8")
