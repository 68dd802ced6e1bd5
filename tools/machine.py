"""Draws the state machine from `statemachine/ingest.asl.json`: one panel a map, an id a state.

PYTHONPATH=functions:glue:. .venv/bin/python tools/machine.py         writes functions/lakeferry/reports/machine.svg

Reports of runs colour and count its states (`lakeferry.reports.machine`), so each has an id, a line for a count, and
no place of its own in this file: states are put into rows by how far they are from the panel's first one, and within a
row next to what leads to them. A `Catch` is not drawn as an arrow, for every task has one: a state that has one has
a mark, and the states that only a `Catch` leads to begin a column of their own.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from lakeferry.reports.machine import state_id

ROOT = Path(__file__).parent.parent
ASL = ROOT / "statemachine" / "ingest.asl.json"
DRAWING = ROOT / "functions" / "lakeferry" / "reports" / "machine.svg"
WIDTH, HEIGHT, LOW = 148, 46, 26
"""Pixels of a box, and of one that only decides or renames."""
BESIDE, BELOW, EDGE, HEAD = 14, 20, 14, 30
_LETTERS, _LETTERS_LOW = 21, 27
"""Of a name on one line of a box; of a low one, whose letters are thinner."""
_LIGHT, _MIDDLE = 0.2, 0.5
"""How much a bend counts beside a state when nodes are placed (long arrows give way), and the panel's middle."""
_SWEEPS = 12
_QUIET = {"Choice", "Pass", "Wait"}
_STYLE = """
.box{fill:#fff;stroke:#5b6b7c;stroke-width:1.2}.quiet .box{stroke-dasharray:3 2}.panel{fill:#f5f8fb;stroke:#8aa0b3}
.way{fill:none;stroke:#5b6b7c;stroke-width:1.2}.tip{fill:#5b6b7c}.catch{fill:#b3261e}
text{font:600 11.5px system-ui,sans-serif;fill:#16324a;text-anchor:middle}.title{font-size:13px;text-anchor:start}
.quiet text{font-weight:400}.count{font-weight:400}
@media (prefers-color-scheme:dark){.box{fill:#16202b;stroke:#8aa0b3}.panel{fill:#0f161e;stroke:#41505f}
.way{stroke:#8aa0b3}.tip{fill:#8aa0b3}text{fill:#e4ebf2}.catch{fill:#ff8a80}}
""".strip()


