"""Mails about what a feed promised, and about a pipeline that is silent."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from lakeferry.counting import count_of
from lakeferry.feeds import Feed
from lakeferry.mails.commands import list_runs, poll_now
from lakeferry.mails.mail import Mail, compose
from lakeferry.mails.sla_reasons import Context, Reported, local, why
from lakeferry.mails.text import one_line
from lakeferry.sla.items import SlaItem, span

_LISTED = 20
"""Due times a mail lists before it counts the rest."""


def due_mail(one: Reported, context: Context) -> Mail:
    """It is time, and the files are not there."""
    feed, items, last = one.feed, one.items, one.last
    rest = int((last.deadline - context.now).total_seconds())
    return _mail(
        feed,
        "sla_due",
        "warning",
        f"due at {at(last)}, not here yet",
        f"{feed.feed_id} was due on {last.due_date} at {at(last)} and is not complete: {missing(last)}.{_list(items)}",
        why(one, context),
        f"Lakeferry checks every 15 minutes. If it is not complete in {span(rest)}, the SLA is breached. You get a "
        "mail if that happens, and another when it is complete.",
        "Nothing yet, unless you cannot wait for the grace period to end.",
    )


def breach_mail(one: Reported, context: Context) -> Mail:
    """The grace period is over, too; or several of them while nobody looked."""
    feed, items, last = one.feed, one.items, one.last
    if len(items) == 1:
        subject = f"late since {at(last)}"
        what = f"{feed.feed_id} for {last.business_date} is late since {last.due_date} {at(last)}: {missing(last)}."
    else:
        subject = f"{len(items)} due times missed, the last {at(last)}"
        what = f"{feed.feed_id} missed {len(items)} due times.{_list(items)}"
    return _mail(
        feed,
        "sla_breached",
        "error",
        subject,
        what,
        why(one, context),
        "Each run polls the server as before. You get a mail when it is complete. You will not get this mail again.",
        "Find this feed's failure mail and fix what it reports. If there is none, ask the partner where "
        f"{'it is' if len(items) == 1 else 'they are'}. To poll at once:\n"
        f"{poll_now([feed.feed_id], context.state_machine)}",
    )


def recovery_mail(one: Reported, context: Context) -> Mail:
    """What somebody waited for is there; or came late while nobody looked."""
    feed, items, last = one.feed, one.items, one.last
    if last.late_seconds:
        subject = f"complete, {span(last.late_seconds)} after {at(last)}"
        how = f"{span(last.late_seconds)} after it was due at {at(last)}"
    else:
        subject = f"complete, in time for {at(last)}"
        how = f"in time for {at(last)}; the alarm was raised before its arrival was seen"
    completed = "" if last.completed_at is None else f" since {local(last.completed_at, last)}"
    promise = (
        "within the grace period: the SLA is met"
        if last.status == "MET"
        else "after the grace period: the SLA was breached"
    )
    return _mail(
        feed,
        "sla_recovered",
        "info",
        subject,
        f"{feed.feed_id} for {last.business_date} is complete{completed}, {how}.{_list(items)}",
        f"{count_of(last.arrived, 'file')} {'is' if last.arrived == 1 else 'are'} in the lake, {promise}.",
        "Nothing more about this due time.",
        "Nothing.",
    )


def silence_mail(silent: timedelta, last_finished: datetime | None, newest: str, state_machine: str) -> Mail:
    """Runs do not finish."""
    since = "so far" if last_finished is None else f"since {last_finished:%Y-%m-%d %H:%M} UTC"
    return Mail(
        "pipeline_silent",
        "critical",
        f"pipeline: no run finished for {span(int(silent.total_seconds()))}",
        compose(
            f"No run of the pipeline has SUCCEEDED {since}. Files of all feeds may be late.",
            newest,
            "The hourly rule starts runs as before, and feeds that are late have mails of their own. You get a mail "
            "when a run succeeds. You will not get this mail again.",
            "Open the state machine's executions in the Step Functions console and fix what they show. If none was "
            f"started, check that the rule is enabled. To see the last ones:\n{list_runs(state_machine)}",
        ),
    )


def pipeline_recovery_mail(silent: timedelta, finished: datetime) -> Mail:
    """Runs finish again."""
    return Mail(
        "pipeline_recovered",
        "info",
        f"pipeline: runs finish again, after {span(int(silent.total_seconds()))}",
        compose(
            f"A run SUCCEEDED at {finished:%Y-%m-%d %H:%M} UTC, the first for {span(int(silent.total_seconds()))}.",
            "The problem was fixed or went away.",
            "Runs take what was waiting on the servers.",
            "Nothing.",
        ),
    )


def _mail(feed: Feed, event: str, severity: str, subject: str, *parts: str) -> Mail:
    return Mail(
        event,
        severity,
        f"{feed.feed_id}: {subject}",
        compose(*parts),
        tenant=feed.tenant,
        feeds=(feed.feed,),
    )


def at(item: SlaItem) -> str:
    """A due time as the feed's document has it."""
    return f"{item.expected_by} ({item.timezone})"


def missing(item: SlaItem) -> str:
    """What is not there."""
    return (
        "missing " + one_line(", ".join(item.missing[:_LISTED])) + (f"; {item.arrived} there" if item.arrived else "")
    )


def _list(items: Sequence[SlaItem]) -> str:
    if len(items) == 1:
        return ""
    lines = [f"- {item.due_date} {item.expected_by}, for {item.business_date}: {_standing(item)}" for item in items]
    if len(lines) > _LISTED:
        lines = [
            f"- {len(lines) - _LISTED} earlier ones (./lakeferry sla list --feed {items[0].feed_id} has all)",
            *lines[-_LISTED:],
        ]
    return "\n" + "\n".join(lines)


def _standing(item: SlaItem) -> str:
    return f"{span(item.late_seconds)} late" if item.completed_at else missing(item)
