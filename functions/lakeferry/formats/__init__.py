"""Formats: decoded bytes to rows that the raw zone keeps. `cards.py` lists them; each is a folder, or a module.

What is here is what a feed document needs. Readers and all that they read with are in their own modules, since most
functions never read a file: `lakeferry.formats.reading` opens the one that a feed needs.
"""

from lakeferry.formats.cards import CARDS, SUFFIXES, Card, FormatSpec, RawKind, TrailerSpec
from lakeferry.formats.raw import RawForm, raw_form, raw_name

__all__ = [
    "CARDS",
    "SUFFIXES",
    "Card",
    "FormatSpec",
    "RawForm",
    "RawKind",
    "TrailerSpec",
    "raw_form",
    "raw_name",
]
