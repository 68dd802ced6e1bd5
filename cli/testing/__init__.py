"""`lakeferry feeds test`: a feed tried against its server, with nothing written, moved or claimed."""

from cli.testing.trial import Trial, Tried, try_feed

__all__ = ["Trial", "Tried", "try_feed"]
