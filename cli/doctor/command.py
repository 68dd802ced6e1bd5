"""Looks at one thing after the other; what cannot be looked at is a finding as well."""

from collections.abc import Callable, Iterator

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.aws_problems import words_of
from cli.calling import Call, command
from cli.doctor import account, of_feeds, of_lake, of_stack
from cli.doctor.finding import FAIL, OK, WARN, Finding
from cli.problems import DONE, FAILED, CommandError
from cli.stack import Stack
from lakeferry.counting import count_of

Look = Callable[[Call, Stack], Iterator[Finding]]
_SIGNS = {OK: "ok  ", WARN: "warn", FAIL: "FAIL"}
_COLOURS = {OK: "green", WARN: "yellow", FAIL: "red"}
IN_AWS: tuple[Look, ...] = (
    *(account.clock, of_stack.health, of_stack.schedule, of_stack.last_run, of_stack.alarms),
    *(of_stack.subscriptions, of_stack.dead_letters, of_feeds.documents, of_feeds.polls, of_feeds.secrets),
    account.quotas,
)
ON_A_LAPTOP: tuple[Look, ...] = (
    *(of_lake.packages, of_lake.space, of_lake.last_run, of_feeds.documents, of_feeds.polls, of_lake.secrets),
)


def declare(app: typer.Typer) -> None:
    """Adds it to the commands."""
    command(app, "doctor")(doctor)


def doctor(call: Call) -> int:
    """Look at all that a stack, or a lake, needs: each ok, warn or fail, with what to do."""
    found: list[Finding] = []

    def tell(finding: Finding) -> None:
        found.append(finding)
        _tell(call, finding)

    if call.lake is None:
        for finding in account.credentials(call):
            tell(finding)
    if not any(finding.status == FAIL for finding in found):
        try:
            with call.stack() as stack:
                for look in ON_A_LAPTOP if call.lake is not None else IN_AWS:
                    for finding in _guarded(call, stack, look):
                        tell(finding)
        except CommandError as error:
            tell(Finding("stack", FAIL, str(error), "name the stack: --stack, --region, --profile"))
    counts = {status: sum(finding.status == status for finding in found) for status in (OK, WARN, FAIL)}
    call.out.say(f"\n{counts[OK]} ok, {count_of(counts[WARN], 'warning')}, {counts[FAIL]} failed")
    return FAILED if counts[FAIL] else DONE


def _guarded(call: Call, stack: Stack, look: Look) -> Iterator[Finding]:
    name = look.__name__.replace("_", " ")
    try:
        yield from look(call, stack)
    except (ClientError, BotoCoreError) as error:
        yield Finding(name, WARN, f"cannot be looked at: {words_of(error)}", "give these credentials the permission")


def _tell(call: Call, finding: Finding) -> None:
    if call.out.as_json:
        call.out.data(finding.to_json())
        return
    do = f"\n      -> {finding.do}" if finding.do else ""
    sign = _SIGNS[finding.status]
    if call.out.is_terminal:
        from rich.console import Console
        from rich.text import Text

        line = Text.assemble((sign, _COLOURS[finding.status]), f"  {finding.check}: {finding.told}{do}")
        Console(highlight=False).print(line)
        return
    call.out.say(f"{sign}  {finding.check}: {finding.told}{do}")
