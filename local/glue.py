"""Glue's crawlers and job runs, which moto keeps as records only, carried out by two callables."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from moto.core.utils import utcnow
from moto.glue import models
from moto.glue.exceptions import ConcurrentRunsExceededException, CrawlerRunningException

Crawl = Callable[[str], None]
"""Takes a crawler's name; raises when the crawl fails."""
RunJob = Callable[[str, Mapping[str, str]], tuple[bool, str]]
"""Takes a job's name and the run's arguments; whether it succeeded, and the message when not."""


class _Hooks:
    crawl: Crawl | None = None
    run_job: RunJob | None = None


hooks = _Hooks()


class Ends:
    """Job runs that ended, for whoever waits for one: to ask all the time costs a tenth of a core."""

    LONGEST_SECONDS, JUST_NOW_SECONDS = 0.5, 0.1

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._last = 0.0

    def tell(self) -> None:
        """One has ended."""
        with self._changed:
            self._last = time.monotonic()
            self._changed.notify_all()

    def wait(self) -> None:
        """Until one ends, and not for long: whoever waits may be stopped. One that just ended may not be known yet."""
        with self._changed:
            is_new = time.monotonic() - self._last < self.JUST_NOW_SECONDS
            self._changed.wait(self.JUST_NOW_SECONDS if is_new else self.LONGEST_SECONDS)


ends = Ends()


class _Crawl:
    log_group, log_stream, message_prefix = "/aws-glue/crawlers", "local", "local"

    def __init__(self) -> None:
        self.start_time, self.end_time = utcnow(), None
        self.status, self.error = "RUNNING", ""


class LocalGlueBackend(models.GlueBackend):
    """moto's Glue, but crawls and job runs do something, and end with AWS's words."""

    def start_crawler(self, name: str) -> None:
        crawler = super().get_crawler(name)
        if crawler.crawls and crawler.crawls[-1].status == "RUNNING":
            raise CrawlerRunningException(f"Crawler with name {name} has already started")
        crawl = _Crawl()
        crawler.crawls.append(crawl)

        def work() -> None:
            try:
                if hooks.crawl is not None:
                    hooks.crawl(name)
                crawl.status = "SUCCEEDED"
            except Exception as error:
                crawl.status, crawl.error = "FAILED", f"{type(error).__name__}: {error}"
            crawl.end_time = utcnow()

        threading.Thread(target=work, name=f"crawler-{name}", daemon=True).start()

    def get_crawler(self, name: str) -> Any:
        crawler = super().get_crawler(name)
        if not isinstance(crawler, _Crawler):
            crawler.__class__ = _Crawler
        return crawler

    def start_job_run(self, name: str, *args: Any, **named: Any) -> str:
        job = self.get_job(name)
        limit = int((job.execution_property or {}).get("MaxConcurrentRuns", 1))
        if sum(run.status in {"STARTING", "RUNNING"} for run in job.job_runs) >= limit:
            raise ConcurrentRunsExceededException(f"Concurrent runs exceeded for {name}")
        run_id = str(super().start_job_run(name, *args, **named))
        run = next(run for run in job.job_runs if run.job_run_id == run_id)
        run.__class__ = _JobRun
        run.state, run.message = "RUNNING", ""

        def work() -> None:
            try:
                done, run.message = (True, "") if hooks.run_job is None else hooks.run_job(name, run.arguments or {})
            except Exception as error:
                done, run.message = False, f"{type(error).__name__}: {error}"
            run.completed_on = utcnow()
            run.state = "SUCCEEDED" if done else "FAILED"
            ends.tell()

        threading.Thread(target=work, name=f"job-{name}", daemon=True).start()
        return run_id


# moto finds a backend's service by its module
LocalGlueBackend.__module__ = models.__name__


class _Crawler(models.FakeCrawler):
    @property
    def status(self) -> str:
        return "RUNNING" if self.crawls and self.crawls[-1].status == "RUNNING" else "READY"

    def as_dict(self) -> dict[str, Any]:
        described: dict[str, Any] = super().as_dict()
        described.pop("LastCrawl", None)
        if self.crawls and self.status == "READY":
            last = self.crawls[-1]
            described["LastCrawl"] = {"Status": last.status, "ErrorMessage": last.error, "StartTime": last.start_time}
        return described


class _JobRun(models.FakeJobRun):
    state, message = "STARTING", ""

    @property
    def status(self) -> str:
        return self.state

    @status.setter
    def status(self, value: str) -> None:
        """moto moves runs on by the clock; ours move when they move."""

    def as_dict(self) -> dict[str, Any]:
        described: dict[str, Any] = super().as_dict()
        described["JobRunState"] = self.state
        if self.state == "FAILED":
            described["ErrorMessage"] = self.message[-2000:]
        if self.state == "RUNNING":
            described.pop("CompletedOn", None)
        return described
