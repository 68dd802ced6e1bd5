"""Partitions that failed by their feed's own fault: off the work list, until feed or files change."""

from collections import defaultdict
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from faults import reason
from lakeferry.aws.side_by_side import side_by_side
from lakeferry.ledger import Ledger
from lakeferry.ledger.asides import CURATE
from lakeferry.ledger.datasets import Owned, tried_with
from worklist import LandedFile, Partition

NAMED = 5
"""Partitions of a feed that are named, with their reasons."""
Files = Mapping[Partition, list[LandedFile]]
Failed = MutableMapping[Partition, str]


class SetAside:
    """Sets files aside: they would fail again as they did, and no job is paid for that."""

    def __init__(
        self,
        ledger: Ledger,
        document: Callable[[str, str], Mapping[str, Any] | None],
        owned: Callable[[str], Owned | None],
    ) -> None:
        """
        Args:
            document: The document of a tenant's feed that this job works with.
            owned: Who may write to a dataset, as this job found it.
        """
        self._ledger, self._document, self._owned = ledger, document, owned

    def set_aside(self, files: Files, failed: Failed, own: Failed) -> None:
        """What cannot be set aside stays on the work list and is nobody's own fault any more.

        Args:
            failed: Partition → reason.
            own: Of these, the ones that failed by their feed's fault → the error's name.
        """
        by_feed: dict[str, list[Partition]] = defaultdict(list)
        for partition in sorted(own):
            by_feed[f"{partition.tenant}/{partition.feed}"].append(partition)
        for feed_id, partitions in by_feed.items():
            try:
                self._one_feed(feed_id, partitions, files, failed, own)
            except Exception as error:  # the other feeds' are set aside all the same, and the run fails
                for partition in partitions:
                    own.pop(partition)
                    failed[partition] += f"; not set aside: {reason(error)}"
        for aside in self._ledger.asides.of(CURATE):
            if aside.feed_id not in by_feed and not self._ledger.files_aside(aside.feed_id):
                self._ledger.asides.clear(aside)

    def _one_feed(
        self, feed_id: str, partitions: list[Partition], files: Files, failed: Failed, own: Mapping[Partition, str]
    ) -> None:
        named = [f"dt={partition.dt}: {failed[partition]}" for partition in partitions[:NAMED]]
        more = [f"and {len(partitions) - NAMED} more partitions"] if len(partitions) > NAMED else []
        document = self._document(partitions[0].tenant, partitions[0].feed)
        # first, since files that are aside are found again by this alone
        self._ledger.asides.note(
            feed_id,
            CURATE,
            fingerprint=tried_with(document, own[partitions[0]], self._owned),
            error=own[partitions[0]],
            cause="; ".join(named + more),
            partitions=len(partitions),
        )
        landed = [file for partition in partitions for file in files.get(partition, [])]
        side_by_side(lambda file: self._ledger.set_aside(feed_id, file.file_id, file.uploaded_at), landed)
