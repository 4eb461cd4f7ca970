"""The published corpora as records: which of their rows make one, and what becomes of the fields."""
