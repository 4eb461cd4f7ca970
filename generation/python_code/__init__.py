"""Python functions that a model has written: the code in its answers, its tests, and running both."""
