"""`lakeferry`: feeds, runs and files of a stack, and taking again what failed.

lakeferry feeds check feeds/*.yaml
lakeferry datasets share sales --with globex
lakeferry addresses approve acme data@acme.example
lakeferry files --failed
lakeferry reprocess --feed acme/daily_sales          # tells what it would do
lakeferry reprocess --feed acme/daily_sales --yes    # does it
lakeferry sla attainment --from 2026-09

A deployed stack is reached with AWS credentials (--stack), the folder of `make run` with --lake.
"""

import argparse
import sys

from botocore.exceptions import BotoCoreError, ClientError

from cli import addresses, datasets, feeds, files, reprocess, runs, sla
from cli.stack import StackMissingError
from lakeferry.errors import LakeferryError


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when all went well, 1 when something is wrong."""
    parser = argparse.ArgumentParser(
        prog="lakeferry", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    for module in (feeds, datasets, addresses, runs, files, reprocess, sla):
        module.add_to(commands)
    options = parser.parse_args(arguments)
    try:
        status: int = options.command(options)
    except (LakeferryError, StackMissingError, BotoCoreError, ClientError) as error:
        print(f"lakeferry: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
