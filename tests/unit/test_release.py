"""A release changes the version and the changelog, packs what was built, and refuses what is no release."""

import zipfile
from datetime import date
from pathlib import Path

import pytest

from tools import release

CHANGELOG = "# Changelog\n\n## Unreleased\n\n### Added\n- A thing.\n\n## 0.1.0 (2026-01-01)\n- The first.\n"


def test_the_changelog_gets_a_heading_for_what_was_unreleased() -> None:
    made = release.with_release(CHANGELOG, "0.2.0", date(2026, 11, 29))
    assert made == CHANGELOG.replace("## Unreleased\n", "## Unreleased\n\n## 0.2.0 (2026-11-29)\n")
    with pytest.raises(release.ReleaseError, match='no entry under "Unreleased"'):
        release.with_release(made, "0.3.0", date(2026, 11, 30))


def test_the_version_stands_once_and_grows() -> None:
    project = '"""The version."""\n\nVERSION = "0.9.2"\n'
    assert release.with_version(project, "0.10.0").count("0.10.0") == 1
    assert release.with_version((release.ROOT / release.VERSION_FILE).read_text("utf-8"), "999.0.0")
    for older in ("0.9.2", "0.9.1", "0.0.99"):
        with pytest.raises(release.ReleaseError, match=r"not newer than 0\.9\.2"):
            release.with_version(project, older)


@pytest.mark.parametrize("version", ["1", "1.2", "v1.2.3", "1.2.3-rc1", "01.2.3", "1.2.3\n", "١.٢.٣", ""])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(release.ReleaseError, match="three numbers"):
        release.numbers(version)


def test_equal_builds_make_equal_packages(tmp_path: Path) -> None:
    built = tmp_path / "build"
    (built / "Poll").mkdir(parents=True)
    (built / "Poll" / "handler.py").write_text("x = 1\n")
    (built / "template.yaml").write_text("Resources: {}\n")
    (built / "Poll" / "handler.py").chmod(0o755)
    first = release.pack(built, tmp_path / "one.zip")
    (built / "template.yaml").touch()
    assert release.pack(built, tmp_path / "two.zip") == first
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist() == ["Poll/handler.py", "template.yaml"]
        assert archive.read("Poll/handler.py") == b"x = 1\n"
        assert archive.getinfo("Poll/handler.py").external_attr >> 16 & 0o111


def test_a_wrong_call_says_how() -> None:
    assert release.main([]) == 2
