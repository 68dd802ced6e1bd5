"""What PyYAML says of a text that is no YAML, in words, and what is usually meant."""

import re

import yaml

from cli.checking.finding import Finding

_WORDS: tuple[tuple[str, str], ...] = (
    (r"found character '\\t'", "a tab stands where YAML takes blanks only: indent by blanks"),
    (r"mapping values are not allowed", "a colon and a blank stand within a value: put the value in quotes"),
    (
        r"found unknown escape character",
        "in double quotes a backslash begins an escape that YAML has to know: use single quotes, '…'",
    ),
    (r"found character '([%@`])'", "a value cannot begin with <sign>: put it in quotes"),
    (
        r"found undefined alias|while scanning an alias",
        "a value that begins with * is an alias to YAML: put it in quotes",
    ),
    (r"while scanning an anchor", "a value that begins with & is an anchor to YAML: put it in quotes"),
    (r"while scanning a quoted scalar", "quotes are opened here and never closed"),
    (r"while parsing a flow sequence", "a bracket is opened here; a comma or ] is missing behind it"),
    (r"while parsing a flow mapping", "a brace is opened here; a comma or } is missing behind it"),
    (r"expected ',' or '[\]}]'", "a comma or a closing bracket is missing"),
    (r"could not find expected ':'", "a colon is missing behind a name"),
    (r"expected <block end>, but found '-'", "a list and settings are mixed: indent the hyphen further, or less"),
    (
        r"expected <block end>, but found '(?:<scalar>|[\[{])'",
        "a value that begins with a quote, { or [ has to end with it: put all of it in quotes, or look above for "
        "quotes that are not closed",
    ),
    (
        r"expected <block end>",
        "this does not belong to what stands above it: indent it like its neighbours",
    ),
    (r"sequence entries are not allowed", "a list cannot begin here: put it on a line of its own, or in [brackets]"),
    (
        r"special characters are not allowed|#x[0-9a-f]{4}",
        "there is a character that no text has (a control character)",
    ),
    (
        r"while scanning a tag|could not determine a constructor",
        "a value that begins with ! is a tag: put it in quotes",
    ),
    (r"block scalar", "behind | or > there is only the end of the line"),
)


def in_words(file: str, error: yaml.YAMLError) -> Finding:
    """The finding of a text that is no YAML."""
    said = str(error)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    opened = getattr(error, "context_mark", None)
    problem = f"{getattr(error, 'context', None) or ''} {getattr(error, 'problem', None) or said}"
    for pattern, words in _WORDS:
        if found := re.search(pattern, problem):
            if opened is not None and any(begins in words for begins in ("opened here", "alias", "anchor", "is a tag")):
                mark = opened
            sign = found.group(1) if found.groups() else ""
            return _at(file, mark, words.replace("<sign>", sign))
    return _at(file, mark, "this is not YAML; the line, or the one above it, is not complete")


def _at(file: str, mark: yaml.Mark | None, message: str) -> Finding:
    return Finding(file, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, message)
