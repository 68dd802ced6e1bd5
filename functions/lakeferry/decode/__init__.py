"""Delivered bytes to decoded files, in a stream: what a file is wrapped in comes off here."""

from lakeferry.decode.chain import Member, open_members
from lakeferry.decode.keys import DecodeKeys
from lakeferry.decode.stream import Delivered, Readable, drain

__all__ = ["DecodeKeys", "Delivered", "Member", "Readable", "drain", "open_members"]
