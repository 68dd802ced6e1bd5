"""The figures in RESULTS.md, docs/speed.md and README are those that were measured and kept."""

import os

from benchmarks.reporting import documents
from benchmarks.reporting.kept import outcomes
from benchmarks.reporting.page import page
from tests.conftest import ROOT

BENCHMARKS = ROOT / "benchmarks"
KEPT = outcomes(BENCHMARKS / "results")
ANEW = "make it anew: python -m benchmarks.reporting --page"


def test_the_page_is_made_of_what_is_kept() -> None:
    drawn = [os.path.relpath(plot, BENCHMARKS) for plot in sorted(BENCHMARKS.glob("plots/*.svg"))]
    assert (BENCHMARKS / "RESULTS.md").read_text("utf-8") == page(KEPT, drawn), ANEW


def test_documents_have_their_figures_from_what_is_kept() -> None:
    made = documents.made(KEPT)
    assert set(made) == {documents.SPEED, documents.README}
    for document, figures in made.items():
        text = document.read_text("utf-8")
        assert text == documents.between(text, figures), f"{document.name}: {ANEW}"
