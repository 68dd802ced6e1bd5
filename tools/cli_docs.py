"""Writes the second part of docs/cli.md, which has every command, from the commands themselves.

    python -m tools.cli_docs

tests/contract/test_cli_docs.py fails where the page is not what this makes.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cli.app import built

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
MARK = "<!-- What follows is made from the commands: python -m tools.cli_docs -->\n"
SHARED = {"--stack", "--lake", "--secrets", "--profile", "--region", "--json", "--help", "-h"}
"""Options that the page says once."""


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its words; a group that does something by itself is one."""
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            if found.invoke_without_command:
                yield (*path, name), found
            yield from commands(found, (*path, name))
        else:
            yield (*path, name), found


def page() -> str:
    """The page's text: what is before the mark stays."""
    group = built()
    parts = [PAGE.read_text("utf-8").partition(MARK)[0], MARK]
    previous = ""
    for words, found in sorted(commands(group), key=lambda pair: _order(group, pair[0])):
        if words[0] != previous:
            previous = words[0]
            if len(words) > 1:
                parts.append(f"\n## {words[0]}\n")
        parts.append(_section(words, found))
    return "".join(parts)


def _order(group: Any, words: tuple[str, ...]) -> tuple[int, int]:
    first = list(group.commands)
    within = list(getattr(group.commands[words[0]], "commands", {}))
    return first.index(words[0]), within.index(words[1]) + 1 if len(words) > 1 else 0


def _section(words: tuple[str, ...], found: Any) -> str:
    shown = [one for one in found.params if not getattr(one, "hidden", False)]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    options = [one for one in shown if one.param_type_name == "option" and not SHARED & set(one.opts)]
    usage = " ".join(["lakeferry", *words, *(_metavar(one) for one in arguments), *(["[OPTIONS]"] if options else [])])
    text = f"\n{'#' * min(len(words) + 1, 3)} {' '.join(words)}\n\n{_plain(found.help)}\n\n```\n{usage}\n```\n"
    told = [(f"`{_metavar(one)}`", one.help) for one in arguments if one.help]
    told += [(_names(one), one.help) for one in options]
    if told:
        text += "\n" + "".join(f"- {names}: {_plain(help_)}\n" for names, help_ in told)
    return text


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _names(option: Any) -> str:
    value = "" if getattr(option, "is_flag", False) else f" {option.metavar or _kind(option)}"
    return ", ".join(f"`{name}{value if name.startswith('--') else ''}`" for name in sorted(option.opts, reverse=False))


def _kind(option: Any) -> str:
    kind = str(option.name).upper()
    return re.sub(r"\W+", "_", kind)


def _plain(text: str | None) -> str:
    return " ".join((text or "").split())


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"{PAGE.name}: {len(page().splitlines())} lines")
    sys.exit(0)
