"""What the ledger keeps of a feed as a whole, in one item beside its files', and of scheduled events."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from lakeferry.aws.items import plain
from lakeferry.aws.tables import batch_get, is_condition, pages, update, utc_now
from lakeferry.ledger.days import DAYS, counted, over

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

State = Mapping[str, Any]
"""A feed's item as plain JSON."""

FEED_ITEM = "!feed"
"""Sort key of the item that holds a feed's own state; `!` sorts before any path."""
RUNS = "!runs"
"""Partition key of the items that tell which run a scheduled event belongs to; the only ones that expire."""
TICK_SECONDS = 14 * 24 * 3600
"""For so long a scheduled event delivered once more starts no second run's work; EventBridge tries for a day."""
HISTORY = 50
"""Files a feed's item remembers at least; twice as many at most."""
IDLE_POLLS = "idle_polls"
"""Attribute of a feed's item: how many polls in a row left files on the server and took none."""
OUT_OF_TIME = "out_of_time"
"""Attribute of a feed's item: how many runs in a row had no time left for it, or for files of it that they took."""
OUT_OF_TIME_IN = "out_of_time_in"
_SLOW_IN = "slow_in"
_RELEASED, _MOST_RELEASED = "released", 50
_SCHEMA = "schema_"
"""Attributes of a feed's item: `schema_<fingerprint>`, when files of that schema landed first."""


@dataclass(frozen=True, slots=True)
class Polled:
    """What was known of a feed as a poll of it ended.

    Attributes:
        failed: `since`, `polls` and `error` of the failed polls before it; empty where there were none.
        released: Paths of files that changed as they were fetched, since the poll before.
        has_taken: Whether any poll so far, this one too, has claimed a file.
        state: The feed's item as it was.
        at: When this poll was noted, as the ledger has it now.
    """

    failed: State
    released: tuple[str, ...]
    has_taken: bool
    state: State = field(default_factory=dict)
    at: str = ""


@dataclass(frozen=True, slots=True)
class Landed:
    """What is kept of a file that landed."""

    file_id: str
    rows: int
    columns: Sequence[str]


def history_of(state: State, file_id: str) -> tuple[tuple[int, ...], tuple[str, ...] | None]:
    """What `note_landed` kept of a feed's other files: rows, newest first, and the last columns."""
    rows: dict[str, int] = {}
    for landed in reversed(state.get("recent", [])):
        rows.setdefault(landed["file"], landed["rows"])
    rows.pop(_short(file_id), None)
    columns = state.get("last_columns")
    return tuple(rows.values()), None if columns is None else tuple(columns)


def was_slow(state: State) -> bool:
    """Whether the feed's server could not be polled last time, or was in trouble, or the feed was over its time."""
    has_stumbled = _SLOW_IN in state and state[_SLOW_IN] == state.get("polled_by")
    return has_stumbled or "failing_since" in state or bool(state.get(OUT_OF_TIME))


