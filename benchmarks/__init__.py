"""What the project claims in numbers, each as a command: `python -m benchmarks.<name> --help`."""
