"""Feed documents: one module a section of the document, one for the whole."""

from lakeferry.feeds.catalog import CatalogSpec
from lakeferry.feeds.content import ChecksSpec, ColumnSpec, FormatSpec, RowsSpec
from lakeferry.feeds.document import Feed, NotifySpec, load_feed, parse_feed, plain, put_feed
from lakeferry.feeds.files import AfterSpec, FilesSpec, SizeSpec
from lakeferry.feeds.server import AlgorithmsSpec, ServerSpec
from lakeferry.feeds.transform import DeduplicateSpec, EnrichSpec, FlattenSpec, RuleSpec, TransformSpec

__all__ = [
    "AfterSpec",
    "AlgorithmsSpec",
    "CatalogSpec",
    "ChecksSpec",
    "ColumnSpec",
    "DeduplicateSpec",
    "EnrichSpec",
    "Feed",
    "FilesSpec",
    "FlattenSpec",
    "FormatSpec",
    "NotifySpec",
    "RowsSpec",
    "RuleSpec",
    "ServerSpec",
    "SizeSpec",
    "TransformSpec",
    "load_feed",
    "parse_feed",
    "plain",
    "put_feed",
]
