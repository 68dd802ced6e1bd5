"""Contenders of benchmarks/curated_zone.py, and what they cost."""
