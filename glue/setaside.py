"""Partitions that failed by their feed's own fault, and files by theirs: off the work list, until either changes."""

from collections import defaultdict
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from faults import reason
from lakeferry.aws.side_by_side import side_by_side
from lakeferry.errors import FileNotCuratedError
from lakeferry.ledger import Ledger
from lakeferry.ledger.asides import CURATE
from lakeferry.ledger.datasets import Owned, tried_with
from partition import LeftOut
from worklist import LandedFile, Partition

NAMED = 5
"""Partitions of a feed that are named, with their reasons."""
Files = Mapping[Partition, list[LandedFile]]
Failed = MutableMapping[Partition, str]
Apart = Mapping[Partition, tuple[LeftOut, ...]]


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

    def set_aside(self, files: Files, failed: Failed, own: Failed, left_out: Apart) -> None:
        """What cannot be set aside stays on the work list and is nobody's own fault any more.

        Args:
            failed: Partition → reason.
            own: Of these, the ones that failed by their feed's fault → the error's name.
            left_out: Partitions that were curated → the files they were curated without.
        """
        by_feed: dict[str, list[Partition]] = defaultdict(list)
        for partition in sorted({*own, *left_out}):
            by_feed[f"{partition.tenant}/{partition.feed}"].append(partition)
        for feed_id, partitions in by_feed.items():
            try:
                self._one_feed(feed_id, partitions, files, failed, own, left_out)
            except Exception as error:  # the other feeds' are set aside all the same, and the run fails
                for partition in partitions:
                    own.pop(partition, None)
                    why = failed[partition] if partition in failed else _left(left_out, partition)
                    failed[partition] = f"{why}; not set aside: {reason(error)}"
        for aside in self._ledger.asides.of(CURATE):
            if aside.feed_id not in by_feed and not self._ledger.files_aside(aside.feed_id):
                self._ledger.asides.clear(aside)

    def _one_feed(
        self,
        feed_id: str,
        partitions: list[Partition],
        files: Files,
        failed: Failed,
        own: Mapping[Partition, str],
        left_out: Apart,
    ) -> None:
        reasons = [failed[partition] if partition in own else _left(left_out, partition) for partition in partitions]
        named = [f"dt={partition.dt}: {why}" for partition, why in zip(partitions, reasons, strict=True)][:NAMED]
        more = [f"and {len(partitions) - NAMED} more partitions"] if len(partitions) > NAMED else []
        document = self._document(partitions[0].tenant, partitions[0].feed)
        whole = [partition for partition in partitions if partition in own]
        error = own[whole[0]] if whole else FileNotCuratedError.__name__
        apart = [each.file for partition in partitions for each in left_out.get(partition, ())]
        # first, since files that are aside are found again by this alone
        self._ledger.asides.note(
            feed_id,
            CURATE,
            fingerprint=tried_with(document, error, self._owned),
            error=error,
            cause="; ".join(named + more),
            partitions=len(whole),
            files=len(apart),
        )
        landed = [file for partition in whole for file in files.get(partition, [])] + apart
        side_by_side(lambda file: self._ledger.set_aside(feed_id, file.file_id, file.uploaded_at or None), landed)


def _left(left_out: Apart, partition: Partition) -> str:
    """Why files were left out, and which."""
    return "; ".join(f"{each.file.path}: {each.reason}" for each in left_out[partition])
