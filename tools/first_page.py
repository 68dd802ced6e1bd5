"""Writes docs/first-deployment.md from what `lakeferry doctor --first` looks at.

    python -m tools.first_page

tests/contract/test_first_deployment.py fails where the page is not what this makes.
"""

import sys
from pathlib import Path

from cli.doctor.first.step import Step
from cli.doctor.first.steps import STEPS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "first-deployment.md"
MARK = "<!-- What follows is made from the steps: python -m tools.first_page -->\n"


def page() -> str:
    """The page's text: what is before the mark stays."""
    before = PAGE.read_text("utf-8").partition(MARK)[0]
    return before + MARK + "".join(_section(number, step) for number, step in enumerate(STEPS, 1))


def _section(number: int, step: Step) -> str:
    by = "" if step.looks else " **Yours to look at.**"
    shown = f"```\n{step.command}\n```"
    return f"\n## {number}. {step.title}\n\n{step.why}{by}\n\n{shown}\n\nShould print: {_quoted(step.prints)}.\n"


def _quoted(text: str) -> str:
    return text.replace("{", "`{").replace("}", "}`")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print(f"wrote {PAGE}", file=sys.stderr)
