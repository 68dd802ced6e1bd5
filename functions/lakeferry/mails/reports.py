"""The link to a rejected file's report: how it is put into a cause, and found in one again."""

import re

from lakeferry.mails.text import cut

_REASON = 1000
"""Characters of a reason in an error's message, so that the report's name after it is not cut off anywhere."""
_REPORT = re.compile(r" Report: (s3://\S+)$")


def with_report(reason: str, bucket: str, report_key: str) -> str:
    """An error's message for queue, ledger and mail; the whole reason is in the report."""
    return f"{cut(reason, _REASON)} Report: s3://{bucket}/{report_key}"


def report_in(cause: str) -> str | None:
    """The report that an error's message names."""
    found = _REPORT.search(cause)
    return None if found is None else found[1]
