"""What the benchmarks share: processes and what they cost, rounds and ratios, a long way on loopback."""

import sys
from pathlib import Path

# a script finds its own folder first, and there `poll` and `validate` are benchmarks, not the functions
sys.path[:] = [path for path in sys.path if Path(path).resolve() != Path(__file__).resolve().parents[1]]
