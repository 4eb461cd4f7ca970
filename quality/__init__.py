"""Checks on the texts of a complete data set: duplicates, benchmark items, personal data."""
