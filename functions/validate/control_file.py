"""Reads the control file that fetch has put beside the file in the inbox."""

import re

from lakeferry.errors import FileRejectedError
from lakeferry.feeds import ControlFileSpec
from lakeferry.inspect.known import Promise

_FIELDS = {
    "rows": r"(?P<rows>[0-9]+)",
    "bytes": r"(?P<bytes>[0-9]+)",
    "sha256": r"(?P<sha256>[0-9A-Fa-f]{64})",
    "sha1": r"(?P<sha1>[0-9A-Fa-f]{40})",
    "md5": r"(?P<md5>[0-9A-Fa-f]{32})",
    "skip": r"[^\n]*?",
}
_NAMES = "|".join(_FIELDS)
_BARE = re.compile(rf"(?<![A-Za-z0-9_])({_NAMES})(?![A-Za-z0-9_])|(\s+)|(.)", re.DOTALL)
_BRACED = re.compile(rf"\{{({_NAMES})\}}|(\s+)|(.)", re.DOTALL)


def parse_control_file(spec: ControlFileSpec, source: str, data: bytes) -> Promise:
    """What a control file promises.

    The format is searched for in the text, blanks of any length for blanks: so a header line, or other lines around,
    do no harm.

    Args:
        source: Its name, for messages.

    Raises:
        FileRejectedError: it does not have the format.
    """
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = data.decode(encoding, "replace").strip()
    match = re.search(rf"(?<![0-9A-Za-z]){control_pattern(spec.format)}(?![0-9A-Za-z])", text)
    if match is None:
        raise FileRejectedError(
            f"{source}: the control file does not have the form {spec.format!r}: {text[:120]!r}. "
            "Ask the partner to deliver it again, or correct checks.control_file.format."
        )
    found = match.groupdict()
    return Promise(
        source,
        rows=int(found["rows"]) if "rows" in found else None,
        bytes=int(found["bytes"]) if "bytes" in found else None,
        checksums={name: found[name].lower() for name in ("sha256", "sha1", "md5") if name in found},
    )


def control_pattern(form: str) -> str:
    """The format as a regular expression. Where a name is in braces, only such names are fields: `rows={rows}`."""
    parts = []
    for field, blank, sign in (_BRACED if "{" in form else _BARE).findall(form):
        parts.append(_FIELDS[field] if field else r"\s+" if blank else rf"\s*{re.escape(sign)}\s*")
    return "".join(parts)
