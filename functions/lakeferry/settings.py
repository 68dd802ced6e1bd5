"""The one reader of `os.environ`: what the template tells a function."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

NAMED = "lakeferry/"
"""What a secret's name begins with in a feed's document; in Secrets Manager it is the stack's `SecretPrefix`."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Names of the stack's resources, and limits.

    Attributes:
        part_bytes: Smallest size of an S3 multipart part, bytes.
        max_attempts: How often a file or feed that fails for a passing reason is tried before it needs a person.
        state_machine: Its ARN.
        dead_letter_queue: Its URL.
        topic: ARN of the topic of all mails.
        max_connections_per_server: The most connections to one partner's server, of all tenants together.
        denied_networks, allowed_networks: Where partners' servers may not, and may, be; see `servers/networks.py`.
        batch_files: Files that travel together at most, where the feed does not say; `batch_bytes`, their bytes.
        max_feeds_at_once, max_fetches_at_once: Feeds of a run, and batches of one feed, that are at work together.
        event_bus: Name or ARN of the EventBridge bus of the stack's own events.
        metrics_of: Tenants, and feeds as `tenant/feed`, that have metrics of their own.
        secret_prefix: What the stack's secrets are called, for the `lakeferry/` of feed documents.
        tenant_role: ARN of the role that work for one tenant assumes; empty where each function uses its own.
        min_retention_days: Days that everything is kept, whatever a feed's `retention` says.
        run_minutes: What a run has for its feeds; what is left then is the next run's.
        database: Of the Glue Data Catalog.
        small_partition_bytes: Raw bytes up to which a partition is curated by a function.
        openlineage_url: Where run events go: `lake`, or an endpoint's URL; empty for nowhere.
        openlineage_secret: Name of the secret with the endpoint's `api_key`; empty where it wants none.
        silent_after_minutes: So long may no run finish before somebody is told.
        schedule: When runs start, as EventBridge takes it.
    """

    ledger_table: str
    feeds_table: str
    lake_bucket: str
    inbox_bucket: str
    work_bucket: str
    part_bytes: int
    max_attempts: int
    sla_table: str = ""
    state_machine: str = ""
    dead_letter_queue: str = ""
    topic: str = ""
    silent_after_minutes: int = 120
    schedule: str = ""
    max_connections_per_server: int = 16
    denied_networks: str = ""
    allowed_networks: str = ""
    metrics_of: tuple[str, ...] = ()
    event_bus: str = "default"
    run_minutes: int = 45
    batch_files: int = 50
    batch_bytes: int = 64 * 1024 * 1024
    database: str = ""
    small_partition_bytes: int = 0
    max_feeds_at_once: int = 100
    max_fetches_at_once: int = 40
    secret_prefix: str = NAMED
    tenant_role: str = ""
    openlineage_url: str = ""
    openlineage_secret: str = ""
    min_retention_days: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Reads the settings; a missing variable raises `KeyError` with its name."""
        return cls(
            ledger_table=environment["LEDGER_TABLE"],
            feeds_table=environment["FEEDS_TABLE"],
            lake_bucket=environment["LAKE_BUCKET"],
            inbox_bucket=environment["INBOX_BUCKET"],
            work_bucket=environment["WORK_BUCKET"],
            part_bytes=int(environment.get("PART_BYTES") or 16 * 1024 * 1024),
            max_attempts=int(environment.get("MAX_ATTEMPTS") or 5),
            sla_table=environment.get("SLA_TABLE", ""),
            state_machine=environment.get("STATE_MACHINE_ARN", ""),
            dead_letter_queue=environment.get("DEAD_LETTER_QUEUE_URL", ""),
            topic=environment.get("TOPIC_ARN", ""),
            silent_after_minutes=int(environment.get("SILENT_AFTER_MINUTES") or 120),
            schedule=environment.get("SCHEDULE_EXPRESSION", ""),
            max_connections_per_server=int(environment.get("MAX_CONNECTIONS_PER_SERVER") or 16),
            denied_networks=environment.get("DENIED_NETWORKS", ""),
            allowed_networks=environment.get("ALLOWED_NETWORKS", ""),
            event_bus=environment.get("EVENT_BUS") or "default",
            metrics_of=tuple(filter(None, environment.get("METRICS_OF", "").replace(" ", "").split(","))),
            run_minutes=int(environment.get("RUN_MINUTES") or 45),
            batch_files=int(environment.get("BATCH_FILES") or 50),
            batch_bytes=int(environment.get("BATCH_BYTES") or 64 * 1024 * 1024),
            database=environment.get("DATABASE", ""),
            small_partition_bytes=int(environment.get("SMALL_PARTITION_BYTES") or 0),
            max_feeds_at_once=int(environment.get("MAX_FEEDS_AT_ONCE") or 100),
            max_fetches_at_once=int(environment.get("MAX_FETCHES_AT_ONCE") or 40),
            secret_prefix=environment.get("SECRET_PREFIX") or NAMED,
            tenant_role=environment.get("TENANT_ROLE_ARN", ""),
            openlineage_url=environment.get("OPENLINEAGE_URL", ""),
            openlineage_secret=environment.get("OPENLINEAGE_SECRET", ""),
            min_retention_days=int(environment.get("MIN_RETENTION_DAYS") or 0),
        )
