"""The group that the commands of this folder belong to."""

import typer

feeds = typer.Typer(help="Feed documents: check, test, put, list, take back.", no_args_is_help=True)
