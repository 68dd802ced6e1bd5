"""What an editor shows in a feed: a YAML language server completes settings, explains them, and underlines mistakes."""

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import main
from cli.feeds.schema import KEPT, line_for, path_of_schema
from lakeferry.version import VERSION
from tests.conftest import ROOT
from tools import docs_pages, release

EXAMPLE = ROOT / "feeds" / "acme_daily_sales.yaml"
SERVER = ROOT / ".cache/editor/node_modules/yaml-language-server/bin/yaml-language-server"


class Editor:
    """A client of the language server protocol, over standard input and output."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", str(SERVER), "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        )
        self._ids = itertools.count(1)
        self.problems: dict[str, list[str]] = {}
        ability = {"textDocument": {"completion": {"completionItem": {"snippetSupport": False}}}}
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": ability})
        self._send({"method": "initialized", "params": {}})

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def open(self, path: Path, text: str) -> None:
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": next(self._ids), "text": text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The server's answer; what it asks or tells meanwhile is answered, or kept."""
        wanted = next(self._ids)
        self._send({"id": wanted, "method": method, "params": params})
        return self._until(lambda message: message.get("id") == wanted and "method" not in message)["result"]

    def problems_of(self, path: Path) -> list[str]:
        """What it underlines in an open document."""
        while path.as_uri() not in self.problems:
            self._until(lambda message: message.get("method") == "textDocument/publishDiagnostics")
        return self.problems[path.as_uri()]

    def at(self, path: Path, text: str, place: str, kind: str) -> Any:
        """What it says at the end of a text in the document."""
        before = text[: text.index(place) + len(place)]
        position = {"line": before.count("\n"), "character": len(before) - before.rfind("\n") - 1}
        return self.ask(f"textDocument/{kind}", {"textDocument": {"uri": path.as_uri()}, "position": position})

    def _until(self, wanted: Any) -> dict[str, Any]:
        while True:
            message = self._read()
            if message.get("method") == "textDocument/publishDiagnostics":
                found = message["params"]
                self.problems[found["uri"]] = [one["message"] for one in found["diagnostics"]]
            elif "method" in message and "id" in message:
                items = message["params"].get("items", []) if message.get("params") else []
                self._send({"id": message["id"], "result": [None] * len(items)})
            if wanted(message):
                return message

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        size = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                size = int(value)
        assert size, "the language server has ended"
        message: dict[str, Any] = json.loads(self._process.stdout.read(size))
        return message


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    if shutil.which("node") is None:
        pytest.skip("needs node, for yaml-language-server")
    done = subprocess.run(["tools/install-editor.sh"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(done.stdout.strip())
    editor = Editor()
    try:
        yield editor
    finally:
        editor.end()


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drafted")
    sample = folder / "sales_20261128.csv"
    sample.write_text("order_id,amount\n1,12.50\n2,3.00\n", "utf-8")
    assert main(["feeds", "draft", str(sample), "--out", str(folder / "sales.yaml")]) == 0
    return folder / "sales.yaml"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("which", ["example", "draft"])
def test_an_editor_explains_and_completes_settings(editor: Editor, draft: Path, which: str) -> None:
    path = EXAMPLE if which == "example" else draft
    text = path.read_text("utf-8")
    editor.open(path, text)
    assert editor.problems_of(path) == []
    said = editor.at(path, text, "  pattern", "hover")["contents"]["value"]
    assert said.startswith("#### Pattern\n\nGlob on the file name; one ")
    written = text.replace("\ndataset:", "\nsch\ndataset:", 1)
    other = path.with_name("other.yaml")
    editor.open(other, written)
    offered = {one["label"]: one for one in editor.at(other, written, "\nsch", "completion")["items"]}
    assert {"schedule", "enabled", "decode_options"} <= set(offered)
    assert not {"tenant", "server", "format"} & set(offered), "what is there already is not offered"
    assert "When to poll, UTC" in json.dumps(offered["schedule"])


@pytest.mark.timeout(300)
def test_an_editor_completes_values_and_underlines_mistakes(editor: Editor) -> None:
    path = EXAMPLE.with_name("mistaken.yaml")
    text = (
        EXAMPLE.read_text("utf-8")
        .replace("  pattern:", "  patern:")
        .replace("on_redelivery: replace", "on_redelivery: ")
    )
    editor.open(path, text)
    assert any("patern" in one for one in editor.problems_of(path))
    offered = [one["label"] for one in editor.at(path, text, "on_redelivery: ", "completion")["items"]]
    assert {"replace", "newer", "reject"} <= set(offered)


# -- which schema a document names, and where it is published


def test_a_draft_names_the_schema_that_a_team_keeps_beside_its_feeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = path_of_schema()
    assert line_for(tmp_path / "x.yaml") == f"# yaml-language-server: $schema={ours.resolve()}"
    assert line_for(ROOT / "feeds" / "x.yaml") == EXAMPLE.read_text("utf-8").splitlines()[0]
    assert main(["feeds", "schema"]) == 0
    (tmp_path / KEPT).write_text(capsys.readouterr().out, "utf-8")
    assert json.loads((tmp_path / KEPT).read_text("utf-8")) == json.loads(ours.read_text("utf-8"))
    assert line_for(tmp_path / "x.yaml") == f"# yaml-language-server: $schema={KEPT}"


def test_the_schema_is_published_by_version(tmp_path: Path) -> None:
    schema = json.loads(path_of_schema().read_text("utf-8"))
    assert schema["$id"] == f"urn:lakeferry:feed:{VERSION}"
    docs_pages.publish_schema(tmp_path)
    for name in (f"feed-{VERSION}.json", "feed.json"):
        assert json.loads((tmp_path / name).read_text("utf-8")) == schema
    assert "`schema/feed-<version>.json`" in (ROOT / "docs/feed-reference.md").read_text("utf-8")
    text = path_of_schema().read_text("utf-8")
    newer = json.loads(release.with_schema_id(text, "9.0.0"))
    assert (newer.pop("$id"), newer) == ("urn:lakeferry:feed:9.0.0", {k: v for k, v in schema.items() if k != "$id"})
    with pytest.raises(release.ReleaseError, match="has 0 lines"):
        release.with_schema_id("{}", "9.0.0")


def test_the_lock_of_the_language_server_has_hashes_and_no_registry() -> None:
    text = (ROOT / "requirements/editor/package-lock.json").read_text("utf-8")
    packages = json.loads(text)["packages"]
    assert all(one["integrity"].startswith("sha512-") for name, one in packages.items() if name)
    assert "resolved" not in text
    assert "://" not in text
