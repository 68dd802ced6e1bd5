"""`files` of the feed document: which files of the server are the feed's, and what becomes of them there."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakeferry.feeds.name_dates import IN_NAMES, READ, WRITTEN, bare_date_problems, date_format_problems, in_directives
from lakeferry.feeds.patterns import compile_pattern, pattern_problems
from lakeferry.formats import SUFFIXES

_WRAPPED = ("gz", "gzip", "bz2", "xz", "zst", "lz4", "zip", "tar", "tgz", "pgp", "gpg", "asc")
_SUFFIX = re.compile(rf"\.({'|'.join(sorted({*SUFFIXES, *_WRAPPED}))})$", re.IGNORECASE)


def stem_of(name: str) -> str:
    """A file's name without the suffixes of formats and of what it is wrapped in: `a.csv.gz.pgp` → `a`."""
    while (shorter := _SUFFIX.sub("", name)) not in {name, ""}:
        name = shorter
    return name


def companion_of(template: str, name: str) -> str:
    """The name of the companion of a file, from a template with `{name}` or `{stem}`."""
    return template.replace("{name}", name).replace("{stem}", stem_of(name))


@dataclass(frozen=True, slots=True)
class SizeSpec:
    """Bytes a remote file may have.

    Attributes:
        zero_bytes: `reject` an empty file that `min_bytes` does not allow, or `ignore` it.
    """

    min_bytes: int = 1
    max_bytes: int | None = None
    zero_bytes: str = "reject"


@dataclass(frozen=True, slots=True)
class AfterSpec:
    """What happens to the remote file once it is in the lake.

    Attributes:
        to: Directory it is moved to; may have `{date:...}`, its business date, in it.
    """

    action: str = "keep"
    to: str | None = None


@dataclass(frozen=True, slots=True)
class BatchSpec:
    """What travels together at most, in place of the stack's `BatchFiles` and `BatchBytes`."""

    max_files: int | None = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class FilesSpec:
    """Which files of the server are this feed's.

    Attributes:
        regex: In place of `pattern`; a group `date` is read with `date_format`.
        exclude: Globs of names that are never taken: those that servers and clients give to half a file.
        marker: Name of the empty file that says that `{name}` is complete.
        checksum_file: Name of the file that holds the checksum of `{name}`.
        max_minutes_per_run: Of the stack's `RunMinutes`, what this feed may take; None: all.
        stuck_after_polls: Polls in a row after which it is told what of the feed's they did not take.
        same_content: `skip` a version whose bytes are those of one that was ingested from the same path.
        verify_checksum: Compare with the server's own checksum, where it can tell one.
    """

    directory: str
    pattern: str | None = None
    regex: str | None = None
    date_format: str | None = None
    exclude: tuple[str, ...] = ("*.part", "*.partial", "*.filepart", "*.tmp", ".in.*")
    marker: str | None = None
    checksum_file: str | None = None
    recursive: bool = False
    settle_seconds: int | None = None
    same_content: str = "take"
    verify_checksum: bool = True
    size: SizeSpec = field(default_factory=SizeSpec)
    on_redelivery: str = "replace"
    max_files_per_run: int = 10_000
    max_minutes_per_run: int | None = None
    stuck_after_polls: int = 3
    after: AfterSpec = field(default_factory=AfterSpec)
    batch: BatchSpec = field(default_factory=BatchSpec)

    @property
    def settled_after(self) -> int:
        """Seconds for which a file must have been seen unchanged."""
        if self.settle_seconds is None:
            return 60 if self.marker is None else 0
        return self.settle_seconds

    @property
    def companions(self) -> tuple[str, ...]:
        """Names, with `{name}` in them, of the files that have to be there before one is taken, and go its way."""
        return tuple(template for template in (self.marker, self.checksum_file) if template is not None)


def files_problems(files: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `files`."""
    yield from _name_problems(files)
    size = files.get("size", {})
    if size.get("max_bytes") is not None and size["max_bytes"] < size.get("min_bytes", 1):
        yield "$.files.size: max_bytes is below min_bytes"


def _name_problems(files: Mapping[str, Any]) -> Iterator[str]:
    pattern = files.get("pattern", "")
    dates = re.findall(r"\{date:[^{}]+\}", pattern)
    if len(dates) > 1:
        yield "$.files.pattern: only one {date:...} is allowed"
    if dates:
        yield from date_format_problems("$.files.pattern", dates[0][len("{date:") : -1], IN_NAMES)
    rest = pattern.replace(dates[0], "", 1) if dates else pattern
    if "{" in rest or "}" in rest:
        example = in_directives(braced[1]) if (braced := re.search(r"\{(?:date)?:?([^{}]*)\}", rest)) else "%Y%m%d"
        yield f"$.files.pattern: braces are only for {{date:...}}, such as {{date:{example}}}"
    else:
        yield from bare_date_problems("$.files.pattern", rest)
    if "/" in rest:
        yield "$.files.pattern: is matched against the file's name; put folders into $.files.directory"
    if "regex" in files:
        problems = list(pattern_problems("$.files.regex", files["regex"]))
        yield from problems
        if not problems and ("date" in compile_pattern(files["regex"]).groupindex) != ("date_format" in files):
            yield "$.files.date_format: goes with a group of the regex, (?P<date>...), and the other way round"
        if "date_format" in files:
            yield from date_format_problems("$.files.date_format", files["date_format"], READ)
    elif "date_format" in files:
        yield "$.files.date_format: is for a regex; a pattern has {date:%Y%m%d}"
    for setting, example in (("marker", "{name}.done"), ("checksum_file", "{name}.sha256")):
        template = files.get(setting)
        if template is not None and (template.count("{name}") != 1 or template == "{name}" or "/" in template):
            yield f"$.files.{setting}: is a name with {{name}} in it once, such as {example}"
    if "marker" in files and files["marker"] == files.get("checksum_file"):
        yield "$.files.marker: is the checksum_file already, which is waited for as well"
    target = files.get("after", {}).get("to", "")
    for text in re.findall(r"\{date:([^{}]+)\}", target):
        yield from date_format_problems("$.files.after.to", text, WRITTEN)
    target = re.sub(r"\{date:[^{}]+\}", "", target)
    if "{" in target or "}" in target:
        yield "$.files.after.to: braces are only for {date:...}, such as {date:%Y/%m}"


def build_files(files: Mapping[str, Any]) -> FilesSpec:
    """The frozen form of a valid `files`."""
    return FilesSpec(
        **{
            **files,
            **({"exclude": tuple(files["exclude"])} if "exclude" in files else {}),
            "size": SizeSpec(**files.get("size", {})),
            "after": AfterSpec(**files.get("after", {})),
            "batch": BatchSpec(**files.get("batch", {})),
        }
    )
