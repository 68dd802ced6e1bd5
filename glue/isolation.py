"""A file that takes its day along when it is built is found, and left out, so that the rest of the day is curated.

Found by building halves of the day aside, and halves of those: what fails then as it did before, alone, is to blame.
Where each can be built alone, what came later than those that it does not go together with is.
A file that the ledger does not tell enough of is to blame before anything is built.
Where that is nobody in particular, or too many, or a file whose rows people read already, the day fails as a whole and
stays as it was: no row vanishes that was there.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from botocore.exceptions import BotoCoreError, ClientError

from balance import RuleViolatedError
from faults import ends_spark, is_of_bytes, is_of_the_moment, is_unreadable, reason
from lakeferry.errors import (
    DatasetEmptyError,
    DatasetTakenError,
    FileNotCuratedError,
    LakeferryError,
    PartitionTooHeavyError,
)
from partition import Built, LeftOut
from references import ReferenceUnusableError
from tableformats import TableFormatError
from work import GivenUpError
from worklist import LandedFile, Partition

MOST = 5
"""Files of a day that are left out; with more it is the feed, or all of the partner's files."""
_NEVER_A_FILES = (
    *(GivenUpError, RuleViolatedError, ReferenceUnusableError, TableFormatError, PartitionTooHeavyError),
    *(DatasetTakenError, DatasetEmptyError, ClientError, BotoCoreError, MemoryError),
)
Build = Callable[[Sequence[LandedFile]], Built]


class _TooManyError(Exception):
    """More files fail than are left out."""


def built_without(
    partition: Partition, files: Sequence[LandedFile], build: Build, drop: Callable[[Built], None]
) -> Built:
    """Builds a partition; where that fails because of single files, without them.

    Args:
        build: Builds the partition of some of its files, aside.
        drop: Takes away what was built aside.

    Raises:
        FileNotCuratedError: a file fails whose rows were curated before, or nothing can be read of any of them.
        Exception: what `build` raised, where no single file is to blame.
    """
    unknown = [LeftOut(file, file.lacks) for file in files if file.lacks]
    known = [file for file in files if not file.lacks]
    if not known:
        raise FileNotCuratedError(f"{partition}: {_named(unknown)}.")
    _check_not_curated(partition, unknown)
    built, left_out = _built(partition, known, build, drop)
    return replace(built, left_out=(*unknown, *left_out))


def _built(
    partition: Partition, files: Sequence[LandedFile], build: Build, drop: Callable[[Built], None]
) -> tuple[Built, Sequence[LeftOut]]:
    try:
        return build(files), ()
    except Exception as error:
        if len(files) == 1 and is_unreadable(error) and not isinstance(error, LakeferryError):
            # one of ours names the file itself
            alone = LeftOut(files[0], reason(error))
            raise FileNotCuratedError(f"{partition}: {_named([alone])}. It is the only one of its day.") from error
        if len(files) < 2 or not _may_be_a_files(error):
            raise
        try:
            left_out = _culprits(files, build, drop) or _latecomers(files, build, drop)
        except _TooManyError:
            left_out = ()
        if not left_out or len(left_out) == len(files):
            raise
        _check_not_curated(partition, left_out)
        apart = {each.file.file_id for each in left_out}
        return build([file for file in files if file.file_id not in apart]), left_out


def _check_not_curated(partition: Partition, left_out: Sequence[LeftOut]) -> None:
    """People read a partition's rows: none of them vanishes because its file cannot be read any more."""
    if curated := [each for each in left_out if each.file.was_curated]:
        raise FileNotCuratedError(
            f"{partition}: {_named(curated)}. Its rows were curated before, so the partition stays as it was."
        )


def _culprits(files: Sequence[LandedFile], build: Build, drop: Callable[[Built], None]) -> Sequence[LeftOut]:
    """Those files that fail each by itself.

    Raises:
        _TooManyError: there are more than are left out.
    """
    found: list[LeftOut] = []
    middle = len(files) // 2
    groups = [files[middle:], files[:middle]]
    while groups:
        group = groups.pop()
        try:
            drop(build(group))
        except Exception as error:
            if not _may_be_a_files(error):
                raise
            if len(group) > 1:
                middle = len(group) // 2
                groups += [group[middle:], group[:middle]]
                continue
            found.append(LeftOut(group[0], reason(error)))
            if len(found) > MOST:
                raise _TooManyError from error
    return found


def _latecomers(files: Sequence[LandedFile], build: Build, drop: Callable[[Built], None]) -> Sequence[LeftOut]:
    """Those that do not go together with files before them, where each does by itself, such as by a column's type.

    Raises:
        _TooManyError: there are more than are left out.
    """
    rest = sorted(files, key=lambda file: (not file.was_curated, file.uploaded_at))
    found: list[LeftOut] = []
    good = 1
    while True:
        # files up to `good` can be built, and those up to `bad` not, if there are any
        bad, error = len(rest) + 1, None
        while bad - good > 1:
            middle = len(rest) if bad > len(rest) else (good + bad) // 2
            try:
                drop(build(rest[:middle]))
                good = middle
            except Exception as trouble:
                if not _may_be_a_files(trouble):
                    raise
                bad, error = middle, trouble
        if error is None:
            return found
        found.append(LeftOut(rest.pop(bad - 1), reason(error)))
        if len(found) > MOST:
            raise _TooManyError from error


def _may_be_a_files(error: BaseException) -> bool:
    if isinstance(error, _NEVER_A_FILES) or ends_spark(error) or not is_of_bytes(error):
        return False
    return not is_of_the_moment(error)


def _named(left_out: Sequence[LeftOut]) -> str:
    return "; ".join(f"{each.file.path} cannot be curated ({each.reason})" for each in left_out)
