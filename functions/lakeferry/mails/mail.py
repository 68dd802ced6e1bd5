"""A mail, whatever it is about: its parts, and what subscriptions filter it by."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakeferry.mails.text import subject_of, text_of

if TYPE_CHECKING:
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef


@dataclass(frozen=True, slots=True)
class Mail:
    """A message of the topic. However it was made, SNS takes it: subject and text are cut to what fits.

    HTML, or a chat channel's form, is a further field beside `text`, filled in where that is composed.

    Attributes:
        event: What happened, such as `file_failed`.
        severity: `info`, `warning`, `error` or `critical`.
        tenant: None for what concerns all.
        feeds: Whose subscriptions get it, of that tenant; empty for what concerns all.
    """

    event: str
    severity: str
    subject: str
    text: str
    tenant: str | None = None
    feeds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", subject_of(f"[Lakeferry] {self.subject}"))
        object.__setattr__(self, "text", text_of(self.text))

    @property
    def attributes(self) -> dict[str, "MessageAttributeValueTypeDef"]:
        """What subscriptions filter by; those of feeds' own addresses by `feed_id`.

        Of an array each element is matched for itself ("String value matching", Amazon SNS Developer Guide), so every
        feed's subscription lets it pass.
        """
        values: dict[str, tuple[str, ...]] = {"event": (self.event,), "severity": (self.severity,)}
        if self.tenant is not None:
            feed_ids = tuple(f"{self.tenant}/{feed}" for feed in self.feeds)
            values |= {"tenant": (self.tenant,), "feed": self.feeds, "feed_id": feed_ids}
        return {
            name: {"DataType": "String", "StringValue": found[0]}
            if len(found) == 1
            else {"DataType": "String.Array", "StringValue": json.dumps(found)}
            for name, found in values.items()
        }

    def to_json(self) -> Mapping[str, Any]:
        """As the state machine publishes it: `event`, and the `subject`, `message` and `attributes` of SNS."""
        return {
            "event": self.event,
            "subject": self.subject,
            "message": self.text,
            "attributes": self.attributes,
        }


def compose(what: str, why: str, then: str, do: str, link: str = "", report: str = "") -> str:
    """The form of every mail: what happened, why, what happens next, what to do; where the run's report is."""
    parts = [f"WHAT  {what}", f"WHY  {why}", f"NEXT  {then}", f"DO  {do}"]
    parts += [f"REPORT  {report}"] if report else []
    return "\n\n".join([*parts, *([link] if link else [])])
