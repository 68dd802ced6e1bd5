"""What holds for every command of `lakeferry`: JSON, exit codes, errors in a line, tables that fit."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError
from typer.testing import CliRunner

from cli import __main__ as program
from cli.app import app, built
from cli.aws_problems import words_of
from cli.output import Output, cell
from cli.problems import DONE, FAILED, WRONG_USE, NothingMatchedError, nearest
from cli.table import plain_lines, print_on_terminal
from lakeferry.version import VERSION


def commands(group: Any = None, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words."""
    group = group or built()
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name), found


COMMANDS = dict(commands())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_answers_in_json_and_says_what_it_does(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    found = COMMANDS[words]
    options = {option for parameter in found.params for option in parameter.opts}
    assert "--json" in options
    assert found.help, "the docstring is the help"
    for parameter in found.params:
        assert parameter.help or parameter.param_type_name == "argument", parameter.name
    if "--stack" in options:
        assert {"--lake", "--profile", "--region"} <= options
    assert program.main([*words, "--help"]) == DONE
    said = capsys.readouterr().out
    assert "lakeferry " + " ".join(words) in said
    assert "\x1b" not in said, "colour in a pipe"


def test_the_version_and_completion_are_there() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"lakeferry {VERSION}\n"
    shown = CliRunner().invoke(
        app, ["--show-completion"], env={"SHELL": "/bin/bash", "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    )
    assert "Traceback" not in shown.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["feeds", "lst"], "No such command 'lst'. Did you mean 'list'? See: lakeferry feeds --help"),
        (["feeds", "list", "--jsn"], "No such option: --jsn"),
        (["feeds", "put"], "Missing argument 'FILE...'"),
        (["backfill"], "Missing option '--feed'"),
    ],
)
def test_a_wrong_call_is_one_line_that_says_where_to_look(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(arguments) == WRONG_USE
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"lakeferry: {told}")
    assert "--help" in said.err


def test_what_nobody_foresaw_is_a_line_and_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr(program, "_call", fail)
    monkeypatch.delenv("LAKEFERRY_DEBUG", raising=False)
    assert program.main([]) == FAILED
    assert capsys.readouterr().err == (
        "lakeferry: ZeroDivisionError: division by zero\n"
        "This is a fault of Lakeferry's own; LAKEFERRY_DEBUG=1 shows where it happened.\n"
    )
    monkeypatch.setenv("LAKEFERRY_DEBUG", "1")
    assert program.main([]) == FAILED
    assert "Traceback" in capsys.readouterr().err


def test_a_package_of_the_laptop_that_is_missing_is_named_with_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise ModuleNotFoundError("No module named 'moto'", name="moto.server")

    monkeypatch.setattr(program, "_call", fail)
    assert program.main([]) == FAILED
    assert "uv tool install '.[laptop]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NoCredentialsError(), "no AWS credentials: log in"),
        (NoRegionError(), "no AWS region: name one with --region"),
        (EndpointConnectionError(endpoint_url="https://x"), "AWS cannot be reached"),
        (ClientError({"Error": {"Code": "ExpiredToken", "Message": "m"}}, "GetItem"), "has expired: log in again"),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "m"}}, "GetItem"), "may not do this"),
        (ClientError({"Error": {"Code": "RequestTimeTooSkewed", "Message": "m"}}, "GetItem"), "clock"),
        (ClientError({"Error": {"Code": "Other", "Message": "words of AWS"}}, "GetItem"), "words of AWS"),
    ],
)
def test_what_aws_refuses_is_said_with_what_to_do(error: Any, told: str) -> None:
    assert told in words_of(error)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("acme/daily_sale", ["acme/daily_sales"]),
        ("ACME/daily_sales", ["acme/daily_sales"]),
        ("daily_sales", ["acme/daily_sales"]),
        ("zzz", []),
    ],
)
def test_the_nearest_names_are_offered(name: str, near: list[str]) -> None:
    known = ["acme/daily_sales", "globex/returns"]
    assert nearest(name, known) == near
    told = str(NothingMatchedError.of("feed", name, known, "lakeferry feeds list"))
    assert told == (
        f"there is no feed {name!r}; did you mean {near[0]}?"
        if near
        else f"there is no feed {name!r}. To see what there is: lakeferry feeds list"
    )


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_a_table_fits_the_terminal(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    heads = ["feed", "file", "status", "why"]
    row = ["acme/daily_sales", "/outgoing/sales_20261101_part_0001.csv.gz", "FAILED", "rejected: " + "word " * 30]
    print_on_terminal(heads, [row, row], width)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    shown = "".join("".join(lines).split())
    for text in (
        ("acme/daily_sales", "sales_20261101_part_0001.csv.gz", "FAILED") if width in {30, 200} else ("FAILED",)
    ):
        assert text in shown, "nothing is cut off"


def test_a_pipe_gets_whole_lines() -> None:
    assert list(plain_lines(["a", "bb"], [["1" * 200, "x"], ["2", ""]])) == [
        "a" + " " * 201 + "bb",
        "1" * 200 + "  x",
        "2",
    ]


def test_what_others_wrote_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    assert cell("a\x1b[31mb\nc") == "a\N{REPLACEMENT CHARACTER}[31mb c"
    Output().rows([{"name": "[red]x[/red]\x07"}], {"name": "name"})
    assert capsys.readouterr().out == "name\n[red]x[/red]\N{REPLACEMENT CHARACTER}\n"
    print_on_terminal(["name"], [["[red]x[/red]"]], 80)
    assert "[red]x[/red]" in capsys.readouterr().out


def test_json_has_an_object_a_line_and_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(as_json=True)
    out.say("words")
    out.rows([{"a": 1, "b": "x"}, {"a": 2}], {"a": "first"})
    out.rows([], {"a": "first"}, empty="nothing")
    out.facts({"a": 3}, {"a": "first"})
    assert capsys.readouterr().out == '{"a": 1, "b": "x"}\n{"a": 2}\n{"a": 3}\n'
