"""What an FTP server says before anything is asked of it, and who speaks so that is none."""

import ftplib
import re
from collections.abc import Callable

from lakeferry.servers.answering import OtherProtocolError, is_begun, kind_of, says_something_else, told
from lakeferry.servers.ftp_answers import EndlessAnswerError

BANNER_LINES = 50
"""Before the greeting."""
_FTP_CODE = re.compile(rb"[1-5]\d\d[ -](?![^\r\n]*\bE?SMTP\b)")

_BEGUN = re.compile(rb"[1-5](\d(\d([ -].*)?)?)?", re.DOTALL)


def greeting(next_answer: Callable[[], str], first: Callable[[], bytes]) -> str:
    """The one that says that the server is ready.

    Lines without a code before it are what an operator had to say; those of another protocol are not.

    Args:
        first: Tells the first bytes that came, be they a line or not.

    Raises:
        OtherProtocolError: it is no FTP server.
        ftplib.Error, OSError, EOFError: it is not there, or busy.
    """
    said: list[str] = []
    while len(said) < BANNER_LINES:
        try:
            answer = next_answer()
        except EndlessAnswerError:
            raise
        except (ftplib.error_perm, ftplib.error_temp) as refused:
            refuse_other(str(refused).encode("iso-8859-1"))
            raise
        except ftplib.error_proto as line:
            said.append(str(line))
            refuse_other(said[-1].encode("iso-8859-1"))
        except EOFError:
            raise _ended(" ".join(said).strip()) from None
        except TimeoutError:
            # who has said something else than FTP says, and waits for an answer now, says no more the next time
            is_ftp = _FTP_CODE.match(first().lstrip()) or is_begun(first(), _BEGUN)
            if not is_ftp and says_something_else(first()):
                raise OtherProtocolError(told(first())) from None
            raise
        else:
            refuse_other(answer.encode("iso-8859-1"))
            if not answer.startswith("1"):  # "120 Ready in 2 minutes"
                return answer
            said.append(answer)
    raise OtherProtocolError(f"no greeting within {BANNER_LINES} lines: {told(said[0].encode('iso-8859-1'))}")


def refuse_other(first: bytes | None) -> None:
    """
    Raises:
        OtherProtocolError: who begins so speaks another protocol.
    """
    if first is not None and kind_of(first) is not None and not _FTP_CODE.match(first):
        raise OtherProtocolError(told(first))


def _ended(text: str) -> Exception:
    if not says_something_else(text.encode("iso-8859-1")):
        return EOFError(f"it says {text[:200]!r}, and ends the connection" if text else "")
    return OtherProtocolError(told(text.encode("iso-8859-1")))
