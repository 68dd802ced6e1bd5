"""Draws the flowcharts of ARCHITECTURE.md for the docs site, which has no network to fetch a drawing program from.

Nodes, their texts and the arrows are those of the Mermaid text; where each node stands is said here. A node that has no
place, or an arrow to one, is an error: so a picture shows all that its text says, or is not made.
"""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_NODE = re.compile(r'\b(\w+)(?:\[\("([^"]+)"\)\]|\["([^"]+)"\])')
_LABELLED = re.compile(r'^\s*([\w &]+?) -- "([^"]+)" --> (\w+)$', re.MULTILINE)
_GROUP = re.compile(r'^\s*subgraph (\w+)\["([^"]+)"\]$', re.MULTILINE)
_STYLE = (
    "<style>.t{font:600 13px sans-serif;fill:#16324a}.s{font:11px sans-serif;fill:#44586a}"
    ".g{font:600 12.5px sans-serif;fill:#44586a}</style>"
    '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0,0L8,4L0,8z" fill="#33516b"/></marker></defs>'
)


_WIDE = {"t": 7.2, "s": 5.4, "g": 7.0}
"""Pixels a character of each kind of text takes, about."""


class PictureError(Exception):
    """A flowchart has something that has no place in its picture."""


@dataclass(frozen=True, slots=True)
class Box:
    """Where something stands."""

    x: int
    y: int
    width: int
    height: int

    @property
    def middle(self) -> tuple[float, float]:
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the nodes of one flowchart stand, and how its arrows go.

    Attributes:
        groups: Boxes behind the nodes.
        ways: (from, to) → the points of the arrow, and the middle of its label.
    """

    title: str
    width: int
    height: int
    nodes: Mapping[str, Box]
    groups: Mapping[str, Box]
    ways: Mapping[tuple[str, str], tuple[str, tuple[int, int]]]


FILES_WAY = Layout(
    "A file's way",
    810,
    360,
    {
        **{"server": Box(20, 30, 130, 56), "inbox": Box(300, 30, 140, 56), "hidden": Box(590, 20, 210, 76)},
        **{"raw": Box(650, 166, 90, 48), "curated": Box(635, 286, 120, 56), "fallout": Box(300, 160, 140, 56)},
        **{"ledger": Box(20, 290, 130, 48), "failed": Box(290, 290, 160, 48)},
    },
    {},
    {
        ("server", "ledger"): ("M60,86 L60,290", (60, 190)),
        ("server", "inbox"): ("M150,58 L300,58", (225, 50)),
        ("inbox", "hidden"): ("M440,58 L590,58", (515, 50)),
        ("inbox", "fallout"): ("M370,86 L370,160", (370, 128)),
        ("hidden", "raw"): ("M695,96 L695,166", (695, 136)),
        ("raw", "curated"): ("M695,214 L695,286", (695, 254)),
        ("server", "failed"): ("M125,86 L125,252 L320,252 L320,290", (222, 244)),
        ("inbox", "failed"): ("M440,76 L490,76 L490,306 L450,306", (0, 0)),
        ("hidden", "failed"): ("M610,96 L610,124 L560,124 L560,324 L450,324", (560, 220)),
        ("failed", "ledger"): ("M290,314 L150,314", (220, 306)),
    },
)
FLOORS = Layout(
    "The floors: who may import whom",
    1010,
    660,
    {
        **{"line": Box(270, 50, 410, 46), "beside": Box(270, 104, 410, 46), "job": Box(800, 60, 200, 46)},
        **{
            f"f{at}": Box(300, 215 + 39 * place, 560, 32) for place, at in enumerate((10, 8, 7, 6, 9, 5, 4, 0, 3, 2, 1))
        },
    },
    {"desk": Box(20, 20, 190, 150), "functions": Box(240, 20, 480, 150), "lakeferry": Box(240, 190, 680, 460)},
    {},
)


def drawn(text: str) -> tuple[str, str]:
    """The name of a flowchart's picture, and the picture, as SVG.

    Raises:
        PictureError: there is no layout for it, or none for something in it.
    """
    if "desk" in dict(_GROUP.findall(text)):
        return "floors", _floors(text)
    if "hidden" in dict(_nodes(text)):
        return "files-way", _of(FILES_WAY, text)
    raise PictureError("there is a flowchart that tools/pictures.py has no layout for")


def _nodes(text: str) -> Iterator[tuple[str, str]]:
    for name, store, label in _NODE.findall(_GROUP.sub("", text)):
        yield name, store or label


def _arrows(text: str) -> Iterator[tuple[str, str, str]]:
    for starts, label, end in _LABELLED.findall(text):
        for start in starts.split(" & "):
            yield start.strip(), label, end


def _of(layout: Layout, text: str) -> str:
    nodes = dict(_nodes(text))
    arrows = list(_arrows(text))
    if lost := {*nodes} ^ {*layout.nodes} | {one[::2] for one in arrows} ^ {*layout.ways}:
        raise PictureError(f"{layout.title}: tools/pictures.py and the text do not have the same: {lost}")
    parts = [_box(layout.nodes[name], label) for name, label in nodes.items()]
    for start, label, end in arrows:
        way, (x, y) = layout.ways[start, end]
        parts.append(f'<path d="{way}" fill="none" stroke="#33516b" stroke-width="1.4" marker-end="url(#a)"/>')
        if x:
            parts.append(_text(x, y, label, "s", behind=True))
    return _svg(layout, parts)


def _floors(text: str) -> str:
    nodes, groups = dict(_nodes(text)), dict(_GROUP.findall(text))
    if lost := {*nodes} ^ {*FLOORS.nodes} | {*groups} ^ {*FLOORS.groups}:
        raise PictureError(f"{FLOORS.title}: tools/pictures.py and the text do not have the same: {lost}")
    parts = []
    for name, label in groups.items():
        box = FLOORS.groups[name]
        parts.append(
            f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="10" fill="#f5f8fb" '
            'stroke="#8aa0b3" stroke-dasharray="5 4"/>' + _text(box.x + 14, box.y + 18, label, "g", anchor="start")
        )
    (chain,) = re.findall(r"^\s*(\w+(?: --> \w+)+)$", text.partition("end")[0], re.MULTILINE)
    for at, name in enumerate(chain.split(" --> ")):
        parts.append(_box(Box(45, 48 + 40 * at, 140, 30), name))
    parts += [_box(FLOORS.nodes[name], label) for name, label in nodes.items()]
    for way in ("M210,95 L240,95", "M480,170 L480,190", "M900,106 L900,190"):
        parts.append(f'<path d="{way}" fill="none" stroke="#33516b" stroke-width="1.4" marker-end="url(#a)"/>')
    return _svg(FLOORS, parts)


def _box(box: Box, label: str) -> str:
    head, *rest = label.split("<br/>")
    lines = [(head, "t"), *((line, "s") for line in rest)]
    x, y = box.middle
    shape = (
        f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="7" fill="#ffffff" '
        'stroke="#33516b" stroke-width="1.4"/>'
    )
    first = y + 4 - 8 * (len(lines) - 1)
    texts = (_text(x, first + 16 * at, line, kind, most=box.width - 12) for at, (line, kind) in enumerate(lines))
    return shape + "".join(texts)


def _text(
    x: float, y: float, text: str, kind: str, *, anchor: str = "middle", behind: bool = False, most: int = 0
) -> str:
    squeezed = (
        f' textLength="{most}" lengthAdjust="spacingAndGlyphs"' if most and len(text) * _WIDE[kind] > most else ""
    )
    halo = ' stroke="#ffffff" stroke-width="4" paint-order="stroke"' if behind else ""
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" class="{kind}"{squeezed}{halo}>{html.escape(text)}</text>'


def _svg(layout: Layout, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {layout.width} {layout.height}" role="img" '
    head += f'aria-label="{html.escape(layout.title)}">'
    ground = f'<rect width="{layout.width}" height="{layout.height}" fill="#ffffff"/>'
    return "\n".join([head, _STYLE, ground, *parts, "</svg>", ""])
