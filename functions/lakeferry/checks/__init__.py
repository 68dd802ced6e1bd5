"""One pass over a delivered file: decoded, checked, and handed on as the UTF-8 text the raw zone keeps."""

from lakeferry.checks.inspect import Output, OutputReport, Report, inspect

__all__ = ["Output", "OutputReport", "Report", "inspect"]
