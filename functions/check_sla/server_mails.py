"""Mails about several feeds of one tenant on one server: one dead server is one mail, with a line a feed."""

import json
from collections.abc import Sequence

from check_sla.mails import at, message, missing
from check_sla.publish import Mail
from check_sla.reasons import Context, Told, why_of_server
from lakeferry.mails.text import cut
from lakeferry.sla.items import span

MOST_FEEDS = 100
"""In one mail. Lines and attributes of so many, at their longest, are half of the 256 KB that a message may have with
its attributes ("Amazon SNS message attributes", Amazon SNS Developer Guide)."""
_LINE = 300
"""Characters."""


def server_mail(event: str, all_told: Sequence[Told], context: Context) -> Mail:
    """One mail about at least two feeds."""
    first = all_told[0].feed
    count, server = len(all_told), f"{first.server.host}:{first.server.port}"
    severity, subject, what = _SAYS[event]
    lines = "\n".join(cut(f"- {told.feed.feed_id}: {_line(told)}", _LINE) for told in all_told)
    return Mail(
        event,
        severity,
        f"[Lakeferry] {first.tenant}: {count} feeds {subject} ({server})",
        message(f"{count} feeds of {first.tenant} on {server} {what}:\n{lines}", *_rest(event, all_told, context)),
        tenant=first.tenant,
        feeds=tuple(told.feed.feed for told in all_told),
    )


_SAYS = {
    "sla_due": ("warning", "due, not here yet", "were due and are not complete"),
    "sla_breached": ("error", "late", "are late"),
    "sla_recovered": ("info", "complete", "are complete"),
}
"""Severity, and what subject and text say."""


def _line(told: Told) -> str:
    last = told.last
    more = f"{len(told.items)} due times, the last " if len(told.items) > 1 else ""
    due = f"{more}{last.due_date} {at(last)}, for {last.business_date}"
    if last.completed_at is None:
        return f"{due}: {missing(last)}"
    return f"{due}: {f'{span(last.late_seconds)} late' if last.late_seconds else 'in time'}"


def _rest(event: str, all_told: Sequence[Told], context: Context) -> tuple[str, str, str]:
    """WHY, NEXT and DO."""
    if event == "sla_recovered":
        within = sum(told.last.status == "MET" for told in all_told)
        return f"{within} of them came within their grace.", "Nothing more about these due times.", "Nothing."
    reason = why_of_server(all_told, context)
    if event == "sla_due":
        rest = min(int((told.last.deadline - context.now).total_seconds()) for told in all_told)
        return (
            reason,
            f"They are looked for every 15 minutes. The first SLA is breached in {span(rest)}. You are told then, and "
            "when they come.",
            "Nothing yet, if you can wait for the grace.",
        )
    run = json.dumps({"trigger": "by_hand", "feeds": [told.feed.feed_id for told in all_told]})
    return (
        reason,
        "Each run polls the server as before, and you are told when they are complete. This mail comes once.",
        "Look for failure mails of these feeds and mend what they name. If there is none, ask the partner. To poll at "
        f"once:\naws stepfunctions start-execution --state-machine-arn {context.state_machine} --input '{run}'",
    )
