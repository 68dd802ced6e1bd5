"""Slack's incoming webhooks, and what takes the same form."""

from collections.abc import Mapping
from typing import Any

from lakeferry.channels.notice import Notice

MOST_BYTES = 12_000
"""Slack refuses blocks of some 13,000 characters together (`msg_blocks_too_long`), which its pages do not say; a text
has 3,000 at most ("Text object", Slack's Block Kit reference)."""
_HEADER = 150
_MARKS = {"info": "\N{LARGE GREEN CIRCLE}", "warning": "\N{LARGE YELLOW CIRCLE}"}


def body(notice: Notice) -> dict[str, Any]:
    """The message in blocks; all that others may have written is `plain_text`, which is never a link or a mention."""
    mark = _MARKS.get(notice.severity, "\N{LARGE RED CIRCLE}")
    blocks = [
        {"type": "header", "text": _plain(f"{mark} {notice.subject}"[:_HEADER])},
        *({"type": "section", "text": _plain(one)} for one in notice.paragraphs if one.strip()),
    ]
    if notice.link:
        link = {"type": "mrkdwn", "text": f"<{escaped(notice.link)}|Open the execution>", "verbatim": True}
        blocks.append({"type": "section", "text": link})
    # `text` is what notifications show
    return {"text": escaped(notice.subject), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def escaped(text: str) -> str:
    """Without the characters that begin links and mentions ("Formatting message text", Slack's documentation)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _plain(text: str) -> Mapping[str, Any]:
    # no colons that become pictures
    return {"type": "plain_text", "text": text, "emoji": False}
