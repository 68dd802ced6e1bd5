"""Mails about several feeds of one tenant on one server: one dead server is one mail, with a line a feed."""

from collections.abc import Sequence

from lakeferry.mails.commands import poll_now
from lakeferry.mails.mail import Mail, compose
from lakeferry.mails.sla import at, missing
from lakeferry.mails.sla_reasons import Context, Reported, why_of_server
from lakeferry.mails.text import cut
from lakeferry.sla.items import span

MOST_FEEDS = 100
"""In one mail. Lines and attributes of so many, at their longest, are half of the 256 KB that a message may have with
its attributes ("Amazon SNS message attributes", Amazon SNS Developer Guide)."""
_LINE = 300
"""Characters."""


def server_mail(event: str, feeds: Sequence[Reported], context: Context) -> Mail:
    """One mail about at least two feeds."""
    first = feeds[0].feed
    count, server = len(feeds), f"{first.server.host}:{first.server.port}"
    severity, subject, what = _SAYS[event]
    lines = "\n".join(cut(f"- {one.feed.feed_id}: {_line(one)}", _LINE) for one in feeds)
    return Mail(
        event,
        severity,
        f"{first.tenant}: {count} feeds {subject} ({server})",
        compose(f"{count} feeds of {first.tenant} on {server} {what}:\n{lines}", *_rest(event, feeds, context)),
        tenant=first.tenant,
        feeds=tuple(one.feed.feed for one in feeds),
    )


_SAYS = {
    "sla_due": ("warning", "due, not here yet", "were due and are not complete"),
    "sla_breached": ("error", "late", "are late"),
    "sla_recovered": ("info", "complete", "are complete"),
}
"""Severity, and what subject and text say."""


def _line(one: Reported) -> str:
    last = one.last
    more = f"{len(one.items)} due times, the last " if len(one.items) > 1 else ""
    due = f"{more}{last.due_date} {at(last)}, for {last.business_date}"
    if last.completed_at is None:
        return f"{due}: {missing(last)}"
    return f"{due}: {f'{span(last.late_seconds)} late' if last.late_seconds else 'in time'}"


def _rest(event: str, feeds: Sequence[Reported], context: Context) -> tuple[str, str, str]:
    """WHY, NEXT and DO."""
    if event == "sla_recovered":
        within = sum(one.last.status == "MET" for one in feeds)
        return f"{within} of them came within their grace periods.", "Nothing more about these due times.", "Nothing."
    reason = why_of_server(feeds, context)
    if event == "sla_due":
        rest = min(int((one.last.deadline - context.now).total_seconds()) for one in feeds)
        return (
            reason,
            f"Lakeferry checks every 15 minutes. The first SLA is breached in {span(rest)}. You get a mail if that "
            "happens, and another when they are complete.",
            "Nothing yet, unless you cannot wait for the grace periods to end.",
        )
    command = poll_now([one.feed.feed_id for one in feeds], context.state_machine)
    return (
        reason,
        "Each run polls the server as before. You get a mail when they are complete. You will not get this mail again.",
        "Find these feeds' failure mails and fix what they report. If there are none, ask the partner. To poll at "
        f"once:\n{command}",
    )
