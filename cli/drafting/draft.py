"""A feed from a sample: what it is wrapped in, its format and its columns, proven by reading it with the feed."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cli.drafting.columns import of_parquet, texts_of
from cli.drafting.content import format_of
from cli.drafting.names import ending_of, infer
from cli.drafting.types import TEXT, Guess, guess
from cli.testing.sample import Sample, check_sample
from lakeferry.decode import DecodeKeys, Delivered, open_members
from lakeferry.errors import LakeferryError
from lakeferry.feeds import DecodeSpec, Feed, parse_feed
from lakeferry.formats import CARDS, raw_form

_LOOK_BYTES = 1024 * 1024
_ROUNDS = 5
PLACEHOLDERS: Mapping[str, Any] = {
    "protocol": "sftp",
    "host": "files.partner.example",
    "username": "user",
    "host_keys": ["ssh-ed25519 AAAA"],
}
"""Of a server that nobody has named yet."""


@dataclass(slots=True)
class Draft:
    """A drafted feed.

    Attributes:
        marks: JSON path → why it is a guess.
        notes: What a person should know of the sample.
        rows: Of the sample, as they would land.
        problem: Why the sample would be rejected by the draft; empty where it would not.
    """

    document: dict[str, Any]
    marks: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rows: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """What the feed is called.

    Attributes:
        server: `server` of the document; None: nobody has named one.
    """

    tenant: str
    feed: str
    dataset: str
    directory: str = "/outgoing"
    server: Mapping[str, Any] | None = None


def draft_sample(
    named: Named,
    name: str,
    file: IO[bytes],
    *,
    names: Sequence[str] = (),
    secret: Mapping[str, str] | None = None,
    is_whole: bool = True,
) -> Draft:
    """Drafts a feed of which this is a sample.

    Args:
        name: Of the sample.
        names: Others that lie beside it, of this feed or of others.
        is_whole: Whether that is all of the file.
    """
    draft = _named(named, name, names)
    try:
        member, start = _first_bytes(name, file, secret or {})
    except LakeferryError as error:
        draft.document["format"] = {"type": "csv"}
        draft.marks["$.format.type"] = "the sample could not be opened"
        draft.problem = str(error)
        return draft
    form, why = format_of(ending_of(member)[1], start)
    draft.document["format"] = form
    draft.marks |= {f"$.format.{setting}": reason for setting, reason in why.items()}
    if not form.get("header", True):
        width = len(start.decode(form.get("encoding", "utf-8"), "replace").split("\n", 1)[0].split(form["delimiter"]))
        columns = [{"name": f"column_{number}", "type": "string"} for number in range(1, width + 1)]
        draft.document["checks"] = {"columns": columns}
        draft.marks["$.checks.columns"] = "the file has no names: give each column one"
    with tempfile.TemporaryDirectory(prefix="lakeferry-") as folder:
        reading = _Reading(name, file, secret or {}, is_whole, Path(folder))
        _type_columns(draft, reading)
    return draft


def _named(named: Named, name: str, names: Sequence[str]) -> Draft:
    server = named.server or {**PLACEHOLDERS, "secret": f"lakeferry/{named.tenant}/{named.feed}"}
    found = infer(list(dict.fromkeys([*names, name])), name)
    files: dict[str, Any] = {"directory": named.directory, "pattern": found.pattern}
    files |= {
        setting: template
        for setting, template in (("marker", found.marker), ("checksum_file", found.checksum_file))
        if template
    }
    layers, _ = ending_of(name)
    document = {
        "tenant": named.tenant,
        "feed": named.feed,
        "server": dict(server),
        "files": files,
        **({"decode": layers} if layers else {}),
        "format": {"type": "csv"},
        "dataset": named.dataset,
    }
    others = len(found.like)
    basis = f"of {others} names" if others > 1 else "of one name"
    why = basis if found.date_form else f"{basis}, in which no date was found: the day of the file's time counts"
    marks = {"$.files.pattern": why}
    if named.server is None:
        marks["$.server"] = "to be filled in"
        marks["$.files.directory"] = "to be filled in"
    return Draft(document, marks)


def _first_bytes(name: str, file: IO[bytes], secret: Mapping[str, str]) -> tuple[str, bytes]:
    """The name and the first decoded bytes of the sample, or of the first member of the archive it is."""
    file.seek(0)
    for member in open_members(name, Delivered(file), None, DecodeKeys(lambda: secret), DecodeSpec()):
        found = bytearray()
        while len(found) < _LOOK_BYTES and (data := member.stream.read(_LOOK_BYTES)):
            found += data
        return member.name, bytes(found)
    return name, b""


@dataclass(frozen=True, slots=True)
class _Reading:
    name: str
    file: IO[bytes]
    secret: Mapping[str, str]
    is_whole: bool
    folder: Path

    def read(self, document: Mapping[str, Any]) -> tuple[Feed, Sample]:
        """The sample as a feed of that document reads it, with every bad row told."""
        lenient = json.loads(json.dumps(document))
        lenient.setdefault("checks", {})["bad_rows"] = {"max_ratio": 1}
        feed = parse_feed(lenient)
        self.file.seek(0)
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        sample = Sample(self.name, 0, self.is_whole)
        return feed, check_sample(feed, sample, self.file, self.secret, None, folder)


def _type_columns(draft: Draft, reading: _Reading) -> None:
    feed, sample = reading.read(draft.document)
    if sample.problem:
        draft.problem = sample.problem
        return
    draft.rows = sum(output.rows_landed for output in sample.report.outputs) if sample.report else 0
    if sample.bad_row_count:
        draft.notes += [f"a row of the sample is bad: {one}" for one in sample.bad_rows]
    paths = list(sample.outputs.values())
    if raw_form(feed.format).kind == "parquet":
        draft.document["checks"] = {"columns": of_parquet(paths[0])} if paths and of_parquet(paths[0]) else {}
        guesses: dict[str, Guess] = {}
    else:
        texts = texts_of(feed, paths)
        comma = draft.document["format"].get("delimiter") != ","
        guesses = {name: guess(values, comma=comma) for name, values in texts.items()}
        _set_spellings(draft, guesses, texts)
    for _ in range(_ROUNDS):
        _declare(draft, guesses)
        _, sample = reading.read(draft.document)
        wrong = {name for name in guesses if name in sample.bad_columns}
        if not wrong:
            break
        # what the checks refuse is a text
        guesses |= dict.fromkeys(wrong, TEXT)
    draft.problem = sample.problem
    if sample.report is not None:
        draft.notes += list(sample.report.notes)


def _set_spellings(draft: Draft, guesses: dict[str, Guess], texts: Mapping[str, Sequence[str]]) -> None:
    """Marks of numbers and spellings of no value, which are one for the whole file."""
    form = draft.document["format"]
    takes = CARDS[form["type"]].settings
    marks = {found.decimal for found in guesses.values() if found.decimal}
    if "," in marks:
        if "decimal" in takes and "." not in marks:
            form["decimal"] = ","
            draft.marks["$.format.decimal"] = "numbers such as 12,50"
            pointed = [name for name, found in guesses.items() if found.decimal == "," and "." in "".join(texts[name])]
            if pointed:
                form["thousands"] = "."
        else:
            guesses |= {name: TEXT for name, found in guesses.items() if found.decimal == ","}
    nulls = list(dict.fromkeys(text for found in guesses.values() for text in found.nulls))
    if nulls and "null_values" in takes:
        form["null_values"] = nulls
        draft.marks["$.format.null_values"] = "among numbers or dates they can mean nothing else"
    elif nulls:
        guesses |= {name: TEXT for name, found in guesses.items() if found.nulls}


def _declare(draft: Draft, guesses: Mapping[str, Guess]) -> None:
    if not guesses:
        return
    columns = [{"name": name, **found.settings} for name, found in guesses.items()]
    draft.document["checks"] = {"columns": columns}
    for at, found in enumerate(guesses.values()):
        path = f"$.checks.columns[{at}]"
        draft.marks.pop(path, None)
        if found.why:
            draft.marks[path] = found.why


def with_columns(draft: Draft, columns: Sequence[Mapping[str, Any]], sample: Path | None) -> None:
    """Takes a contract's columns where the sample agrees; where it does not, what was guessed stays, and says so."""
    guessed = {one["name"].lower(): one for one in draft.document.get("checks", {}).get("columns", [])}
    taken: list[dict[str, Any]] = []
    draft.marks = {path: why for path, why in draft.marks.items() if not path.startswith("$.checks.columns")}
    for at, column in enumerate(columns):
        own = guessed.pop(column["name"].lower(), None)
        form = {"format": own["format"]} if own and "format" in own and own["type"] == column["type"] else {}
        taken.append({**column, **form})
        if own is not None and own["type"] != column["type"]:
            draft.marks[f"$.checks.columns[{at}]"] = f"of the contract; the sample looks like {own['type']}"
    if not taken:
        return
    for name in guessed:
        draft.notes.append(f"the sample has a column {name}, of which the contract says nothing")
    before = draft.document.get("checks")
    draft.document["checks"] = {"columns": taken}
    if sample is None:
        return
    with sample.open("rb") as file, tempfile.TemporaryDirectory(prefix="lakeferry-") as folder:
        _, found = _Reading(sample.name, file, {}, True, Path(folder)).read(draft.document)
    wrong = {name.lower() for name in found.bad_columns}
    if found.problem:
        draft.notes.append(f"the sample is not what the contract says: {found.problem}")
        draft.document["checks"] = before or {}
        return
    originals = {one["name"].lower(): one for one in (before or {}).get("columns", [])}
    for at, column in enumerate(taken):
        if column["name"].lower() in wrong and column["name"].lower() in originals:
            draft.marks[f"$.checks.columns[{at}]"] = f"the contract says {column['type']}, and the sample does not fit"
            taken[at] = dict(originals[column["name"].lower()])
