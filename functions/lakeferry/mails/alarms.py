"""Mails about the alarms of `monitoring.yaml`: a card each, by the alarm's name there, as in docs/runbook.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from lakeferry.mails.mail import Mail, compose
from lakeferry.mails.text import excerpt, one_line
from lakeferry.models import CONSOLES

_REASON = 1_000
"""Characters of what CloudWatch gives as the reason."""
_RETRIED = "The next call tries again. You get another mail when calls succeed."
_GOES_ON = "The pipeline goes on. You get another mail when this is over."


@dataclass(frozen=True, slots=True)
class Card:
    """What an alarm means.

    Attributes:
        subject: What is wrong, in a few words.
        do: `{stack}` stands for the stack's name.
        is_silence: It is raised where data stops: where there was none yet, nothing is missed.
        is_plain: It is about the way that these mails take, so CloudWatch publishes it itself, and no mail is made.
    """

    severity: str
    subject: str
    what: str
    then: str = _GOES_ON
    do: str = ""
    is_silence: bool = False
    is_plain: bool = False


def _silence(function: str, what: str) -> Card:
    return Card(
        "error",
        f"{function} does not run",
        f"Function {function} is not called any more: {what}",
        "Nothing, until it is called again. You get another mail then.",
        f"Look whether its rule is enabled, and what waits in the undelivered queue. To call it by hand: "
        f"aws lambda invoke --function-name NAME out.json, with the name of {function} in the stack's resources.",
        is_silence=True,
    )


def _failure(severity: str, function: str, what: str) -> Card:
    return Card(
        severity,
        f"{function} failed",
        f"Function {function} failed: {what}",
        _RETRIED,
        "Read its log lines of that time (level ERROR) and fix what they name.",
    )


def _plain(subject: str) -> Card:
    return Card("error", subject, subject, is_plain=True)


CARDS: Mapping[str, Card] = {
    "RunMissingAlarm": Card(
        "critical",
        "a scheduled run did not start",
        "A run was due by the schedule, and an hour later none had started.",
        "The next scheduled run takes what is waiting. Files stay on the servers until they are fetched.",
        "Look whether the rule that starts runs is enabled, and what its dead letters in the undelivered queue say. "
        "Start a run by hand: ./lakeferry run --follow --stack {stack}",
    ),
    "JobFailedAlarm": Card(
        "error",
        "the Glue job failed",
        "The Glue job failed, and its run with it; the run's own mail has the error.",
        "What is in the raw zone waits for the next run's job.",
        "Open the job's run in the Glue console: its error log has the cause. "
        "./lakeferry failures --stack {stack} lists what is open.",
    ),
    "DeadLetterAlarm": Card(
        "warning",
        "messages wait in the dead-letter queue",
        "Failed files, feeds or runs wait in the dead-letter queue. Each was reported by a mail of its own.",
        "What failed for a passing reason is retried every 15 minutes. You get another mail when the queue is empty.",
        "./lakeferry failures --stack {stack} lists them, each with its cause and what to do.",
    ),
    "DeadLetterOldAlarm": Card(
        "error",
        "a message is nearly 14 days old",
        "The oldest message of the dead-letter queue or of the undelivered queue is over 12 days old.",
        "SQS deletes it after 14 days. The ledger keeps failed files and feeds: ./lakeferry reprocess finds them.",
        "Take it again (./lakeferry failures --stack {stack}) or, in the undelivered queue, read it and delete it.",
    ),
    "CheckSlaFailedAlarm": _failure("error", "check_sla", "late files may go unreported."),
    "CheckSlaMissingAlarm": _silence("check_sla", "late files and a silent pipeline go unreported."),
    "ReprocessFailedAlarm": _failure("error", "reprocess", "files and feeds that failed may not be retried."),
    "ReprocessMissingAlarm": _silence("reprocess", "nothing that failed is retried by itself."),
    "SubscribeFailedAlarm": _failure(
        "warning", "subscribe", "mail subscriptions may not follow the feeds' notify.emails."
    ),
    "SubscribeMissingAlarm": _silence("subscribe", "mail subscriptions do not follow the feeds' notify.emails."),
    "ExportSlaMissingAlarm": _silence("export_sla", "the table sla in the lake is not kept up to date."),
    "FunctionFailedAlarm": _failure(
        "warning",
        "describe, export_ledger, export_sla, report_run, emit or retain",
        "a failure's mail was a plain one, the table ledger or sla in the lake lacks something, a run has no report, "
        "events come later, or what feeds do not keep any longer is still there.",
    ),
    "RunThrottledAlarm": Card(
        "warning",
        "functions of the runs are throttled",
        "Lambda refused calls of the functions that a run consists of, since too many ran at once.",
        "Step Functions calls them again: the run takes longer, and nothing is lost.",
        "Lower MaxConnectionsPerServer or spread schedules, or ask for a higher quota (Lambda, Concurrent executions).",
    ),
    "ThrottledAlarm": Card(
        "warning",
        "functions beside the runs are throttled",
        "Lambda refused calls of check_sla, reprocess, notify or another function that rules call.",
        "Lambda calls them again for up to 6 hours.",
        "Look what else uses the account's concurrency, or ask for a higher quota (Lambda, Concurrent executions).",
    ),
    "ConcurrencyAlarm": Card(
        "warning",
        "Lambda's concurrency is nearly used up",
        "Over four fifths of the concurrent executions of this account and region are taken, by whatever runs in it.",
        "At the quota Lambda refuses calls; runs wait then and take longer.",
        "Ask for a higher quota (Lambda, Concurrent executions). If the quota is not what AccountConcurrency says, "
        "deploy with the right number.",
    ),
    "LedgerThrottledAlarm": Card(
        "warning",
        "writes to the ledger are throttled",
        "DynamoDB refused writes to the ledger table or one of its indexes.",
        "They are repeated, and a step that fails for it is retried. Nothing is lost.",
        "It ends by itself while an on-demand table grows. If it lasts, look at the table's metrics by index, and "
        "raise its throughput limits.",
    ),
    "DeliveryFailedAlarm": Card(
        "warning",
        "SNS could not deliver a message",
        "A subscription of the topic did not take a message; others had it.",
        "SNS gives up on that one message after its retries.",
        "List the topic's subscriptions: one may have an address that does not exist, or an endpoint that is gone.",
    ),
    "LineageWaitingAlarm": Card(
        "warning",
        "OpenLineage's endpoint does not take run events",
        "The endpoint of OpenLineageUrl has not taken all run events for half an hour.",
        "They wait in the work bucket for 30 days and are posted once it answers; nothing else waits for them.",
        'Read the log lines of function emit that begin with "lineage waits": they say what the endpoint answers.',
    ),
    "RuleFailedAlarm": Card(
        "error",
        "EventBridge could not start something",
        "EventBridge could not start a run, or call a function by its schedule or event.",
        "The event lies in the undelivered queue; the next scheduled one comes as usual.",
        "Read the message's attributes ERROR_CODE and ERROR_MESSAGE in the undelivered queue: mostly a permission that "
        "was taken away, or a target that was deleted.",
    ),
    "MailRuleFailedAlarm": _plain("EventBridge could not hand on a failure or an alarm"),
    "NotifyFailedAlarm": _plain("notify failed"),
    "UndeliveredAlarm": _plain("calls or events arrived nowhere"),
}
"""By the logical id in `monitoring.yaml`, which is the name's last part."""


