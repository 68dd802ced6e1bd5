"""`lakeferry addresses`: which mail addresses may get mails of which tenants."""

import argparse
import re

from cli.owners import Owners
from cli.stack import add_options, stack_of
from cli.table import print_table
from lakeferry.feeds.document import is_address
from lakeferry.ledger.addresses import Approval
from lakeferry.ledger.datasets import is_name

_DOMAIN = re.compile(r"@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+")


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the commands."""
    parser = commands.add_parser("addresses", help="mail addresses of tenants: list, approve, remove")
    addresses = parser.add_subparsers(required=True, metavar="list|approve|remove")
    listing = addresses.add_parser("list", help="list the approved addresses")
    approve = addresses.add_parser("approve", help="let addresses get the mails of a tenant's feeds that name them")
    remove = addresses.add_parser("remove", help="take that back; they get no more mails of that tenant")
    for command in (approve, remove):
        command.add_argument("tenant", type=_tenant)
        command.add_argument(
            "addresses", nargs="+", type=_address, metavar="ADDRESS", help="@globex.example for all of a domain"
        )
    for command, act in ((listing, _list), (approve, _approve), (remove, _remove)):
        add_options(command)
        command.set_defaults(command=act)


def _list(options: argparse.Namespace) -> int:
    with stack_of(options) as stack:
        Owners(stack).seed_addresses()
        rows = sorted([one.tenant, one.address, one.by, one.since] for one in stack.ledger.addresses.all())
    print_table(["tenant", "address", "by", "since"], rows)
    return 0


def _approve(options: argparse.Namespace) -> int:
    with stack_of(options) as stack:
        Owners(stack).seed_addresses()
        for address in options.addresses:
            stack.ledger.addresses.approve(Approval(options.tenant, address))
            print(f"{address} is approved for {options.tenant}")
    print("Those that feeds name are subscribed within the hour; Amazon SNS asks each once for its consent.")
    return 0


def _remove(options: argparse.Namespace) -> int:
    status = 0
    with stack_of(options) as stack:
        Owners(stack).seed_addresses()
        for address in options.addresses:
            was_there = stack.ledger.addresses.remove(options.tenant, address)
            print(f"{address} {'is no more' if was_there else 'was not'} approved for {options.tenant}")
            status = status if was_there else 1
    return status


def _tenant(text: str) -> str:
    if not is_name("tenant", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a tenant")
    return text


def _address(text: str) -> str:
    if not (is_address(text) or _DOMAIN.fullmatch(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a mail address nor @ and a domain")
    return text
