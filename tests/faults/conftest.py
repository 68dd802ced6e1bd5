"""AWS in this process, and the servers of the contract suite."""

# fixtures of theirs
from tests.contract.conftest import _files_for_every_user, folder, sftp, sftp_server, start_ftp, started  # noqa: F401
from tests.unit.conftest import ledger, s3  # noqa: F401
