"""A function's memory does not grow with the file; benchmarks/memory.py shows it on 2 GB."""

import gzip
import os
import time

import pytest

from tests.e2e.conftest import World

TEXT_BYTES = 500_000_000


@pytest.mark.timeout(300)
def test_a_file_larger_than_the_memory_allowed_goes_through(world: World) -> None:
    tenant = world.tenant()
    tenant.configure()
    row = b"%d,1.50\n"
    block = b"".join(row % number for number in range(100_000_000, 100_050_000))
    path = tenant.folder / "sales_20261101_a.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"order_id,amount\n")
        for _ in range(TEXT_BYTES // len(block)):
            file.write(block)
    os.utime(path, (time.time() - 3600, time.time() - 3600))
    world.aws.kill_at(lambda event: event.kind == "entered" and event.state == "Look for pending files")
    tenant.run()
    entry = tenant.files()["sales_20261101_a.csv.gz"]
    assert (entry["status"], entry["rows_landed"]) == ("UPLOADED", TEXT_BYTES // len(block) * 50_000)
    assert entry["bytes_raw"] > 0.95 * TEXT_BYTES
    peaks = {call.function.split("-")[1]: (call.peak_bytes or 0) for call in world.aws.workers.invocations}
    assert max(peaks.values()) < 0.5 * TEXT_BYTES, peaks
