"""A message of the topic as channels get it: whose it is, and its words in paragraphs."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from lakeferry.models import CONSOLES

_MOST_PARAGRAPHS = 6
"""Of a mail; it has WHAT, WHY, NEXT and DO, and some have REPORT."""
_LINE = 50
"""Characters that a line counts for at least where text is cut."""
_CUT = " [... the mail has all]"
_LINK = re.compile(rf"https://[a-z0-9-]+\.(?:{'|'.join(map(re.escape, CONSOLES.values()))})/[^\s<>|]+")
"""As mails end with one; what others wrote stands in the middle of a paragraph, never alone in one."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message about feeds of one tenant.

    Attributes:
        id: SNS's own; the same when SNS, or Lambda, hands it over again.
        link: Where the console shows the execution; empty where the mail has none.
    """

    id: str
    event: str
    severity: str
    tenant: str
    feeds: tuple[str, ...]
    subject: str
    paragraphs: tuple[str, ...]
    link: str = ""

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """From a record of the event that SNS calls a function with ("Using Lambda with Amazon SNS")."""
        sns = record["Sns"]
        attributes = {name: _values(found) for name, found in (sns.get("MessageAttributes") or {}).items()}
        *paragraphs, last = str(sns["Message"]).split("\n\n")
        link = last.strip("\n") if _LINK.fullmatch(last.strip("\n")) else ""
        return cls(
            id=str(sns["MessageId"]),
            event=_first(attributes, "event"),
            severity=_first(attributes, "severity"),
            tenant=_first(attributes, "tenant"),
            feeds=attributes.get("feed", ()),
            subject=str(sns.get("Subject") or ""),
            paragraphs=tuple(paragraphs if link else [*paragraphs, last]),
            link=link,
        )

    def shortened(self, longest: int) -> Self:
        """With so many characters a paragraph at most, and lines that fit such a one."""
        kept = [_cut(one, longest) for one in self.paragraphs[:_MOST_PARAGRAPHS]]
        more = [_CUT.strip()] if len(self.paragraphs) > _MOST_PARAGRAPHS else []
        return replace(self, paragraphs=(*kept, *more))


def _values(attribute: Mapping[str, Any]) -> tuple[str, ...]:
    value = str(attribute["Value"])
    return tuple(map(str, json.loads(value))) if attribute["Type"] == "String.Array" else (value,)


def _first(attributes: Mapping[str, tuple[str, ...]], name: str) -> str:
    return next(iter(attributes.get(name, ())), "")


def _cut(text: str, longest: int) -> str:
    lines = text.split("\n")
    kept = "\n".join(lines[: max(1, longest // _LINE)])
    return text if kept == text and len(text) <= longest else kept[: longest - len(_CUT)] + _CUT
