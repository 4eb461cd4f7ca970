"""Runs untrusted Python in isolation."""
