"""Benchmarks against other libraries: scripts, never timed tests. They need `requirements-bench.txt`."""
