"""`lakeferry feeds draft`: a complete, commented feed from a server, a sample file or a data contract."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.calling import Call, Reach, command
from cli.feeds.group import feeds
from cli.feeds.schema import line_for
from cli.problems import DONE, FAILED, WrongUseError


@command(feeds, "draft", Reach.NOTHING)
def draft(
    call: Call,
    sources: Annotated[
        list[str],
        typer.Argument(
            help="A server (sftp://user@host/folder), sample files, or an Open Data Contract.", metavar="SOURCE..."
        ),
    ],
    tenant: Annotated[str, typer.Option(help="Whose files these are.")] = "acme",
    feed: Annotated[str | None, typer.Option(help="What the feed is called; by default as the files.")] = None,
    dataset: Annotated[str | None, typer.Option(help="The table; by default as the feed.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; - for the terminal.")] = None,
    secrets: Annotated[
        Path | None, typer.Option(help="Secrets (YAML); what is asked for is kept there.", metavar="FILE")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="sftp, ftps, ftps_implicit or ftp.")] = None,
    user: Annotated[str | None, typer.Option(help="User on the server.")] = None,
    directory: Annotated[str | None, typer.Option(help="Folder on the server.")] = None,
    fingerprint: Annotated[str | None, typer.Option(help="SHA256:... of the host key, from the partner.")] = None,
    table: Annotated[str | None, typer.Option(help="Table of the data contract; by default its first.")] = None,
    timezone: Annotated[str, typer.Option(help="Of the promise (sla) that is proposed.")] = "UTC",
) -> int:
    """Write a feed: pattern, format, column types and promise as they can be guessed; guesses are marked."""
    from cli.drafting.login import Given
    from cli.drafting.making import Wanted, make
    from cli.drafting.writing import to_yaml

    wanted = Wanted(tenant, feed, dataset, secrets, table, timezone, Given(protocol, user, directory, fingerprint))
    made = make(sources, wanted, _person())
    target = out or Path(f"{made.draft.document['feed']}.yaml")
    text = to_yaml(made.draft, made.header, line_for(target))
    answer: dict[str, Any] = {
        "feed": f"{tenant}/{made.draft.document['feed']}",
        "document": made.draft.document,
        "guessed": made.draft.marks,
        "notes": made.draft.notes,
        "problem": made.draft.problem,
    }
    if str(target) == "-":
        call.out.say(text.rstrip("\n"))
    else:
        try:
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise WrongUseError(f"{target} is there already: name another file with --out.") from None
        answer["file"] = str(target)
    call.out.data(answer)
    for note in made.draft.notes:
        call.out.warn(f"note: {note}")
    if made.draft.problem:
        call.out.warn(f"the sample is not read by the draft yet: {made.draft.problem}")
    if str(target) != "-":
        count = len(made.draft.marks)
        call.out.say(f"{target}: drafted, {count} {'guess is' if count == 1 else 'guesses are'} marked in it. Next:")
        option = f" --secrets {secrets}" if secrets else ""
        call.out.say(f"  lakeferry feeds check {target}")
        call.out.say(f"  lakeferry feeds test {target}{option}")
    return FAILED if made.draft.problem else DONE


def _person() -> Any:  # noqa: ANN401  (a Person, which is imported late)
    from cli.drafting.login import Person

    def ask(question: str, default: str | None, hidden: bool) -> str:
        return str(typer.prompt(question, default=default, hide_input=hidden, show_default=bool(default), err=True))

    def confirm(question: str) -> bool:
        return typer.confirm(f"{question}?", default=False, err=True)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    return Person(sys.stdin.isatty(), ask, confirm, say)
