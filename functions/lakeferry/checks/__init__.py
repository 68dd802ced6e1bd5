"""One pass over a delivered file: decoded, checked, and handed on as the text the raw zone keeps."""

from lakeferry.checks.badrows import BadRow, BadRows, Problem
from lakeferry.checks.formats import FORMATS, FileCheck, Reading
from lakeferry.checks.inspect import Output, OutputReport, Report, inspect

__all__ = [
    "FORMATS",
    "BadRow",
    "BadRows",
    "FileCheck",
    "Output",
    "OutputReport",
    "Problem",
    "Reading",
    "Report",
    "inspect",
]
