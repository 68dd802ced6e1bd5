"""Looks at the templates and the state machine with cfn-lint-serverless, checkov and statelint.

    python -m tools.templates .cache/lint/bin

Prints what `tools/accepted_findings.yaml` does not accept, and what it accepts in vain. Ends with 1 if there is any.
"""

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local.template import load, translated

ROOT = Path(__file__).parent.parent
TEMPLATES = ("template.yaml", "lakeformation.yaml", "monitoring.yaml", "queries.yaml")
MACHINE = ROOT / "statemachine" / "ingest.asl.json"
ACCEPTED = ROOT / "tools" / "accepted_findings.yaml"
NUMBERS = {"MaxFeedsAtOnce": "100", "MaxAttempts": "5"}
"""Substitutions within expressions; all others are names or ARNs."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one of the tools objects to.

    Attributes:
        rule: Its number, or of a tool without numbers the sentence without its place.
        at: Logical id, or state and what is in it.
    """

    tool: str
    rule: str
    at: str
    text: str

    def __str__(self) -> str:
        return f"{self.tool} {self.rule} at {self.at}: {self.text}"


def cfn_lint(programs: Path) -> Iterator[Finding]:
    """By cfn-lint with the rules of cfn-lint-serverless, on the templates as they are written."""
    paths = [str(ROOT / name) for name in TEMPLATES]
    said = _said([str(programs / "cfn-lint"), "-a", "cfn_lint_serverless.rules", "-f", "json", "--", *paths])
    for found in json.loads(said or "[]"):
        place = found["Location"]["Path"] or [found["Filename"]]
        yield Finding("cfn-lint", found["Rule"]["Id"], str(place[1 if len(place) > 1 else 0]), found["Message"])


def checkov(programs: Path) -> Iterator[Finding]:
    """By checkov, on what SAM makes of the templates: roles and rules are there then."""
    with tempfile.TemporaryDirectory() as folder:
        for name in TEMPLATES:
            parameters = load(ROOT / name)["Parameters"]
            template, _ = translated(ROOT / name, {key: str(of.get("Default", "x")) for key, of in parameters.items()})
            (Path(folder) / f"{name}.json").write_text(json.dumps(template), "utf-8")
        options = ["--framework", "cloudformation", "--compact", "--quiet", "--skip-download", "--output", "json"]
        answer = json.loads(_said([str(programs / "checkov"), "--directory", folder, *options]))
    if answer["summary"]["parsing_errors"] or not answer["summary"]["passed"]:
        raise SystemExit(f"templates: checkov could not read the templates: {answer['summary']}")
    for found in answer["results"]["failed_checks"]:
        yield Finding("checkov", found["check_id"], found["resource"].rpartition(".")[2], found["check_name"])


def statelint(programs: Path, definition: str) -> Iterator[Finding]:
    """By statelint, on a state machine whose substitutions are filled in."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "machine.json"
        path.write_text(filled(definition), "utf-8")
        said = _said([str(programs / "statelint"), str(path)])
    for line in said.splitlines():
        if re.fullmatch(r"\d+ errors?:|One error:", line.strip()):
            continue
        place = re.search(r"State Machine(?:\.[^.]+)*", line)
        where = place[0].rstrip(":") if place else line
        yield Finding("statelint", _rule(line), _state(where), line.strip())


def filled(definition: str) -> str:
    """The state machine with something in place of each substitution."""
    for name, number in NUMBERS.items():
        definition = definition.replace(f"${{{name}}}", number)
    definition = definition.replace("${Partition}", "aws")
    return re.sub(r"\$\{\w+\}", "arn:aws:lambda:eu-west-1:123456789012:function:x", definition)


def _rule(line: str) -> str:
    """`State Machine.States.X.Seconds is "…" but should be an Integer` → `Seconds should be an Integer`."""
    if found := re.search(r'(\w+) is ".*" but (should be .*)', line):
        return f"{found[1]} {found[2]}"
    return re.sub(r"(?: in)? State Machine\S.*", "", line.strip())


def _state(where: str) -> str:
    """`State Machine.States.X.ItemReader.ReaderConfig` → `X.ItemReader`."""
    _, _, inner = where.rpartition(".States.")
    words = inner.split(".")
    return ".".join(words[:2]) if words[1:2] == ["ItemReader"] else words[0]


def _said(command: list[str]) -> str:
    """What a tool prints; that it found something is no failure of it."""
    # what the terminal is like is nothing to a tool, nor is a proxy: checkov would ask its makers for policies
    environment = {**os.environ, "LOG_LEVEL": "ERROR", "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    if not done.stdout.strip() and done.returncode:
        raise SystemExit(f"templates: {Path(command[0]).name} ended with {done.returncode}:\n{done.stderr[-2_000:]}")
    return done.stdout


def judged(found: Iterable[Finding], accepted: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    """What is not accepted, and what is accepted in vain."""
    used = set[tuple[str, str, str]]()
    for finding in found:
        entries = [entry for entry in accepted.get(finding.tool, []) if entry["rule"] == finding.rule]
        places = [at for entry in entries for at in entry["at"] if at in {"*", finding.at}]
        used |= {(finding.tool, finding.rule, at) for at in places}
        if not places:
            yield str(finding)
    for tool, all_entries in accepted.items():
        for entry in all_entries:
            for at in entry["at"]:
                if (tool, entry["rule"], at) not in used:
                    yield f"{ACCEPTED.name} accepts {tool} {entry['rule']} at {at}: nothing finds it any more"


def main(programs: Path) -> int:
    """Looks, and tells."""
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # its metrics are nobody's here
    accepted = yaml.safe_load(ACCEPTED.read_text("utf-8"))
    found = [*cfn_lint(programs), *checkov(programs), *statelint(programs, MACHINE.read_text("utf-8"))]
    problems = list(judged(found, accepted))
    for problem in problems:
        print(f"templates: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
