"""What a person reads: WHAT, WHY, NEXT, DO."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from check_sla.publish import Mail
from check_sla.reasons import Context, Told, local, why
from lakeferry.feeds import Feed
from lakeferry.sla.items import SlaItem, span

_LISTED = 20
"""Due times a mail lists before it counts the rest."""


def due_mail(told: Told, context: Context) -> Mail:
    """It is time, and the files are not there."""
    feed, items, last = told.feed, told.items, told.last
    rest = int((last.deadline - context.now).total_seconds())
    return _mail(
        feed,
        "sla_due",
        "warning",
        f"due at {at(last)}, not here yet",
        f"{feed.feed_id} was due on {last.due_date} at {at(last)} and is not complete: {missing(last)}.{_list(items)}",
        why(told, context),
        f"It is looked for every 15 minutes. If it is not complete in {span(rest)} more, the SLA is breached. You are "
        "told then, and when it comes.",
        "Nothing yet, if you can wait for the grace.",
    )


def breach_mail(told: Told, context: Context) -> Mail:
    """The grace is over, too; or several of them while nobody looked."""
    feed, items, last = told.feed, told.items, told.last
    if len(items) == 1:
        subject = f"late since {at(last)}"
        what = f"{feed.feed_id} for {last.business_date} is late since {last.due_date} {at(last)}: {missing(last)}."
    else:
        subject = f"{len(items)} due times missed, the last {at(last)}"
        what = f"{len(items)} due times of {feed.feed_id} went by without their files.{_list(items)}"
    command = (
        f"aws stepfunctions start-execution --state-machine-arn {context.state_machine} "
        f'--input \'{{"trigger": "by_hand", "feeds": ["{feed.feed_id}"]}}\''
    )
    return _mail(
        feed,
        "sla_breached",
        "error",
        subject,
        what,
        why(told, context),
        "Each run polls the server as before, and you are told when it is complete. This mail comes once.",
        "Look for a failure mail of this feed and mend what it names. If there is none, ask the partner where "
        f"{'it is' if len(items) == 1 else 'they are'}. To poll at once:\n{command}",
    )


def recovery_mail(told: Told, context: Context) -> Mail:
    """What somebody waited for is there; or came late while nobody looked."""
    feed, items, last = told.feed, told.items, told.last
    if last.late_seconds:
        subject = f"complete, {span(last.late_seconds)} after {at(last)}"
        how = f"{span(last.late_seconds)} after it was due at {at(last)}"
    else:
        subject = f"complete, in time for {at(last)}"
        how = f"in time for {at(last)}; the alarm came before its arrival could be seen"
    completed = "" if last.completed_at is None else f" since {local(last.completed_at, last)}"
    promise = "within the grace: the SLA is met" if last.status == "MET" else "after the grace: the SLA was breached"
    return _mail(
        feed,
        "sla_recovered",
        "info",
        subject,
        f"{feed.feed_id} for {last.business_date} is complete{completed}, {how}.{_list(items)}",
        f"{last.arrived} file{'s are' if last.arrived != 1 else ' is'} in the lake, {promise}.",
        "Nothing more about this due time.",
        "Nothing.",
    )


def silence_mail(silent: timedelta, last_finished: datetime | None, newest: str, state_machine: str) -> Mail:
    """Runs do not finish."""
    since = "so far" if last_finished is None else f"since {last_finished:%Y-%m-%d %H:%M} UTC"
    return Mail(
        "pipeline_silent",
        "critical",
        f"[Lakeferry] pipeline: no run finished for {span(int(silent.total_seconds()))}",
        message(
            f"No run of the pipeline has SUCCEEDED {since}. Files of all feeds may be late.",
            newest,
            "The hourly rule starts runs as before, and feeds that are late have mails of their own. When a run "
            "succeeds, you are told. This mail comes once.",
            "Open the state machine's executions in the Step Functions console and mend what they show. If none was "
            "started, look whether the rule is enabled. To see the last ones:\n"
            f"aws stepfunctions list-executions --state-machine-arn {state_machine} --max-results 5",
        ),
    )


def pipeline_recovery_mail(silent: timedelta, finished: datetime) -> Mail:
    """Runs finish again."""
    return Mail(
        "pipeline_recovered",
        "info",
        f"[Lakeferry] pipeline: runs finish again, after {span(int(silent.total_seconds()))}",
        message(
            f"A run SUCCEEDED at {finished:%Y-%m-%d %H:%M} UTC, the first for {span(int(silent.total_seconds()))}.",
            "What was wrong is mended, or has passed.",
            "Runs take what has waited on the servers.",
            "Nothing.",
        ),
    )


def _mail(feed: Feed, event: str, severity: str, subject: str, *parts: str) -> Mail:
    return Mail(
        event,
        severity,
        f"[Lakeferry] {feed.feed_id}: {subject}",
        message(*parts),
        tenant=feed.tenant,
        feeds=(feed.feed,),
    )


def message(what: str, reason: str, then: str, do: str) -> str:
    """The form of every mail."""
    return f"WHAT  {what}\n\nWHY  {reason}\n\nNEXT  {then}\n\nDO  {do}"


def at(item: SlaItem) -> str:
    """A due time as the feed's document has it."""
    return f"{item.expected_by} ({item.timezone})"


def missing(item: SlaItem) -> str:
    """What is not there."""
    return "missing " + ", ".join(item.missing[:_LISTED]) + (f"; {item.arrived} there" if item.arrived else "")


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
