"""Decoded files that wait for the one moment in which they become visible in the raw zone.

One that fills no part of an upload is an object in the work bucket, which S3 copies to its raw key then: two calls,
where an upload takes three. A larger one waits as parts of an upload at its raw key that is not completed.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.errors import BalanceError
from lakeferry.lake import Upload, abort_upload, complete_upload, delete_objects, is_there, list_parts
from lakeferry.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_GONE = frozenset({"NoSuchKey", "404", "NotFound"})
_ANOTHER = frozenset({"PreconditionFailed", "412"})


class Waiting:
    """What validate has made of one file, and upload makes visible.

    Outputs are those of `lakeferry.ledger.outputs`: each has a `staged` key and `etag`, or an `upload_id`.
    """

    def __init__(self, s3: "S3Client", settings: Settings, metadata: Mapping[str, str]) -> None:
        """Calls nothing yet.

        Args:
            metadata: What the objects were written with; it tells this version's from an older one's.
        """
        self._s3, self._lake, self._work, self._metadata = s3, settings.lake_bucket, settings.work_bucket, metadata

    def holds(self, output: Mapping[str, Any]) -> bool:
        """Whether all bytes of the output still wait."""
        if "staged" in output:
            return self._etag_of(output["staged"]) == str(output["etag"])
        parts = list_parts(self._s3, self._upload(output))
        return parts is not None and sum(int(part["Size"]) for part in parts) == int(output["bytes"])

    def is_visible(self, output: Mapping[str, Any]) -> bool:
        """Whether this version of it is at its raw key."""
        return is_there(self._s3, self._lake, output["key"], output["bytes"], self._metadata)

    def reveal(self, output: Mapping[str, Any]) -> None:
        """Makes the output visible, all at once. Does nothing when that has happened already.

        Raises:
            BalanceError: what waits is not exactly what was written; nothing became visible.
        """
        if "staged" not in output:
            complete_upload(self._s3, self._upload(output), output["bytes"], self._metadata)
            return
        try:
            self._s3.copy_object(
                Bucket=self._lake,
                Key=output["key"],
                CopySource={"Bucket": self._work, "Key": output["staged"]},
                CopySourceIfMatch=output["etag"],
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _GONE and self.is_visible(output):
                return
            if code in _GONE | _ANOTHER:
                raise BalanceError(
                    f"s3://{self._lake}/{output['key']}: the {output['bytes']} bytes that were checked do not wait for "
                    f"it any more, and no object of this version is there ({code}). Reprocess the file."
                ) from error
            raise

    def drop(self, outputs: Sequence[Mapping[str, Any]]) -> None:
        """Nothing of them becomes visible."""
        uploads = [self._upload(output) for output in outputs if "upload_id" in output]
        side_by_side(lambda upload: abort_upload(self._s3, upload), uploads)
        self.clear(outputs)

    def clear(self, outputs: Sequence[Mapping[str, Any]]) -> None:
        """Deletes what was staged; what is gone already is fine."""
        delete_objects(self._s3, self._work, staged_keys(outputs))

    def _upload(self, output: Mapping[str, Any]) -> Upload:
        return Upload(self._lake, output["key"], output["upload_id"])

    def _etag_of(self, key: str) -> str | None:
        try:
            return self._s3.head_object(Bucket=self._work, Key=key)["ETag"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise


def staged_keys(outputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys in the work bucket."""
    return [output["staged"] for output in outputs if "staged" in output]
