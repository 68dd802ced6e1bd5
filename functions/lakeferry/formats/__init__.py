"""Reading a format: decoded bytes to rows that the raw zone keeps, a module a format."""

from lakeferry.formats.formats import BLOCK_BYTES, FORMATS, FileCheck, Reading

__all__ = ["BLOCK_BYTES", "FORMATS", "FileCheck", "Reading"]