def alarm_changed(event: Mapping[str, Any]) -> Mail | None:
    """The mail about an alarm that was raised or is over; None where there is nothing to tell.

    Args:
        event: EventBridge's "CloudWatch Alarm State Change" ("Alarm events and EventBridge", CloudWatch User Guide).
    """
    detail = event["detail"]
    state, before = detail["state"], detail.get("previousState") or {}
    stack, _, name = str(detail["alarmName"]).rpartition("/")
    about = one_line(str((detail.get("configuration") or {}).get("description") or name))
    card = CARDS.get(name) or Card("warning", name, about, do=f"See docs/runbook.md#{name.lower()}.")
    if card.is_plain:
        return None
    was_unchecked = str(before.get("reason", "Unchecked")).startswith("Unchecked")
    silent = {"INSUFFICIENT_DATA"} if card.is_silence and not was_unchecked else set()
    reason = excerpt(str(state.get("reason") or "CloudWatch gave no reason."), _REASON)
    link = _link(event["resources"][0])
    page = f"More: docs/runbook.md#{name.lower()}"
    if state["value"] in {"ALARM"} | silent and before.get("value") != state["value"]:
        parts = (card.what, reason, card.then, f"{card.do.replace('{stack}', stack)}\n{page}")
        return Mail("alarm_raised", card.severity, f"alarm: {card.subject}", compose(*parts, link))
    if state["value"] == "OK" and before.get("value") in {"ALARM"} | silent:
        parts = (f"Alarm {name} is over: {card.subject}.", reason, "CloudWatch goes on watching.", "Nothing.")
        return Mail("alarm_ended", "info", f"alarm over: {card.subject}", compose(*parts, link))
    return None


def is_raised(alarm: Mapping[str, Any]) -> bool:
    """Whether an alarm, as DescribeAlarms has it, is raised."""
    card = CARDS.get(str(alarm["AlarmName"]).rpartition("/")[2])
    is_silent = alarm["StateValue"] == "INSUFFICIENT_DATA" and not str(alarm.get("StateReason", "")).startswith(
        "Unchecked"
    )
    return alarm["StateValue"] == "ALARM" or (card is not None and card.is_silence and is_silent)


def _link(arn: str) -> str:
    _, partition, _, region, _, _, name = arn.split(":", 6)
    console = CONSOLES.get(partition, CONSOLES["aws"])
    return f"https://{region}.{console}/cloudwatch/home?region={region}#alarmsV2:alarm/{quote(name, safe='')}"


ALARM_PLAIN = (
    "WHAT  Alarm <name> is <state>: <about>",
    "WHY  CloudWatch shows its metric. The mail about it could not be made: see the log lines of function notify.",
    "NEXT  CloudWatch goes on watching.",
    "DO  What docs/runbook.md says under the alarm's name.",
)
"""Lines of the mail that EventBridge fills in itself when function `notify` failed (template.yaml)."""
