"""One pass over a delivered file: decoded, checked, and handed on as the text the raw zone keeps."""

from lakeferry.inspect.inspect import Output, OutputReport, Report, inspect

__all__ = ["Output", "OutputReport", "Report", "inspect"]
