"""Published corpora as records: which rows become one, and how their fields are converted."""
