"""The way to AWS: credentials, the clock, quotas of the account."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cli.aws_problems import words_of
from cli.calling import Call
from cli.doctor.finding import FAIL, OK, WARN, Finding
from cli.stack import Stack

_SKEW_WARN, _SKEW_FAIL = 30, 240
"""Seconds; AWS refuses requests that are signed five minutes off (Signature Version 4)."""
_FEW = 200
"""Calls of functions at a time. A run of many feeds has a hundred; a new account has ten ("Lambda quotas")."""


def credentials(call: Call) -> Iterator[Finding]:
    """Whose they are."""
    try:
        session = boto3.Session(profile_name=call.profile, region_name=call.region)
        found = session.client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        yield Finding("credentials", FAIL, words_of(error), "log in: aws sso login, or aws configure")
        return
    yield Finding("credentials", OK, f"{found['Arn']} in account {found['Account']}, {session.region_name}")


def clock(call: Call, stack: Stack) -> Iterator[Finding]:
    """This machine's, beside AWS's."""
    answer = stack.client("sts").get_caller_identity()
    header = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if not header:
        return
    skew = (datetime.now(UTC) - parsedate_to_datetime(header)).total_seconds()
    status = OK if abs(skew) < _SKEW_WARN else WARN if abs(skew) < _SKEW_FAIL else FAIL
    do = "" if status == OK else "set this machine's clock (NTP): AWS refuses requests that are five minutes off"
    yield Finding("clock", status, f"{skew:+.0f} s beside AWS's", do)


def quotas(call: Call, stack: Stack) -> Iterator[Finding]:
    """How many functions may run at a time."""
    limit = stack.client("lambda").get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    few = limit < _FEW
    do = "ask for more: Service Quotas, AWS Lambda, Concurrent executions" if few else ""
    yield Finding("quotas", WARN if few else OK, f"{limit:,} functions at a time", do)
