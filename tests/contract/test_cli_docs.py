"""docs/cli.md is what the commands say of themselves."""

from tools.cli_docs import PAGE, page


def test_the_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "make it anew: python -m tools.cli_docs"


def test_exit_codes_are_those_of_the_code() -> None:
    from cli import problems

    codes = (problems.DONE, problems.FAILED, problems.WRONG_USE, problems.NOTHING_MATCHED)
    assert "{} done, {} failed, {} wrong use, {} nothing matched".format(*codes) in page()
