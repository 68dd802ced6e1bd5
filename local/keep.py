"""AWS on loopback that stays: the stack, two partners' servers with files, the example feeds. `make local`.

    python -m local.keep [--host ADDRESS] [--port 4566]

Ctrl-C ends it. What it prints can be pasted: an AWS CLI call, and `sam local invoke` where Docker is there. While runs
go on it tells of them: stages, files, failures, mails, a line each; no colour in a pipe.
"""

import argparse
import json
import shutil
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from local import backends, glue_job
from local.aws import LOOPBACK_TOLD, LocalAws
from local.console import Console
from local.demo import PASSWORD, configure
from local.demo_data import deliver, deliver_samples
from local.following import Following
from local.partners import FtpPartner, SftpPartner

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".local-aws"


def main(stopped: threading.Event | None = None) -> int:
    """Stays until Ctrl-C, or until `stopped` is set."""
    parser = argparse.ArgumentParser(
        prog="make local", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address of AWS and partners' servers, for containers the bridge's gateway"
    )
    parser.add_argument("--port", type=int, default=4566)
    options = parser.parse_args()
    stopped = stopped or _until_signal()
    console = Console()
    shutil.rmtree(FOLDER, ignore_errors=True)
    deliver(FOLDER / "partners" / "acme", FOLDER / "partners" / "globex", datetime.now(UTC).date())
    deliver_samples(FOLDER / "partners" / "acme")
    login = {"username": "lake", "password": PASSWORD, "host": options.host}
    with (
        SftpPartner(FOLDER / "partners" / "acme", **login) as sftp,
        FtpPartner(FOLDER / "partners" / "globex", **login) as ftp,
        LocalAws(folder=FOLDER / "lake", time_scale=1.0, host=options.host, port=options.port) as aws,
    ):
        console.line(f"AWS on loopback: {aws.endpoint}")
        console.line(LOOPBACK_TOLD)
        aws.on_event(glue_job.warm_up_with_first_file)
        configure(aws, sftp, ftp, console, options.host)
        Following(aws, console)
        environment = FOLDER / "env.json"
        environment.write_text(json.dumps(backends.environment_for_sam(aws), indent=2) + "\n", "utf-8")
        lake = (FOLDER / "lake").relative_to(ROOT)
        credentials = "AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=eu-west-1"
        print(
            f"""
Call a function:
  {credentials} aws --endpoint-url {aws.endpoint} lambda invoke \\
    --function-name {aws.resources["PollFunction"]} \\
    --cli-binary-format raw-in-base64-out --payload file://events/poll.json out.json
Start a run:
  {credentials} aws --endpoint-url {aws.endpoint} stepfunctions start-execution --state-machine-arn {aws.state_machine}
With Docker (the events are a story: poll, fetch, validate, upload; docs/deploy.md):
  sam local invoke PollFunction -e events/poll.json --env-vars {environment.relative_to(ROOT)}
The lake: {lake}    Functions' logs: {lake}/.lakeferry/functions.log
What happens in runs is printed here, below. Ctrl-C ends it.""",
            flush=True,
        )
        stopped.wait()
    return 0


def _until_signal() -> threading.Event:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    return stopped


if __name__ == "__main__":
    sys.exit(main())
