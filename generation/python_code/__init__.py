"""Python functions written by a model: extracting them and their tests from its answers, and running both."""
