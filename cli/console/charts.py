"""Drawings as SVG: lines of small bars, times of a day, a query's bars. Every text in them is escaped."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

_BAR = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>')


_SCROLLS = Markup(
    '<div class="scroll" tabindex="0" role="region" aria-label="{}">'
    '<svg class="chart" viewBox="0 0 {} {}" width="100%" role="img" aria-label="{}">{}</svg></div>'
)
"""On a phone it is wider than the screen: its words have to be read."""


@dataclass(frozen=True, slots=True)
class Point:
    """One bar or dot.

    Attributes:
        label: What a person reads of it.
        is_bad: Marked, beside its label.
    """

    value: float
    label: str
    is_bad: bool = False


def spark(points: Sequence[Point], what: str, width: int = 180, height: int = 28) -> Markup:
    """Small bars beside each other, the newest last."""
    if not points:
        return Markup('<span class="dim">none yet</span>')
    top = max(point.value for point in points) or 1
    step = width / len(points)
    bars = Markup("").join(
        _bar(index * step, point, step, height, max(1.5, height * point.value / top) if point.value else 1.5)
        for index, point in enumerate(points)
    )
    return Markup('<svg class="spark" width="{}" height="{}" role="img" aria-label="{}">{}</svg>').format(
        width, height, f"{what}: {_summary(points)}", bars
    )


def _bar(x: float, point: Point, step: float, height: int, tall: float) -> Markup:
    kind = "bad" if point.is_bad else "none" if not point.value else "some"
    y, width = f"{height - tall:.1f}", f"{max(step - 1, 0.8):.1f}"
    return _BAR.format(kind, f"{x:.1f}", y, width, f"{tall:.1f}", point.label)


def _summary(points: Sequence[Point]) -> str:
    values = [point.value for point in points]
    return f"{len(values)} values from {min(values):,.0f} to {max(values):,.0f}, the last {values[-1]:,.0f}"


def bars(points: Sequence[Point], what: str, band: tuple[float, float] | None = None) -> Markup:
    """Bars with a scale; `band` is where a check wants them."""
    if not points:
        return Markup("")
    width, height, left, foot = 900, 220, 70, 34
    top = max([point.value for point in points] + ([band[1]] if band else [])) or 1
    low = min(0.0, *(point.value for point in points)) if points else 0.0

    def y(value: float) -> float:
        return 10 + (height - foot - 10) * (1 - (value - low) / (top - low))

    step = (width - left) / len(points)
    found = [
        Markup('<text x="4" y="{}">{}</text><line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            f"{y(value) + 4:.0f}",
            f"{value:,.4g}" if abs(value) < 10 else f"{value:,.0f}",
            left,
            width,
            *[f"{y(value):.1f}"] * 2,
        )
        for value in (low, (low + top) / 2, top)
    ]
    if band:
        found.insert(
            0,
            Markup('<rect class="band" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
                left,
                f"{y(band[1]):.1f}",
                width - left,
                f"{max(y(band[0]) - y(band[1]), 1):.1f}",
                f"from {band[0]:,.0f} to {band[1]:,.0f}",
            ),
        )
    for index, point in enumerate(points):
        x, zero, at = left + index * step, y(0), y(point.value)
        found.append(
            Markup('<rect class="bar{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
                " bad" if point.is_bad else "",
                f"{x + step * 0.1:.1f}",
                f"{min(zero, at):.1f}",
                f"{max(step * 0.8, 0.8):.1f}",
                f"{max(abs(zero - at), 0.8):.1f}",
                point.label,
            )
        )
    every = max(1, -(-len(points) // 8))
    for index in range(0, len(points), every):
        text = points[index].label.partition(":")[0][:18]
        found.append(Markup('<text x="{}" y="{}">{}</text>').format(f"{left + index * step:.0f}", height - 12, text))
    return _SCROLLS.format(what, width, height, f"{what}: {_summary(points)}", Markup("").join(found))


def day_chart(points: Sequence[Point], due: float | None, what: str) -> Markup:
    """When things came over the day: a dot each, days from left to right, hours from top to bottom.

    Args:
        points: `value` is the hour.
        due: The hour at which they are promised.
    """
    if not points:
        return Markup("")
    width, height, left = 900, 200, 50
    step = (width - left) / len(points)
    scale = (height - 20) / 24
    found = [
        Markup('<text x="4" y="{}">{}</text><line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            f"{10 + hour * scale + 4:.0f}", f"{hour:02}:00", left, width, *[f"{10 + hour * scale:.1f}"] * 2
        )
        for hour in (0, 6, 12, 18, 24)
    ]
    if due is not None:
        found.append(
            Markup('<line class="due" x1="{}" x2="{}" y1="{}" y2="{}"><title>promised by</title></line>').format(
                left, width, *[f"{10 + due * scale:.1f}"] * 2
            )
        )
    for index, point in enumerate(points):
        x, y = left + (index + 0.5) * step, 10 + point.value * scale
        shape = (
            Markup('<rect class="dot late" x="{}" y="{}" width="8" height="8"><title>{}</title></rect>').format(
                f"{x - 4:.1f}", f"{y - 4:.1f}", point.label
            )
            if point.is_bad
            else Markup('<circle class="dot" cx="{}" cy="{}" r="3.5"><title>{}</title></circle>').format(
                f"{x:.1f}", f"{y:.1f}", point.label
            )
        )
        found.append(shape)
    return _SCROLLS.format(
        what,
        width,
        height,
        f"{what}: {len(points)} files, {sum(point.is_bad for point in points)} late",
        Markup("").join(found),
    )
