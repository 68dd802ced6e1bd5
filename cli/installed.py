"""Where `lakeferry` begins once it is installed.

A wheel has the project as it is in a clone, in one folder (`pyproject.toml` says what): this file is that folder's
`__init__.py`. So nothing but the folder lies among other projects' packages, and every path is the one of a clone.
"""

import sys
from pathlib import Path


def main() -> None:
    """The program `lakeferry`."""
    home = Path(__file__).parent
    sys.path[:0] = [str(home), str(home / "functions")]
    from cli.__main__ import run

    run()
