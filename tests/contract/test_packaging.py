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
def test_a_bundle_imports_its_handler_with_nothing_else_there(tmp_path: Path, name: str, handler: str) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ARTIFACTS_DIR": str(tmp_path),
        "LAKEFERRY_PYTHON_VERSION": version,
        "LAKEFERRY_ARCHITECTURE": "x86_64",
    }
    command = [
        "make",
        "-s",
        "-f",
        str(MAKEFILE),
        f"build-{name}",
    ]
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IMPORT, str(tmp_path), handler], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pyarrow").exists() is (name in {"ValidateFunction", "CurateSmallFunction"})
    assert (tmp_path / "lakeferry" / "feed_schema.json").exists()
    others = {folder.split(".")[0] for _, folder in FUNCTIONS} - {handler.split(".")[0]}
    assert not [folder for folder in others if (tmp_path / folder).exists()]


def test_the_recipe_builds_for_the_templates_runtime_and_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    template = load(ROOT / "template.yaml")
    python = template["Globals"]["Function"]["Runtime"].removeprefix("python")
    assert python == bundle.PYTHON_VERSION
    assert template["Globals"]["Function"]["Architectures"] == [{"Ref": "Architecture"}]
    parameter = template["Parameters"]["Architecture"]
    assert set(parameter["AllowedValues"]) == set(bundle.MACHINES)
    monkeypatch.delenv("LAKEFERRY_ARCHITECTURE", raising=False)
    assert bundle.architecture() == parameter["Default"]
    lock = (ROOT / "tools" / "lock.sh").read_text()
    assert f"--python-version {python} --python-platform aarch64-" in lock
    job = template["Resources"]["CurateJob"]["Properties"]["DefaultArguments"]
    assert f"--python-version {bundle.GLUE_PYTHON_VERSION} --python-platform x86_64-" in lock
    # a job that asks a package index at its start fails with it
    assert "--additional-python-modules" not in job


@pytest.mark.parametrize(
    ("samconfig", "variables", "built"),
    [
        ('[default.deploy.parameters]\nparameter_overrides = "A=1 Architecture=x86_64"\n', {}, "x86_64"),
        ("[default.deploy.parameters]\nparameter_overrides = 'Architecture=\"x86_64\" B=2'\n", {}, "x86_64"),
        ('[prod.deploy.parameters]\nparameter_overrides = "Architecture=x86_64"\n', {}, "arm64"),
        ('[prod.deploy.parameters]\nparameter_overrides = "Architecture=x86_64"\n', {"STAGE": "prod"}, "x86_64"),
        (
            '[default.deploy.parameters]\nparameter_overrides = "Architecture=arm64"\n',
            {"ARCHITECTURE": "x86_64"},
            "x86_64",
        ),
        ('[default.deploy.parameters]\n# parameter_overrides = "Architecture=x86_64"\n', {}, "arm64"),
        ('[default.deploy.parameters]\nparameter_overrides = "OtherArchitecture=x86_64"\n', {}, "arm64"),
        (None, {}, "arm64"),
    ],
)
def test_the_architecture_is_what_the_stage_deploys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samconfig: str | None, variables: dict[str, str], built: str
) -> None:
    (tmp_path / "template.yaml").write_text((ROOT / "template.yaml").read_text())
    if samconfig is not None:
        (tmp_path / "samconfig.toml").write_text(samconfig)
    monkeypatch.setattr(bundle, "ROOT", tmp_path)
    for name in ("ARCHITECTURE", "STAGE"):
        monkeypatch.delenv(f"LAKEFERRY_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(f"LAKEFERRY_{name}", value)
    assert bundle.architecture() == built


def test_an_unknown_architecture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEFERRY_ARCHITECTURE", "riscv")
    with pytest.raises(SystemExit, match="use one of arm64, x86_64"):
        bundle.architecture()


START = """
import sys
sys.path = sys.argv[1:] + [path for path in sys.path if "site-packages" not in path]
import curate
assert callable(curate.main)
"""
GLUE_HAS = ("pyspark", "py4j", "boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six.py")


@pytest.mark.skipif(sys.version_info[:2] != (3, 11) or not ON_LINUX, reason="Glue's Python is 3.11 on Linux x86_64")
def test_the_job_runs_with_what_glue_has_and_what_it_brings(tmp_path: Path) -> None:
    bundle.job(tmp_path / "job")
    with zipfile.ZipFile(tmp_path / "job" / "packages.zip") as packages:
        packages.extractall(tmp_path / "packages")
    (tmp_path / "glue").mkdir()
    for name in GLUE_HAS:
        found = importlib.util.find_spec(name.removesuffix(".py"))
        assert found is not None
        assert found.origin is not None
        (tmp_path / "glue" / name).symlink_to(found.origin if name.endswith(".py") else Path(found.origin).parent)
    paths = [str(tmp_path / name) for name in ("packages", "job/lakeferry-job.zip", "glue")]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", START, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # without what the job brings, this test would show nothing
    alone = subprocess.run(
        [sys.executable, "-I", "-S", "-c", START, *paths[1:]], capture_output=True, text=True, check=False
    )
    assert "No module named" in alone.stderr


def test_equal_sources_make_an_equal_archive(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1")
    for name in ("one.zip", "two.zip"):
        (tmp_path / "a.py").touch()
        bundle.pack({"a.py": tmp_path / "a.py"}, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


@pytest.mark.parametrize("folder", ["functions", "project"])
def test_the_makefile_finds_the_recipe(tmp_path: Path, folder: str) -> None:
    """As SAM calls it: in the project (build in source), or with Makefile and project apart (in a container)."""
    makefile = MAKEFILE
    if folder == "project":
        makefile = tmp_path / "Makefile"
        makefile.write_text(MAKEFILE.read_text())
    # below `make test`, make would say which folder it enters before it says the recipe
    said = subprocess.run(
        ["make", "-n", "--no-print-directory", "--makefile", str(makefile), "build-PollFunction"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    recipe = said.stdout.split()[1]
    assert (ROOT / recipe).resolve() == ROOT / "tools" / "bundle.py"
