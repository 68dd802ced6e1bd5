"""What `make bench` writes: benchmarks/RESULTS.md and its plots, from what the scripts found."""