class FeedStates:
    """Reads and writes of the feeds' own items in one ledger table."""

    def __init__(self, table: "Table", shared: "Table | None" = None) -> None:
        """
        Args:
            shared: The same table for what is kept of runs, which are no feed's; see `Ledger`.
        """
        self._table, self._shared = table, shared or table

    def get(self, feed_id: str) -> State:
        """What is kept of a feed as a whole; empty for one never polled."""
        item = self._table.get_item(Key=_key(feed_id), ConsistentRead=True).get("Item")
        return {} if item is None else plain(item)

    def known(self, feed_ids: Iterable[str]) -> dict[str, State]:
        """Those of many feeds, by `feed_id`; a feed never polled has none."""
        found = batch_get(self._table, [(feed_id, FEED_ITEM) for feed_id in feed_ids])
        return {str(state["feed_id"]): state for state in found}

    def note_poll(
        self,
        feed_id: str,
        run: str,
        left: Mapping[str, Any] | None = None,
        *,
        time: str | None = None,
        has_taken: bool = False,
        entries: Mapping[str, Any] | None = None,
    ) -> Polled:
        """Keeps that a feed was polled, for schedules that are not every run; what is kept of failed polls ends.

        Args:
            left: What a person should hear of, if anything; `of_run` finds it.
            time: When the run was due: a schedule counts from there, however long listing and settling took.
            has_taken: Whether it claimed files: polls in a row that leave some and take none are counted.
            entries: How the entries of its listing ended.
        """
        now = utc_now()
        told: dict[str, Any] = {"polled_at": now, "polled_by": run, "polled_for": time or now, "entries": entries or {}}
        if has_taken:
            told["taken_at"] = now
        gone = [
            "failing_since",
            "failed_polls",
            "failed_at",
            "failed_run",
            "error",
            "cause",
            OUT_OF_TIME,
            OUT_OF_TIME_IN,
            _RELEASED,
        ]
        if left:
            told |= {"run": run, "left": left}
        else:
            gone += ["run", "left"]
        add = {IDLE_POLLS: 1} if left and not has_taken else {}
        if not add:
            gone.append(IDLE_POLLS)
        before = update(self._table, (feed_id, FEED_ITEM), told, add=add, remove=gone)
        failed = (
            {"since": before["failing_since"], "polls": before["failed_polls"], "error": before["error"]}
            if "failed_polls" in before
            else {}
        )
        has_ever = has_taken or "taken_at" in before or "recent" in before  # the latter of files that landed
        return Polled(failed, tuple(before.get(_RELEASED, ())), has_ever, before, now)

    def note_released(self, feed_id: str, path: str) -> None:
        """Keeps that a file of the feed changed as it was fetched, for the next poll: it may be so each time.

        Those of so many files are kept at most as a mail could be about.
        """
        try:
            self._table.update_item(
                Key=_key(feed_id),
                UpdateExpression="SET #released = list_append(if_not_exists(#released, :none), :path)",
                ConditionExpression="attribute_not_exists(#released) OR size(#released) < :most",
                ExpressionAttributeNames={"#released": _RELEASED},
                ExpressionAttributeValues={":none": [], ":path": [path], ":most": _MOST_RELEASED},
            )
        except ClientError as error:
            if not is_condition(error):
                raise

    def of_run(self, run: str) -> list[State]:
        """The feeds' own items where the run's poll left something that a person should hear of."""
        condition = Key("run").eq(run) & Key("file_id").eq(FEED_ITEM)
        keys = pages(self._table.query, IndexName="by_run", KeyConditionExpression=condition)
        found = batch_get(self._table, [(str(key["feed_id"]), FEED_ITEM) for key in keys])
        return sorted((entry for entry in found if entry.get("run") == run), key=lambda entry: str(entry["feed_id"]))

    def note_landed(self, feed_id: str, landed: Sequence[Landed]) -> None:
        """Keeps how many rows files had that landed, of the day too, and the last one's columns, for the next ones.

        Files of one feed land at the same time; so the list only grows here, and is cut when it is long.
        """
        if not landed:
            return
        key, now = _key(feed_id), datetime.now(UTC)
        counting, names, counts = counted(len(landed), sum(one.rows for one in landed), now)
        kept: State = self._table.update_item(
            Key=key,
            UpdateExpression="SET recent = list_append(if_not_exists(recent, :none), :new), last_columns = :columns "
            + counting,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={
                ":none": [],
                ":new": [{"file": _short(one.file_id), "rows": one.rows} for one in landed],
                ":columns": list(landed[-1].columns),
                **counts,
            },
            ReturnValues="ALL_NEW",
        )["Attributes"]
        count, gone = len(kept["recent"]), over(kept, now)
        if count <= 2 * HISTORY and len(gone) <= DAYS:
            return
        ended = {f"#d{index}": name for index, name in enumerate(gone)}
        try:
            self._table.update_item(
                Key=key,
                UpdateExpression="REMOVE "
                + ", ".join([*(f"recent[{index}]" for index in range(count - HISTORY)), *ended]),
                **({"ExpressionAttributeNames": ended} if ended else {}),  # type: ignore[arg-type]
                ConditionExpression="size(recent) = :count",
                ExpressionAttributeValues={":count": count},
            )
        except ClientError as error:
            if not is_condition(error):
                raise

    def schemas_since(self, feed_id: str, fingerprints: Iterable[str]) -> dict[str, str]:
        """When each of a feed's schemas was asked for first, as `utc_now` writes it; kept in the feed's item."""
        names = {f"#s{at}": _SCHEMA + fingerprint for at, fingerprint in enumerate(sorted(fingerprints))}
        kept = self._table.update_item(
            Key=_key(feed_id),
            UpdateExpression="SET " + ", ".join(f"{name} = if_not_exists({name}, :now)" for name in names),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={":now": utc_now()},
            ReturnValues="ALL_NEW",
        )["Attributes"]
        return {name.removeprefix(_SCHEMA): str(kept[name]) for name in names.values()}

    def note_out_of_time(self, feed_id: str, run: str) -> int:
        """Keeps that the run had no time left for the feed, or for files of it: the next one takes it, due or not.

        Returns:
            How many runs in a row had none; 0 where this one's was noted already.
        """
        try:
            before = update(
                self._table,
                (feed_id, FEED_ITEM),
                {OUT_OF_TIME_IN: run},
                add={OUT_OF_TIME: 1},
                condition="attribute_not_exists(#in) OR #in <> :run",
                names={"#in": OUT_OF_TIME_IN},
                expected={":run": run},
            )
        except ClientError as error:
            if is_condition(error):
                return 0
            raise
        return int(before.get(OUT_OF_TIME, 0)) + 1

    def note_slow(self, feed_id: str, run: str) -> None:
        """Keeps that files of the feed had to be begun again in the run: the next one has the feed after others."""
        update(self._table, (feed_id, FEED_ITEM), {_SLOW_IN: run})

    def note_all_begun(self, run: str) -> None:
        """Keeps that every feed of the run has had its slot."""
        expires_at = int(datetime.now(UTC).timestamp()) + TICK_SECONDS
        update(self._shared, (RUNS, f"begun#{run}"), {"expires_at": expires_at})

    def have_all_begun(self, run: str) -> bool:
        """Whether that was noted."""
        return "Item" in self._shared.get_item(Key={"feed_id": RUNS, "file_id": f"begun#{run}"})

    def take_tick(self, tick: str, run: str) -> bool:
        """Whether the scheduled event of that time is `run`'s: EventBridge may deliver one twice."""
        values = {"run_of_tick": run, "expires_at": int(datetime.now(UTC).timestamp()) + TICK_SECONDS}
        try:
            update(
                self._shared,
                (RUNS, f"schedule#{tick}"),
                values,
                condition="attribute_not_exists(#tick) OR #tick = :mine",
                names={"#tick": "run_of_tick"},
                expected={":mine": run},
            )
        except ClientError as error:
            if is_condition(error):
                return False
            raise
        return True

    def last_tick(self) -> datetime | None:
        """For when the last run was due that a schedule started (UTC); None where none did for two weeks."""
        # a time, of this millennium: whoever starts a run by hand may write anything
        ticks = Key("feed_id").eq(RUNS) & Key("file_id").begins_with("schedule#2")
        found = self._shared.query(KeyConditionExpression=ticks, ScanIndexForward=False, Limit=1)["Items"]
        return _time(str(found[0]["file_id"]).removeprefix("schedule#")) if found else None


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def _key(feed_id: str) -> dict[str, str]:
    return {"feed_id": feed_id, "file_id": FEED_ITEM}


def _short(file_id: str) -> str:
    return hashlib.sha256(file_id.encode("utf-8", "surrogateescape")).hexdigest()[:16]
