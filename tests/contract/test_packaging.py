"""Each function's bundle holds all it imports, and nothing heavy it does not need; so does the Glue job.

`sam build` takes wheels for Lambda's Python and the stack's architecture, which do not run here; the same recipe with
this machine's Python and architecture does.
"""

import importlib.util
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from local.template import load
from tools import bundle

ROOT = Path(__file__).parent.parent.parent
FUNCTIONS = [
    (name, found["Properties"]["Handler"])
    for name, found in load(ROOT / "template.yaml")["Resources"].items()
    if found["Type"] == "AWS::Serverless::Function"
]
ONE_A_LOCK = {"DescribeFunction", "PollFunction", "CheckSlaFunction", "ValidateFunction"}
ON_LINUX = platform.system() == "Linux" and platform.machine() == "x86_64"
MAKEFILE = ROOT / "functions" / "Makefile"
IMPORT = """
import importlib, sys
sys.path = [sys.argv[1]] + [path for path in sys.path if "site-packages" not in path]
module, name = sys.argv[2].rsplit(".", 1)
assert callable(getattr(importlib.import_module(module), name))
if module == "validate.handler":
    # formats are imported when a feed needs them
    import pkgutil, lakeferry.formats
    for found in pkgutil.walk_packages(lakeferry.formats.__path__, "lakeferry.formats."):
        importlib.import_module(found.name)
"""


@pytest.mark.skipif(not ON_LINUX, reason="builds Linux x86_64 bundles")
@pytest.mark.parametrize(
    ("name", "handler"),
    [pytest.param(*each, marks=() if each[0] in ONE_A_LOCK else pytest.mark.slow) for each in FUNCTIONS],
)
