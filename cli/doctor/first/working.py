"""Whether it does what it is there for."""

import time
from collections.abc import Iterator

from cli.calling import Call
from cli.doctor.finding import FAIL, OK, WARN, Finding
from cli.doctor.first.resources import judged
from cli.problems import CommandError
from cli.stack import Stack
from lakeferry.counting import count_of
from lakeferry.mails.alarms import CARDS


def first_call(call: Call, stack: Stack) -> Iterator[Finding]:
    """A function that reads feeds, ledger and queue, and changes nothing: its role, its key, its bundle."""
    began = time.monotonic()
    try:
        answer = stack.invoke("ReprocessFunction", {"all": True, "dry_run": True})
    except CommandError as error:
        do = f"read its log lines: aws logs tail {stack.physical('FunctionLogGroup')} --since 10m"
        yield Finding("first call", FAIL, f"reprocess: {error}", do)
        return
    told = f"reprocess answers in {time.monotonic() - began:.1f} s: {count_of(len(answer['open']), 'thing')} open"
    yield Finding("first call", OK, told)


def alarms_there(call: Call, stack: Stack) -> Iterator[Finding]:
    """That none is missing, or cannot act."""
    pages = stack.client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack.name}/")
    found = {one["AlarmName"].rpartition("/")[2]: one for page in pages for one in page["MetricAlarms"]}
    odd = [f"{name} is not there" for name in CARDS if name not in found]
    odd += [f"{name} has its actions switched off" for name, one in found.items() if not one["ActionsEnabled"]]
    do = "deploy again; aws cloudwatch enable-alarm-actions --alarm-names NAME"
    yield from judged("alarms there", odd, f"all {len(CARDS)}", do)


def first_files(call: Call, stack: Stack) -> Iterator[Finding]:
    """What the last run's files came to."""
    latest = stack.runs(1)
    if not latest:
        return  # a finding of its own
    statuses = [str(one.get("status")) for one in stack.ledger.of_run(latest[0].arn, ["status"])]
    failed = sum(status == "FAILED" for status in statuses)
    if failed:
        told = f"{failed} of its {count_of(len(statuses), 'file')} failed"
        yield Finding("files", WARN, told, f"see why: lakeferry failures {call.where}")
    elif statuses:
        curated = sum(status == "CURATED" for status in statuses)
        yield Finding("files", OK, f"{curated} of its {count_of(len(statuses), 'file')} curated")
    else:
        yield Finding("files", WARN, "it took no file", "have a partner deliver one, and run: lakeferry run --follow")
