"""Commands that mails ask people to type, as they can be typed."""

import json
import shlex
from collections.abc import Sequence

from lakeferry.models import report_link, run_id_of, stack_of


def reprocess(what: str, run: str) -> str:
    """Takes something again that failed.

    Args:
        what: Options that choose it, such as `--runs`.
        run: ARN of a run of the stack.
    """
    return f"./lakeferry reprocess {what} --stack {stack_of(run)} --yes"


def feeds_command(name: str, feed_id: str, options: str, run: str) -> str:
    """Does something with one feed's document.

    Args:
        name: Of the command under `feeds`.
        run: ARN of a run of the stack.
    """
    return f"./lakeferry feeds {name} {shlex.quote(feed_id)} {options} --stack {stack_of(run)} --yes"


def open_report(run: str, tenant: str = "") -> str:
    """Opens the report of a run, or of a tenant's part of it."""
    whose = f" --tenant {shlex.quote(tenant)}" if tenant else ""
    return f"./lakeferry runs report {shlex.quote(run_id_of(run))}{whose} --open --stack {stack_of(run)}"


def report_at(run: str, bucket: str, tenant: str = "") -> str:
    """Where a mail's reader finds the report of the run, which is written when the run has ended.

    Args:
        bucket: Of the lake.
        tenant: Of a mail about its feeds; empty where the mail is about the whole run.
    """
    return f"Once the run has ended: {report_link(run, bucket, tenant)}\nOr: {open_report(run, tenant)}"


def poll_now(feed_ids: Sequence[str], state_machine: str) -> str:
    """Starts a run of these feeds."""
    given = json.dumps({"trigger": "by_hand", "feeds": list(feed_ids)})
    return f"aws stepfunctions start-execution --state-machine-arn {state_machine} --input '{given}'"


def list_runs(state_machine: str) -> str:
    """Lists the last runs."""
    return f"aws stepfunctions list-executions --state-machine-arn {state_machine} --max-results 5"


def approve(tenant: str, addresses: Sequence[str], where: str) -> str:
    """Lets mail addresses get the mails of a tenant's feeds; whatever stands where an address should is quoted.

    Args:
        where: Options that say which stack this is.
    """
    return f"./lakeferry addresses approve {shlex.quote(tenant)} {shlex.join(addresses)} {where}"
