"""Runs of any size, simulated from the state machine's own file; `benchmarks/scale.py` has what comes of it."""

from benchmarks import measuring as measuring  # which takes the scripts' folder off the path
