"""From what was named to a draft: a sample, a server's newest file, a contract's columns, or several of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.drafting.contract import Contract, read_contract
from cli.drafting.draft import PLACEHOLDERS, Draft, Named, draft_sample, with_columns
from cli.drafting.login import Given, Person, secret_of, server_of
from cli.drafting.names import Inferred, ending_of, slug_of
from cli.drafting.remote import draft_remote
from cli.drafting.source import Place, sort_sources
from cli.problems import WrongUseError
from lakeferry.counting import count_of


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the options say."""

    tenant: str
    feed: str | None
    dataset: str | None
    secrets: Path | None = None
    table: str | None = None
    timezone: str = "UTC"
    given: Given = field(default_factory=Given)


@dataclass(frozen=True, slots=True)
class Made:
    """A draft, and what its file begins with."""

    draft: Draft
    header: str


def make(named: list[str], wanted: Wanted, person: Person) -> Made:
    """Drafts what was named.

    Raises:
        CommandError: it does not go on, and why.
        LakeferryError: the server refuses.
    """
    sources = sort_sources(named)
    contract = None
    if sources.contract is not None:
        try:
            contract = read_contract(sources.contract, wanted.table)
        except ValueError as error:
            raise WrongUseError(f"{error}.") from error
    place = sources.place
    if place is None and contract is not None and contract.server.get("host") and not sources.samples:
        person.say(f"The contract names the server {contract.server['host']}; name it to read a sample from there.")
    if place is not None and not sources.samples:
        draft, header = _of_server(place, wanted, person)
    elif sources.samples:
        draft, header = _of_file(sources.samples, place, wanted, person)
    else:
        draft, header = _of_contract_alone(contract, wanted)
    if contract is not None:
        _with_contract(draft, contract, sources.samples)
        header += f", with the data contract's table {contract.table}"
    return Made(draft, f"{header}.")


def _slugs(wanted: Wanted, name: str) -> tuple[str, str]:
    letters = "".join(sign if sign.isalpha() else " " for sign in ending_of(name)[1].rpartition(".")[0] or name)
    feed = wanted.feed or slug_of("_".join(letters.split()[:3]) or "feed")
    return feed, wanted.dataset or feed


def _of_server(place: Place, wanted: Wanted, person: Person) -> tuple[Draft, str]:
    server, directory = server_of(place, wanted.given, person)
    feed, dataset = _slugs(wanted, "feed")
    server["secret"] = f"lakeferry/{wanted.tenant}/{feed}"
    secret = secret_of(server["secret"], wanted.secrets, person)
    named = Named(wanted.tenant, feed, dataset, directory, server)

    def choose(found: Sequence[Inferred]) -> Inferred:
        if len(found) == 1 or not person.is_there:
            return found[0]
        for number, one in enumerate(found[:9], 1):
            person.say(f"  {number}  {one.pattern}  ({count_of(len(one.like), 'file')}, such as {one.like[0]})")
        answer = person.answer("Which of them is the feed", "--directory", "1")
        return found[int(answer) - 1] if answer.isdigit() and 1 <= int(answer) <= min(9, len(found)) else found[0]

    draft = draft_remote(named, secret, choose, wanted.timezone)
    return draft, f"Drafted from {place.host}, {directory}"


def _of_file(samples: Sequence[Path], place: Place | None, wanted: Wanted, person: Person) -> tuple[Draft, str]:
    sample = samples[0]
    feed, dataset = _slugs(wanted, sample.name)
    server, directory = None, wanted.given.directory or "/outgoing"
    if place is not None:
        server, directory = server_of(place, wanted.given, person)
        server["secret"] = f"lakeferry/{wanted.tenant}/{feed}"
    secret: dict[str, str] = {}
    if wanted.secrets is not None and wanted.secrets.exists():
        from cli.testing.secret import read_secrets

        secret = read_secrets(wanted.secrets).get(f"lakeferry/{wanted.tenant}/{feed}", {})
    named = Named(wanted.tenant, feed, dataset, directory, server)
    with sample.open("rb") as file:
        draft = draft_sample(named, sample.name, file, names=[one.name for one in samples], secret=secret)
    return draft, f"Drafted from {sample.name}"


def _of_contract_alone(contract: Contract | None, wanted: Wanted) -> tuple[Draft, str]:
    if contract is None:
        raise WrongUseError("Name a server, a sample file or a data contract.")
    feed, dataset = _slugs(wanted, f"{contract.table}.csv")
    server: dict[str, Any] = {**PLACEHOLDERS, **contract.server, "secret": f"lakeferry/{wanted.tenant}/{feed}"}
    directory = str(server.pop("directory", "/outgoing"))
    draft = Draft(
        {
            "tenant": wanted.tenant,
            "feed": feed,
            "server": server,
            "files": {"directory": directory, "pattern": f"{feed}_{{date:%Y%m%d}}*.csv"},
            "format": {"type": "csv"},
            "dataset": dataset,
        },
        {
            "$.server": "to be filled in; host_keys from the partner",
            "$.files.pattern": "a contract does not say what files are called",
            "$.format": "a contract does not say what files look like",
        },
    )
    return draft, "Drafted without a sample"


def _with_contract(draft: Draft, contract: Contract, samples: Sequence[Path]) -> None:
    with_columns(draft, contract.columns, samples[0] if samples else None)
    catalog: dict[str, Any] = {}
    if contract.description:
        catalog["description"] = contract.description
    if contract.version:
        catalog["contract_version"] = contract.version
    names = {column["name"] for column in draft.document.get("checks", {}).get("columns", [])}
    if comments := {name: text for name, text in contract.comments.items() if name in names}:
        catalog["columns"] = comments
    if catalog:
        draft.document["catalog"] = catalog
    draft.notes += [f"not taken from the contract: {one}" for one in contract.left_out]
