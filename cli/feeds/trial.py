"""`lakeferry feeds test`: a feed tried against its server; nothing is written, moved or claimed."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from cli.calling import Call, Reach, command
from cli.checking import check_file
from cli.feeds.documents import say_findings
from cli.feeds.group import feeds
from cli.problems import DONE, FAILED, NOTHING_MATCHED, WrongUseError
from lakeferry.feeds import Feed, parse_feed


@command(feeds, "test", Reach.ASKED)
def try_out(
    call: Call,
    document: Annotated[Path, typer.Argument(help="YAML file.", metavar="FEED.yaml")],
    whole: Annotated[bool, typer.Option("--whole", help="Read the newest file to its end, however large.")] = False,
    rows: Annotated[int, typer.Option("--rows", min=1, max=100, help="So many rows are shown.")] = 5,
) -> int:
    """Connect, list, and read the newest file as a run would; write and change nothing."""
    checked = check_file(document)
    if checked.findings or checked.document is None:
        say_findings(call.out, checked)
        return FAILED
    # imported late: it takes a second, and `feeds check` has none to lose
    from cli.testing.address import NOT_KNOWN, address_of
    from cli.testing.showing import show
    from cli.testing.trial import Trial, to_json, try_feed

    feed = parse_feed(checked.document)
    with ExitStack() as stacks:
        stack = stacks.enter_context(call.stack()) if call.has_stack else None
        secret, problems = _secret(call, feed)
        if stack is not None and not call.lake and feed.server.secret and not call.secrets:
            from lakeferry.aws.secrets import load_secret, secrets_of

            secret = dict(
                load_secret(
                    secrets_of(stack.client("secretsmanager"), stack.secret_prefix), feed.server.secret, feed.feed_id
                )
            )
            problems = _missing(feed, secret)
        ledger = None if stack is None else stack.ledger
        trial = Trial(
            feed,
            secret,
            (lambda ids: ledger.entries(feed.feed_id, ids)) if ledger is not None else (lambda ids: {}),
            whole,
            rows,
        )
        address = NOT_KNOWN if stack is None or stack.is_local else address_of(stack)
        tried = try_feed(trial)
    call.out.data({"feed": feed.feed_id, "secret": problems, "address": address, **to_json(tried)})
    if not call.out.as_json:
        show(call.out, feed, tried, problems, address)
    if tried.is_good:
        return DONE
    return NOTHING_MATCHED if tried.failed_step is None and tried.sample is None else FAILED


def _secret(call: Call, feed: Feed) -> tuple[dict[str, str], list[str]]:
    from cli.testing.secret import read_secrets

    if call.secrets is None:
        return {}, _missing(feed, {}) if feed.server.secret and not call.has_stack else []
    secrets = read_secrets(call.secrets)
    name = feed.server.secret
    if name is None:
        return {}, []
    if name not in secrets:
        known = ", ".join(sorted(secrets)) or "none"
        raise WrongUseError(f"--secrets {call.secrets} has no secret {name}, which the feed names; it has: {known}.")
    return secrets[name], _missing(feed, secrets[name])


def _missing(feed: Feed, fields: dict[str, str]) -> list[str]:
    from cli.testing.secret import secret_problems

    if not fields and feed.server.secret:
        return [f"the feed's secret {feed.server.secret} is not known here: give it with --secrets FILE"]
    return secret_problems(feed, fields)
