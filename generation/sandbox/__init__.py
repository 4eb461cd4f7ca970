"""Untrusted Python, run where it can reach nothing."""
