"""`lakeferry run`: starts a run and, on a lake or with --follow, stays until it has ended."""

from typing import Annotated

import typer

from cli.calling import Call, command
from cli.names import feed_of
from cli.problems import DONE, CommandError, WrongUseError
from cli.run.documents import documents_of, enabled, start_input
from cli.run.telling import watch
from cli.stack import Stack


def declare(app: typer.Typer) -> None:
    """Adds it to the commands."""
    command(app, "run")(run)


def run(
    call: Call,
    feeds: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FEED]...",
            help="tenant/feed; with --lake also feed documents (YAML), or a folder of them, which are put first. "
            "None: all that are enabled.",
        ),
    ] = None,
    follow_it: Annotated[
        bool, typer.Option("--follow", "-f", help="Watch the run until it has ended; with --lake always so.")
    ] = False,
) -> int:
    """Run feeds now, whether they are due or not: poll, fetch, check, curate."""
    if call.lake is not None:
        from cli.run.local import run_lake

        return run_lake(call, feeds or [])
    with call.stack() as stack:
        names = _stored(stack, feeds or [])
        answer = stack.client("stepfunctions").start_execution(
            stateMachineArn=stack.physical("IngestStateMachine"), input=start_input(names)
        )
        started = stack.run(answer["executionArn"])
        if started is None:
            raise CommandError("Step Functions does not know the run that it started; see: lakeferry runs")
        if not follow_it:
            call.out.data({"run": started.name, "arn": started.arn, "feeds": names, "status": started.status})
            call.out.say(
                f"started {started.name}. To watch it: lakeferry runs show {started.name} --follow {call.where}"
            )
            return DONE
        return watch(call, stack, started, names)


def _stored(stack: Stack, names: list[str]) -> list[str]:
    documents, rest = documents_of(names)
    if documents:
        path = documents[0][0]
        raise WrongUseError(f"{path} is a document: put it first (lakeferry feeds put {path}), then name its feed.")
    return [feed_of(stack, name) for name in rest] or enabled(stack)
