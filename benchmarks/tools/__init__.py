"""What the benchmarks rest on: the fidelity measure, grown dumps, small models as folders."""
