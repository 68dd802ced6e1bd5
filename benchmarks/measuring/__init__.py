"""What the benchmarks share: processes and what they cost, rounds and ratios, a long way on loopback."""
