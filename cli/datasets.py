"""`lakeferry datasets`: which tenants may write to which dataset."""

import argparse
import sys
from collections.abc import Callable

from cli.owners import Owners
from cli.stack import add_options, stack_of
from cli.table import print_table
from lakeferry.ledger.datasets import Datasets, Owned, is_name


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the commands."""
    parser = commands.add_parser("datasets", help="who may write to which dataset: list, share, unshare, give")
    datasets = parser.add_subparsers(required=True, metavar="list|share|unshare|give")
    listing = datasets.add_parser("list", help="list datasets and their tenants")
    share = datasets.add_parser("share", help="let other tenants write to a dataset, beside its owner")
    unshare = datasets.add_parser("unshare", help="take that back; rows that are there stay")
    give = datasets.add_parser("give", help="make a tenant the owner; the former owner may not write to it any more")
    for command in (share, unshare, give):
        command.add_argument("dataset", type=_name("dataset"))
    for command in (share, unshare):
        command.add_argument("--with", dest="tenants", nargs="+", required=True, type=_name("tenant"), metavar="TENANT")
    give.add_argument("--to", dest="tenant", required=True, type=_name("tenant"), metavar="TENANT")
    for command, act in ((listing, _list), (share, _share), (unshare, _unshare), (give, _give)):
        add_options(command)
        command.set_defaults(command=act)


def _list(options: argparse.Namespace) -> int:
    with stack_of(options) as stack:
        Owners(stack).seed_datasets()
        found = sorted(stack.ledger.datasets.all().items())
    rows = [[name, one.owner, ", ".join(one.tenants[1:]), one.by, one.since] for name, one in found]
    print_table(["dataset", "owner", "shared with", "by", "since"], rows)
    return 0


def _share(options: argparse.Namespace) -> int:
    with stack_of(options) as stack:
        Owners(stack).seed_datasets()
        datasets = stack.ledger.datasets
        return _told(datasets, options.dataset, is_owned=datasets.share(options.dataset, options.tenants))


def _unshare(options: argparse.Namespace) -> int:
    with stack_of(options) as stack:
        Owners(stack).seed_datasets()
        datasets = stack.ledger.datasets
        found = datasets.get(options.dataset)
        if found is not None and found.owner in options.tenants:
            print(f"{found.owner} owns {options.dataset}: give it to another tenant instead.", file=sys.stderr)
            return 1
        return _told(datasets, options.dataset, is_owned=datasets.unshare(options.dataset, options.tenants))


def _give(options: argparse.Namespace) -> int:
    with stack_of(options) as stack:
        Owners(stack).seed_datasets()
        datasets = stack.ledger.datasets
        before = datasets.get(options.dataset)
        datasets.give(options.dataset, options.tenant)
        status = _told(datasets, options.dataset, is_owned=True)
    if before is not None and before.owner != options.tenant:
        print(f"{before.owner} may not write to it any more. To change that, share it with {before.owner}.")
    return status


def _told(datasets: Datasets, dataset: str, *, is_owned: bool) -> int:
    found = datasets.get(dataset) if is_owned else None
    if found is None:
        print(f"nobody owns {dataset} yet: put a feed, or give it to a tenant first.", file=sys.stderr)
        return 1
    print(_sentence(found) + " Files that were set aside for this are curated in the next run.")
    return 0


def _sentence(found: Owned) -> str:
    others = f", shared with {', '.join(found.tenants[1:])}" if found.tenants[1:] else ""
    return f"{found.dataset} belongs to {found.owner}{others}."


def _name(what: str) -> Callable[[str], str]:
    def name(text: str) -> str:
        if not is_name(what, text):
            raise argparse.ArgumentTypeError(f"{text!r} is not the name of a {what}")
        return text

    return name