@dataclass(slots=True)
class Node:
    """A state, or a bend of an arrow that passes rows (its name has a space in front, and no state's has)."""

    name: str
    row: int
    width: float = WIDTH
    height: float = HEIGHT
    x: float = 0.0
    y: float = 0.0
    order: float = 0.0
    above: list["Node"] = field(default_factory=list)
    below: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Panel:
    """One machine: the run, or what a map does for each of its items."""

    title: str
    machine: Mapping[str, Any]

    @property
    def states(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.machine["States"]
        return found


def panels(asl: Mapping[str, Any], title: str = "One run") -> Iterator[Panel]:
    """The machine and those within it, from the outside in."""
    yield Panel(title, asl)
    for name, state in asl["States"].items():
        if state["Type"] == "Map":
            yield from panels(state["ItemProcessor"], name)


def nexts(state: Mapping[str, Any]) -> list[str]:
    """Where a state goes when nothing fails, each once, in the order of the text."""
    found = [state["Next"]] if "Next" in state else []
    found += [choice["Next"] for choice in state.get("Choices", ())]
    found += [state["Default"]] if "Default" in state else []
    return list(dict.fromkeys(found))


def caught(state: Mapping[str, Any]) -> list[str]:
    """Where it goes when something does."""
    return list(dict.fromkeys(one["Next"] for one in state.get("Catch", ())))


def draw(asl: Mapping[str, Any]) -> str:
    """The whole drawing: the run, and beside it what it has in maps; each an `<svg>` that pages may take alone."""
    parts, x, y, right, lowest = [], 0.0, 0.0, 0.0, 0.0
    for panel in panels(asl):
        body, width, height = _panel(panel)
        name = state_id(panel.title).replace("state-", "panel-")
        place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
        parts.append(f'<svg id="{name}" {place}>\n{body}\n</svg>')
        right, lowest = max(right, x + width), max(lowest, y + height)
        x, y = (width + BESIDE, 0.0) if x == 0 else (x, y + height + BESIDE)
    size = f'viewBox="0 0 {right:g} {lowest:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="The states of the state machine">\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(panel: Panel) -> tuple[str, float, float]:
    rows, ways = _rows(panel)
    _order(rows)
    width = _place(rows)
    top = float(HEAD)
    for row in rows:
        height = max(node.height for node in row)
        for node in row:
            node.y = top + (height - node.height) / 2
        top += height + BELOW
    height = top - BELOW + EDGE
    drawn = [f'<rect class="panel" x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" rx="10"/>']
    drawn.append(f'<text class="title" x="{EDGE}" y="20">{html.escape(panel.title)}</text>')
    drawn += [_way(way, is_back) for way, is_back in ways]
    drawn += [_box(node, panel.states[node.name]) for row in rows for node in row if not node.name.startswith(" ")]
    return "\n".join(drawn), width, height


def _rows(panel: Panel) -> tuple[list[list[Node]], list[tuple[list[Node], bool]]]:
    """Each state in the row below all that lead to it; arrows that go up again are turned for that, and told so."""
    states = panel.states
    forward: dict[str, list[str]] = {name: [] for name in states}
    turned: list[tuple[str, str]] = []
    seen: dict[str, bool] = {}

    def visit(name: str) -> None:
        seen[name] = True
        for target in nexts(states[name]):
            if seen.get(target):
                turned.append((target, name))
            else:
                forward[name].append(target)
                if target not in seen:
                    visit(target)
        seen[name] = False

    heads = [panel.machine["StartAt"]]
    visit(heads[0])
    for target in (one for state in states.values() for one in caught(state)):
        if target not in seen:
            heads.append(target)
            visit(target)
    row: dict[str, int] = {}

    def sink(name: str, at: int) -> None:
        if row.get(name, -1) < at:
            row[name] = at
            for target in forward[name]:
                sink(target, at + 1)

    sink(heads[0], 0)
    for head in heads[1:]:
        sink(head, row.get(head, min((row[one] + 1 for one in row if head in caught(states[one])), default=0)))
    nodes = {name: Node(name, at, height=LOW if states[name]["Type"] in _QUIET else HEIGHT) for name, at in row.items()}
    rows: list[list[Node]] = [[] for _ in range(max(row.values()) + 1)]
    for name in seen:
        rows[row[name]].append(nodes[name])
    ways = []
    pairs = [(name, target, False) for name in forward for target in forward[name]]
    for start, end, is_back in pairs + [(*pair, True) for pair in turned]:
        way = [nodes[start]]
        for at in range(row[start] + 1, row[end]):
            bend = Node(f" {start}>{end}", at, width=10, height=0)
            rows[at].append(bend)
            way.append(bend)
        way.append(nodes[end])
        for above, below in pairwise(way):
            above.below.append(below)
            below.above.append(above)
        ways.append((way, is_back))
    return rows, ways


def _order(rows: list[list[Node]]) -> None:
    """Neighbours of a row's nodes decide their order, downwards and upwards in turn."""
    for row in rows:
        for at, node in enumerate(row):
            node.order = at
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted = {id(node): _mean([one.order for one in (node.above if down else node.below)]) for node in row}
            row.sort(key=lambda node: node.order if wanted[id(node)] is None else wanted[id(node)])  # type: ignore[arg-type,return-value]
            for at, node in enumerate(row):
                node.order = at - (len(row) - 1) / 2


def _place(rows: list[list[Node]]) -> float:
    """Gives each node its middle, near its neighbours', none over another; the panel's width."""
    for row in rows:
        at = 0.0
        for node in row:
            node.x = at + node.width / 2
            at += node.width + BESIDE
        for node in row:
            node.x -= at / 2
    for sweep in range(2 * _SWEEPS):
        for row in rows if sweep % 2 == 0 else list(reversed(rows)):
            near = [_weighed([*node.above, *node.below]) for node in row]
            wanted = [node.x if mean is None else mean for node, mean in zip(row, near, strict=True)]
            _apart(row, wanted)
    left = min(node.x - node.width / 2 for row in rows for node in row)
    for row in rows:
        for node in row:
            node.x += EDGE - left
    return max(node.x + node.width / 2 for row in rows for node in row) + EDGE


def _apart(row: list[Node], wanted: Sequence[float]) -> None:
    """The wanted places, moved as little as keeps the nodes apart: from the left, from the right, and the mean."""
    gaps = [(one.width + two.width) / 2 + BESIDE for one, two in pairwise(row)]
    left, right = list(wanted), list(wanted)
    for at, gap in enumerate(gaps):
        left[at + 1] = max(left[at + 1], left[at] + gap)
    for at in range(len(gaps) - 1, -1, -1):
        right[at] = min(right[at], right[at + 1] - gaps[at])
    for node, one, two in zip(row, left, right, strict=True):
        node.x = (one + two) / 2


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _weighed(nodes: Sequence[Node]) -> float | None:
    weights = [_LIGHT if node.name.startswith(" ") else 1.0 for node in nodes]
    if not nodes:
        return None
    return sum(node.x * weight for node, weight in zip(nodes, weights, strict=True)) / (sum(weights) + _MIDDLE)


def _way(way: list[Node], is_back: bool) -> str:
    first, last = way[0], way[-1]
    points = [(first.x, first.y + first.height), *((one.x, one.y) for one in way[1:-1]), (last.x, last.y)]
    text = f"M{points[0][0]:.0f},{points[0][1]:.0f}"
    for (x, y), (to_x, to_y) in pairwise(points):
        middle = (y + to_y) / 2
        text += f"C{x:.0f},{middle:.0f} {to_x:.0f},{middle:.0f} {to_x:.0f},{to_y:.0f}"
    x, y, side = (points[0][0], points[0][1], 1) if is_back else (points[-1][0], points[-1][1], -1)
    tip = f"M{x - 3.5:.1f},{y + 6 * side:.0f}L{x:.0f},{y:.0f}L{x + 3.5:.1f},{y + 6 * side:.0f}z"
    return f'<path class="way" d="{text}"/><path class="tip" d="{tip}"/>'


def _box(node: Node, state: Mapping[str, Any]) -> str:
    left, quiet = node.x - node.width / 2, state["Type"] in _QUIET
    lines = _lines(node.name, _LETTERS_LOW if quiet else _LETTERS)
    # a name of two lines leaves the count its place all the same
    first = (
        node.y + (node.height - 13 * (len(lines) - 1)) / 2 + 4 if quiet else node.y + (18 if len(lines) == 1 else 13)
    )
    mark = ""
    if state.get("Catch"):
        mark = f'<circle class="catch" cx="{left + node.width - 6:.0f}" cy="{node.y + 6:.0f}" r="2.5"/>'
    texts = "".join(
        f'<text x="{node.x:.0f}" y="{first + 12 * at:.0f}">{html.escape(line)}</text>' for at, line in enumerate(lines)
    )
    count = "" if quiet else f'<text class="count" x="{node.x:.0f}" y="{node.y + node.height - 7:.0f}"/>'
    return (
        f'<g id="{state_id(node.name)}" class="state{" quiet" if quiet else ""}">'
        f"<title>{html.escape(node.name)}</title>"
        f'<rect class="box" x="{left:.0f}" y="{node.y:.0f}" width="{node.width:g}" height="{node.height:g}" '
        f'rx="{node.height / 2 if quiet else 7:g}"/>{mark}{texts}{count}</g>'
    )


def _lines(name: str, letters: int) -> list[str]:
    """A name on one line, or on two of about the same length."""
    if len(name) <= letters:
        return [name]
    spaces = [found.start() for found in re.finditer(" ", name)]
    at = min(spaces, key=lambda space: abs(len(name) / 2 - space))
    return [name[:at], name[at + 1 :]]


def main() -> None:
    """Writes the drawing."""
    DRAWING.write_text(draw(json.loads(ASL.read_text("utf-8"))), "utf-8")


if __name__ == "__main__":
    main()
