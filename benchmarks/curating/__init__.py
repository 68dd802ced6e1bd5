"""Contenders of benchmarks/curate.py, and what they cost."""
