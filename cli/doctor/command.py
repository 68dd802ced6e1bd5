"""Looks at one thing after the other; what cannot be looked at is a finding as well."""

from collections.abc import Callable, Iterator
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.aws_problems import words_of
from cli.calling import Call, command
from cli.doctor import account, of_feeds, of_lake, of_stack
from cli.doctor.finding import FAIL, LOOK, OK, WARN, Finding
from cli.doctor.first.step import Step
from cli.doctor.first.steps import STEPS
from cli.problems import DONE, FAILED, CommandError, WrongUseError
from cli.stack import Stack
from lakeferry.counting import count_of

Look = Callable[[Call, Stack], Iterator[Finding]]
_SIGNS = {OK: "ok  ", WARN: "warn", FAIL: "FAIL", LOOK: "look"}
_COLOURS = {OK: "green", WARN: "yellow", FAIL: "red", LOOK: "blue"}
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


def doctor(
    call: Call,
    first: Annotated[
        bool,
        typer.Option("--first", help="After a first deployment: twenty things to look at (docs/first-deployment.md)."),
    ] = False,
) -> int:
    """Look at all that a stack, or a lake, needs: each ok, warn or fail, with what to do."""
    if first and call.lake is not None:
        raise WrongUseError("--first is about a deployment in AWS; a lake has none.")
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
                if first:
                    for finding in _first(call, stack):
                        tell(finding)
                for look in () if first else ON_A_LAPTOP if call.lake is not None else IN_AWS:
                    for finding in _guarded(call, stack, look):
                        tell(finding)
        except CommandError as error:
            tell(Finding("stack", FAIL, str(error), "name the stack: --stack, --region, --profile"))
    counts = {status: sum(finding.status == status for finding in found) for status in _SIGNS}
    yours = f", {counts[LOOK]} for you to look at" if counts[LOOK] else ""
    call.out.say(f"\n{counts[OK]} ok, {count_of(counts[WARN], 'warning')}, {counts[FAIL]} failed{yours}")
    return FAILED if counts[FAIL] else DONE


def _first(call: Call, stack: Stack) -> Iterator[Finding]:
    """Each step by its number: what was found, or what a person has to look at, and the command that shows it."""
    names = {**stack.names, "stack": stack.name}
    for number, step in enumerate(STEPS, 1):
        shown = f"{step.filled(names)}\n      should print: {step.prints_filled(names)}"
        if not step.looks:
            yield Finding(f"{number}. {step.title}", LOOK, step.why, shown)
        for finding in _of_step(call, stack, step):
            do = finding.do if finding.status == OK else f"{finding.do}\n      shown by: {shown}"
            yield Finding(f"{number}. {finding.check}", finding.status, finding.told, do)


def _of_step(call: Call, stack: Stack, step: Step) -> Iterator[Finding]:
    for look in step.looks:
        yield from _guarded(call, stack, look)


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
