"""Each function's bundle holds all it imports, and nothing heavy it does not need.

`make build` takes wheels for Lambda's Python and arm64, which do not run here; the same recipe with this machine's
Python and architecture does.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from local.template import load

ROOT = Path(__file__).parent.parent.parent
FUNCTIONS = [
    (name, found["Properties"]["Handler"])
    for name, found in load(ROOT / "template.yaml")["Resources"].items()
    if found["Type"] == "AWS::Serverless::Function"
]
ONE_A_LOCK = {"DescribeFunction", "PollFunction", "CheckSlaFunction", "ValidateFunction"}
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


@pytest.mark.skipif(
    platform.system() != "Linux" or platform.machine() != "x86_64", reason="builds Linux x86_64 bundles"
)
@pytest.mark.parametrize(
    ("name", "handler"),
    [pytest.param(*each, marks=() if each[0] in ONE_A_LOCK else pytest.mark.slow) for each in FUNCTIONS],
)
def test_a_bundle_imports_its_handler_with_nothing_else_there(tmp_path: Path, name: str, handler: str) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ARTIFACTS_DIR": str(tmp_path),
    }
    command = [
        "make",
        "-s",
        "-f",
        str(MAKEFILE),
        f"build-{name}",
        f"PYTHON_VERSION={version}",
        "PLATFORM=x86_64-manylinux_2_28",
    ]
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT, str(tmp_path), handler], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pyarrow").exists() is (name == "ValidateFunction")
    assert (tmp_path / "lakeferry" / "feed_schema.json").exists()
    others = {folder.split(".")[0] for _, folder in FUNCTIONS} - {handler.split(".")[0]}
    assert not [folder for folder in others if (tmp_path / folder).exists()]


def test_the_recipe_builds_for_the_templates_runtime_and_architecture() -> None:
    settings = load(ROOT / "template.yaml")["Globals"]["Function"]
    text = MAKEFILE.read_text()
    assert f"PYTHON_VERSION := {settings['Runtime'].removeprefix('python')}\n" in text
    assert settings["Architectures"] == ["arm64"]
    assert "PLATFORM := aarch64-" in text
    lock = (ROOT / "tools" / "lock.sh").read_text()
    assert f"--python-version {settings['Runtime'].removeprefix('python')} --python-platform aarch64-" in lock
