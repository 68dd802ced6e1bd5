"""`lakeferry feeds check`: all that is wrong with a feed's file, with line and column, before anything is started."""

from cli.checking.check import Checked, check_file, check_text, load_document
from cli.checking.finding import Finding

__all__ = ["Checked", "Finding", "check_file", "check_text", "load_document"]
