"""`lakeferry addresses`: which mail addresses may get mails of which tenants."""

import re
from typing import Annotated

import typer

from cli.calling import Call, command
from cli.owners import Owners
from cli.problems import DONE, NOTHING_MATCHED
from lakeferry.feeds.document import is_address
from lakeferry.ledger.addresses import Approval
from lakeferry.ledger.datasets import is_name

addresses = typer.Typer(help="Mail addresses of tenants: list, approve, remove.", no_args_is_help=True)
_DOMAIN = re.compile(r"@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+")


def _tenant(text: str) -> str:
    if not is_name("tenant", text):
        raise typer.BadParameter(f"{text!r} is not the name of a tenant")
    return text


def _address(text: str) -> str:
    if not (is_address(text) or _DOMAIN.fullmatch(text)):
        raise typer.BadParameter(f"{text!r} is neither a mail address nor @ and a domain")
    return text


Tenant = Annotated[str, typer.Argument(parser=_tenant, metavar="TENANT")]
Addresses = Annotated[
    list[str],
    typer.Argument(parser=_address, metavar="ADDRESS...", help="@globex.example stands for all of a domain."),
]


@command(addresses, "list")
def listing(call: Call) -> None:
    """List the approved addresses."""
    with call.stack() as stack:
        Owners(stack).seed_addresses()
        found = sorted(stack.ledger.addresses.all(), key=lambda one: (one.tenant, one.address))
    rows = [{"tenant": one.tenant, "address": one.address, "by": one.by, "since": one.since} for one in found]
    call.out.rows(rows, {name: name for name in ("tenant", "address", "by", "since")})


@command(addresses, "approve")
def approve(call: Call, tenant: Tenant, given: Addresses) -> None:
    """Let addresses get the mails of a tenant's feeds that name them."""
    with call.stack(writes=True) as stack:
        Owners(stack).seed_addresses()
        for address in given:
            stack.ledger.addresses.approve(Approval(tenant, address))
            call.out.data({"tenant": tenant, "address": address, "approved": True})
            call.out.say(f"{address} is approved for {tenant}")
    call.out.say("Those that feeds name are subscribed within the hour; Amazon SNS asks each once for its consent.")


@command(addresses, "remove")
def remove(call: Call, tenant: Tenant, given: Addresses) -> int:
    """Take that back: they get no more mails of that tenant."""
    code = DONE
    with call.stack(writes=True) as stack:
        Owners(stack).seed_addresses()
        for address in given:
            was_there = stack.ledger.addresses.remove(tenant, address)
            call.out.data({"tenant": tenant, "address": address, "approved": False, "was_approved": was_there})
            call.out.say(f"{address} {'is no more' if was_there else 'was not'} approved for {tenant}")
            code = code if was_there else NOTHING_MATCHED
    return code
