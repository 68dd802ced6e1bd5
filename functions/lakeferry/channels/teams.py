"""Microsoft Teams: a workflow's webhook ("When a Teams webhook request is received"), which takes Adaptive Cards."""

from typing import Any

from lakeferry.channels.notice import Notice

MOST_BYTES = 20_000
"""Teams takes some 28 KB ("Limits and specifications for Microsoft Teams"), and people have met less."""
_COLOURS = {"info": "Good", "warning": "Warning"}


def body(notice: Notice) -> dict[str, Any]:
    """A card whose texts are `TextRun`s: unlike a `TextBlock`'s, theirs is no Markdown, so no link can be written."""
    colour = _COLOURS.get(notice.severity, "Attention")
    rows = [_row(notice.subject, weight="Bolder", size="Medium", color=colour)]
    for paragraph in notice.paragraphs:
        first, *others = [line for line in paragraph.split("\n") if line.strip()] or [""]
        if first:
            rows += [_row(first) | {"spacing": "Medium"}, *(_row(line) | {"spacing": "None"} for line in others)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": rows,
        "msteams": {"width": "Full"},
    }
    if notice.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Open the execution", "url": notice.link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _row(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}
