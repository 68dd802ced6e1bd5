"""`lakeferry feeds draft`: a feed from a sample file, a server or a data contract; guesses are marked."""

from cli.drafting.draft import Draft, draft_sample
from cli.drafting.writing import to_yaml

__all__ = ["Draft", "draft_sample", "to_yaml"]
